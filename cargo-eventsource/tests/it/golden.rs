//! Recorded payloads: written once, replayed by the tests of the package, demanded by steps on raw JSON.

use std::fs;

use super::repository::{BANK, GOLDEN, Repository, second};

/// The second version of the event, by a step on raw JSON.
const RAW: &str = r#"
#[derive(Serialize, Deserialize, eventsource::EventSchema)]
pub enum Kind { Private, Business }

fn holder(mut value: serde_json::Value) -> Result<serde_json::Value, String> {
    let owner = value["owner"].take();
    Ok(serde_json::json!({ "holder": owner, "kind": "Private" }))
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 2, upcast(from = 1, with = holder))]
pub struct Opened { pub holder: String, pub kind: Kind }
"#;

const FOLDER: &str = "events/golden/account.opened";

fn raw() -> String {
    let (head, rest) = BANK.split_once("#[derive(DomainEvent").unwrap();
    let (_, tail) = rest.split_once("pub struct Opened { pub owner: String }\n").unwrap();
    format!("{head}{RAW}{tail}")
}

#[test]
fn each_version_is_recorded_when_it_is_locked_and_never_again() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &raw());
    assert_eq!(bank.run(&["check", "--json"]).code(1).told("changes"), ["account.opened 2 new"]);
    let told = ["account.opened 2 new", "account.opened 1 golden", "account.opened 2 golden"];
    assert_eq!(bank.run(&["lock", "--json"]).code(0).told("changes"), told);
    let files = bank.files(FOLDER);
    let expected = [
        ("v1.full.as-v1.json", GOLDEN[0].1),
        ("v1.full.as-v2.json", "{\"holder\":\"text\",\"kind\":\"Private\"}\n"),
        ("v1.full.json", GOLDEN[1].1),
        ("v1.minimal.as-v1.json", GOLDEN[2].1),
        ("v1.minimal.as-v2.json", "{\"holder\":\"\",\"kind\":\"Private\"}\n"),
        ("v1.minimal.json", GOLDEN[3].1),
        ("v2.full.as-v2.json", "{\"holder\":\"text\",\"kind\":\"Business\"}\n"),
        ("v2.full.json", "{\"holder\":\"text\",\"kind\":\"Business\"}\n"),
        ("v2.kind.Private.as-v2.json", "{\"holder\":\"text\",\"kind\":\"Private\"}\n"),
        ("v2.kind.Private.json", "{\"holder\":\"text\",\"kind\":\"Private\"}\n"),
        ("v2.minimal.as-v2.json", "{\"holder\":\"\",\"kind\":\"Business\"}\n"),
        ("v2.minimal.json", "{\"holder\":\"\",\"kind\":\"Business\"}\n"),
    ];
    assert_eq!(files, expected.map(|(file, text)| (file.to_owned(), text.to_owned())));
    bank.run(&["check"]).code(0);
    let tests = bank.test().code(0);
    assert!(tests.stdout.contains("test __eventsource_golden_Opened ... ok"), "{}", tests.stdout);
    bank.commit();

    // A step that makes something else of an old payload is a failed test, and nothing is written over.
    bank.write("src/lib.rs", &raw().replace("\"Private\" })", "\"Business\" })"));
    let wrong = "account.opened/v1.full.json: it was recorded to become {\"holder\":\"text\",\"kind\":\"Private\"}, \
                 and becomes {\"holder\":\"text\",\"kind\":\"Business\"}";
    let tests = bank.test().code(101);
    assert!(tests.stdout.contains(wrong), "{}", tests.stdout);
    let lock = bank.run(&["lock"]).code(1);
    assert!(lock.stdout.ends_with("\nwhat is recorded stays as it is: repair what reads it\n"), "{}", lock.stdout);
    for command in ["check", "lock"] {
        assert_eq!(bank.run(&[command, "--json"]).code(1).told("changes"), ["account.opened 1 wrong"]);
        assert_eq!(bank.files(FOLDER), files);
    }

    // Nor is it written again once it is gone; in git it is not.
    for gone in ["v1.full.as-v2.json", "v1.full.json"] {
        fs::remove_file(bank.path(&format!("{FOLDER}/{gone}"))).unwrap();
        let lock = bank.run(&["lock", "--json"]).code(1);
        assert_eq!(lock.told("changes"), ["account.opened 1 wrong"]);
        assert!(!bank.path(&format!("{FOLDER}/{gone}")).exists());
    }
    bank.write("src/lib.rs", &raw());
    fs::remove_dir_all(bank.path("events")).unwrap();
    let lock = bank.run(&["lock"]).code(1);
    assert!(lock.stdout.contains("v1.full.json: it is gone, and the last commit has it"), "{}", lock.stdout);
    assert!(!bank.path("events").exists());
}

