//! Recorded payloads, replayed: what the test beside an event notices.

use std::fs;
use std::panic::catch_unwind;

use eventsource::__private::GoldenOf;
use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "person.moved", alias = "person.left", version = 2, upcast(from = 1, with = town))]
struct Moved {
    town: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zip: Option<u32>,
    #[serde(default)]
    tags: Vec<String>,
}

fn town(value: Value) -> Result<Value, String> {
    let town = value["city"].as_str().ok_or("there is no city")?;
    let zip = value["city"].as_str().filter(|city| city.starts_with("Praha")).map(|_| 11_000);
    Ok(json!({ "town": town, "zip": zip }))
}

const LOCK: &str =
    "format 1\n\nevent person.moved\n  version 1\n    city: string\n  version 2\n    town: string\nend\n";

/// What the replay says of these files beside this lock; nothing if it passes.
fn replayed(lock: &str, files: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.lock");
    fs::write(&path, lock).unwrap();
    for (file, text) in files {
        let file = folder.path().join("events/golden").join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let path: &'static str = path.to_str().unwrap().to_owned().leak();
    let said = catch_unwind(|| GoldenOf::<Moved>::beside(path).replay());
    said.err().map(|said| said.downcast_ref::<String>().unwrap().clone()).unwrap_or_default()
}

const PAYLOAD: (&str, &str) = ("person.moved/v1.real.json", "{\"city\":\"Brno\"}");

#[test]
fn a_recorded_payload_must_become_what_is_recorded_beside_it() {
    let beside = |result: &str| replayed(LOCK, &[PAYLOAD, ("person.moved/v1.real.as-v2.json", result)]);
    assert_eq!(beside("{ \"tags\": [], \"town\": \"Brno\" }\n"), "");
    let wrong = beside("{\"tags\":[],\"town\":\"Praha\"}");
    let text = "person.moved/v1.real.json: it was recorded to become {\"tags\":[],\"town\":\"Praha\"}, \
                and becomes {\"tags\":[],\"town\":\"Brno\"}";
    assert!(wrong.ends_with(text), "{wrong}");
    assert!(beside("town").contains("v1.real.json: what it became is no JSON"));
    // The current version too, because what is written today is history tomorrow.
    let current = ("person.moved/v2.real.json", "{\"town\":\"Brno\"}");
    assert_eq!(replayed(LOCK, &[current, ("person.moved/v2.real.as-v2.json", "{\"tags\":[],\"town\":\"Brno\"}")]), "");
    let renamed = replayed(LOCK, &[current, ("person.moved/v2.real.as-v2.json", "{\"tags\":[],\"town\":\"Praha\"}")]);
    assert!(renamed.contains("person.moved/v2.real.json: it was recorded to become"), "{renamed}");
    // Under another name, in another file, and of a newer program.
    let other = [("person.left/v1.real.json", PAYLOAD.1), ("person.left/v1.real.as-v2.json", "{}")];
    assert!(replayed(LOCK, &other).contains("person.left/v1.real.json"));
    assert_eq!(replayed(LOCK, &[("person.moved/v3.full.json", "{}"), ("person.moved/notes.md", "x")]), "");
}

#[test]
fn fields_that_have_come_since_are_what_they_are_in_what_was_recorded() {
    let beside = |payload: &str, result: &str| {
        replayed(LOCK, &[(PAYLOAD.0, payload), ("person.moved/v1.real.as-v2.json", result)])
    };
    // Recorded before there were tags.
    assert_eq!(beside(PAYLOAD.1, "{\"town\":\"Brno\"}"), "");
    // A step that fills a new field makes another event of what is stored.
    assert!(beside("{\"city\":\"Praha 1\"}", "{\"tags\":[],\"town\":\"Praha 1\"}").contains("becomes"));
}

#[test]
fn a_payload_that_is_refused_or_gone_or_has_no_result_is_noticed() {
    let refused = replayed(LOCK, &[(PAYLOAD.0, "{\"place\":\"Brno\"}")]);
    assert!(refused.contains("person.moved/v1.real.json: ") && refused.contains("there is no city"), "{refused}");
    let gone = replayed(LOCK, &[("person.moved/v1.real.as-v2.json", "{\"town\":\"Brno\"}")]);
    assert!(gone.contains("v1.real.as-v2.json: the payload is gone that became this"), "{gone}");
    let alone = replayed(LOCK, &[PAYLOAD]);
    assert!(alone.contains("v1.real.as-v2.json is missing: cargo eventsource lock"), "{alone}");

    // Who has not locked the new version yet has not recorded it either; a struct of before records nothing.
    let first = LOCK.replace("  version 2\n    town: string\n", "");
    assert_eq!(replayed(&first, &[PAYLOAD]), "");
    let third = LOCK.replace("end\n", "  version 3\n    town: string\nend\n");
    assert_eq!(replayed(&third, &[PAYLOAD]), "");
}

#[test]
fn a_replay_without_its_lock_is_no_success() {
    assert!(catch_unwind(|| GoldenOf::<Moved>::beside("/no/such/events.lock").replay()).is_err());
    assert!(replayed("format 7\n", &[]).contains("events.lock:1"));
}
