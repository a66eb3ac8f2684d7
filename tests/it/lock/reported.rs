//! How shapes get into the lock, and when cargo looks at it again.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use eventsource::schema::{Lock, Merged, Report, StepKind};

use super::package::{BANK, LOCK, SHARED, Workspace};

/// A program of the package, an example, and a test, each with an event of its own.
const MAIN: &str = r#"
use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "process.started", version = 2, upcast(from = 1, with = same))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Started { host_name: String, #[event(schema = "string(hex)")] #[serde(with = "hex")] key: [u8; 4] }

fn same(value: eventsource_value::Value) -> Result<eventsource_value::Value, String> { Ok(value) }
mod eventsource_value { pub use serde_json::Value; }
mod hex {
    pub fn serialize<S: serde::Serializer>(_: &[u8; 4], s: S) -> Result<S::Ok, S::Error> { s.serialize_str("") }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<[u8; 4], D::Error> { Ok([0; 4]) }
}

fn main() {}

#[cfg(test)]
mod tests {
    #[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
    #[event(name = "only.tested", version = 1)]
    struct Tested { text: String }
}
"#;

const EXAMPLE: &str = r#"
#[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
#[event(name = "example.shown", version = 1)]
struct Shown { text: String }

fn main() {}
"#;

fn workspace(lock: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.add_shared("shared", SHARED);
    workspace.add_bank("bank", "shared", BANK, lock);
    workspace
}

/// What the tests of the package report, by lock.
fn ask(workspace: &Workspace) -> BTreeMap<PathBuf, Vec<Report>> {
    let folder = workspace.path("../lock reports");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let arguments = ["test", "--package", "bank", "--lib", "--bins", "--examples", "--", "__eventsource_lock_"];
    let output = workspace.cargo(&arguments, &[("EVENTSOURCE_LOCK", &folder)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut reports: BTreeMap<PathBuf, Vec<Report>> = BTreeMap::new();
    for (lock, report) in Report::collect(&folder).unwrap() {
        reports.entry(lock).or_default().push(report);
    }
    fs::remove_dir_all(&folder).unwrap();
    reports
}

/// A lock of these reports, and what became of each version.
fn merged(mut lock: Lock, reports: &[Report]) -> (Lock, Vec<(String, u32, Merged)>) {
    let stored: Vec<_> = reports.iter().filter(|report| !report.is_of_a_test()).collect();
    let outcomes = stored.iter().flat_map(|report| lock.merge(report)).collect();
    // Readers belong to events, which had to come first.
    stored.iter().filter(|report| matches!(report, Report::Reader(_))).for_each(|report| drop(lock.merge(report)));
    (lock, outcomes)
}

#[test]
fn a_program_says_what_it_stores_when_it_is_asked() {
    let workspace = workspace("");
    fs::remove_file(workspace.path("bank/events.lock")).unwrap();
    let manifest = fs::read_to_string(workspace.path("bank/Cargo.toml")).unwrap() + "serde_json = \"1\"\n";
    workspace.write("bank/Cargo.toml", &manifest);
    workspace.write("bank/src/main.rs", MAIN);
    workspace.write("bank/examples/show.rs", EXAMPLE);

    let reports = ask(&workspace);
    let locks: Vec<_> = reports.keys().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(locks, ["events.lock", "events.show.lock"]);
    let of_package = &reports[&workspace.path("bank/events.lock")];
    let started = of_package.iter().find_map(|report| match report {
        Report::Event(event) if event.name == "process.started" => Some(event),
        _ => None,
    });
    let started = started.unwrap();
    assert_eq!((started.version, started.oldest, &*started.module), (2, 1, "bank"));
    assert_eq!(started.steps, [StepKind::Raw.step(1)]);

    let (lock, outcomes) = merged(Lock::default(), of_package);
    assert!(outcomes.iter().all(|(_, _, outcome)| *outcome == Merged::Added), "{outcomes:?}");
    let program = "event process.started\n  version 2 strict\n    hostName: string\n    key: string(hex)\n\nend";
    assert_eq!(lock.to_string(), LOCK.replace("end", program));

    // The same program fits what was written, and has nothing to add.
    workspace.write("bank/events.lock", &lock.to_string());
    assert_eq!(workspace.errors(), [""; 0]);
    let (again, outcomes) = merged(lock.clone(), of_package);
    assert_eq!(again, lock);
    assert!(outcomes.iter().all(|(_, _, outcome)| *outcome == Merged::Unchanged), "{outcomes:?}");
}

#[test]
fn cargo_looks_at_the_lock_again_when_it_may_matter() {
    let workspace = workspace(LOCK);
    let errors = |step: &str, expected: &[&str]| {
        let errors = workspace.errors();
        let fit = errors.len() == expected.len()
            && expected.iter().all(|part| errors.iter().any(|error| error.contains(part)));
        assert!(fit, "{step}: {errors:#?}");
    };
    errors("as it is", &[]);
    workspace.write("bank/events.lock", &LOCK.replace("owner: string", "owner: char"));
    errors("the lock is edited", &["owner: locked as `char`, now `string`"]);
    workspace.write("bank/events.lock", LOCK);
    errors("the lock is restored", &[]);
    fs::remove_file(workspace.path("bank/events.lock")).unwrap();
    errors("the lock is deleted", &["bank/src/lib.rs: eventsource::schema_lock!(): there is no `events.lock`"]);

    // Who has no lock need not describe a type.
    let unguarded = BANK.replace("eventsource::schema_lock!();", "").replace("owner: String", "owner: shared::Secret");
    workspace.write("bank/src/lib.rs", &unguarded);
    errors("nobody asks for a lock", &[]);

    // Nothing can tell cargo of a file that was not there; but whoever asks for a lock had no build without it.
    workspace.write("bank/src/lib.rs", BANK);
    errors("there is no lock yet", &["there is no `events.lock`"]);
    let reports = ask(&workspace);
    let (lock, _) = merged(Lock::default(), &reports[&workspace.path("bank/events.lock")]);
    workspace.write("bank/events.lock", &lock.to_string().replace("owner: string", "owner: char"));
    errors("the lock is new", &["owner: locked as `char`"]);
}

#[test]
fn documentation_examples_and_tests_are_not_held_to_the_lock() {
    let workspace = workspace(&LOCK.replace("owner: string", "owner: char"));
    let bank = BANK.replace("eventsource::schema_lock!();", "");
    workspace.write("bank/src/lib.rs", &format!("{bank}\n{}", DOCUMENTED));
    let other = EXAMPLE.replace("example.shown", "account.opened");
    workspace.write("bank/examples/show.rs", &other);
    workspace.write("bank/tests/uses.rs", &other);
    assert_eq!(workspace.errors().len(), 1, "the library is held to it");

    let output = workspace.cargo(&["doc", "--no-deps", "--package", "bank"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    workspace.write("bank/events.lock", LOCK);
    let succeeds = |arguments: &[&str]| {
        let output = workspace.cargo(arguments, &[]);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    succeeds(&["check", "--package", "bank", "--examples", "--tests"]);
    succeeds(&["test", "--package", "bank", "--doc"]);

    // With a lock of its own an example is held to that. Nothing can tell cargo of a file that was not there.
    workspace.write("bank/examples/show.rs", &format!("{other}\n"));
    workspace.write("bank/events.show.lock", &LOCK.replace("owner: string", "text: char"));
    let output = workspace.cargo(&["check", "--package", "bank", "--example", "show"], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("text: locked as `char`, now `string`"), "{said}");
}

const DOCUMENTED: &str = r#"
/// ```
/// #[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
/// #[event(name = "account.opened", version = 1)]
/// struct Opened { owner: u8 }
/// ```
pub struct Documented;
"#;

#[test]
fn a_package_of_a_registry_may_lack_its_lock() {
    let workspace = workspace("");
    fs::remove_file(workspace.path("bank/events.lock")).unwrap();
    assert_eq!(workspace.errors().len(), 1);
    // cargo leaves this file in every package that it unpacks.
    workspace.write("bank/.cargo-ok", "{\"v\":1}");
    workspace.write("bank/src/lib.rs", &format!("{BANK}\n"));
    assert_eq!(workspace.errors(), [""; 0]);
}