#[test]
fn a_step_on_raw_json_needs_a_payload() {
    let bank = Repository::with_bank();
    fs::remove_file(bank.path("events.lock")).unwrap();
    fs::remove_dir_all(bank.path("events")).unwrap();
    bank.commit();
    bank.write("src/lib.rs", &raw());
    // Nobody knows what version 1 looked like.
    let told =
        ["account.opened 2 new", "account.opened reader", "account.opened 2 golden", "account.opened 1 unproven"];
    assert_eq!(bank.run(&["lock", "--json"]).code(1).told("changes"), told);
    let check = bank.run(&["check"]).code(1);
    assert!(check.stdout.contains("golden/account.opened/v1.NAME.json"), "{}", check.stdout);

    bank.write(&format!("{FOLDER}/v1.real.json"), "{ \"owner\": \"Alice\" }");
    let tests = bank.test().code(101);
    assert!(tests.stdout.contains("v1.real.as-v2.json is missing: cargo eventsource lock"), "{}", tests.stdout);
    assert_eq!(bank.run(&["check", "--json"]).code(1).told("changes"), ["account.opened 1 golden"]);
    assert_eq!(bank.run(&["lock", "--json"]).code(0).told("changes"), ["account.opened 1 golden"]);
    assert_eq!(bank.read(&format!("{FOLDER}/v1.real.json")), "{ \"owner\": \"Alice\" }");
    assert_eq!(bank.read(&format!("{FOLDER}/v1.real.as-v2.json")), "{\"holder\":\"Alice\",\"kind\":\"Private\"}\n");
    bank.run(&["check"]).code(0);
    bank.test().code(0);

    // Payloads that the lock allows and the step refuses prove nothing.
    let strict = raw().replace(
        "    let owner",
        "    if value[\"owner\"] != \"Alice\" { return Err(\"who?\".into()) }\n    let owner",
    );
    bank.write("src/lib.rs", BANK);
    fs::remove_dir_all(bank.path("events")).unwrap();
    fs::remove_file(bank.path("events.lock")).unwrap();
    bank.run(&["lock"]).code(0);
    fs::remove_dir_all(bank.path("events")).unwrap();
    bank.write("src/lib.rs", &strict);
    let lock = bank.run(&["lock"]).code(1);
    assert!(lock.stdout.contains("unproven  account.opened version 1\n"), "{}", lock.stdout);
    assert!(lock.stdout.contains("refused: ") && lock.stdout.contains("who?"), "{}", lock.stdout);
}

#[test]
fn versions_of_older_structs_are_recorded_by_the_same_run_that_locks_them() {
    let bank = Repository::with_bank();
    fs::remove_file(bank.path("events.lock")).unwrap();
    fs::remove_dir_all(bank.path("events")).unwrap();
    bank.commit();
    // The older struct is only read, so it has nothing to record itself.
    let read = "#[derive(DomainEvent, Deserialize)]\n#[event(name = \"account.opened\", version = 1)]";
    bank.write("src/lib.rs", &second().replace(&read.replace("DomainEvent, ", "DomainEvent, Serialize, "), read));
    bank.run(&["lock"]).code(0);
    let files: Vec<_> = bank.files(FOLDER).into_iter().map(|(file, _)| file).collect();
    let of = |version: u32| {
        ["full", "minimal"].map(|label| [format!("v{version}.{label}.as-v2.json"), format!("v{version}.{label}.json")])
    };
    assert_eq!(files, [of(1), of(2)].concat().concat());
    bank.run(&["check"]).code(0);
    bank.test().code(0);
}
