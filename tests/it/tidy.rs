//! The house's rules that a test can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder of the repository with one of these endings.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if entry.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(entry);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(entry);
            }
        }
    }
    assert!(!found.is_empty(), "no file in {folder}");
    found
}

fn sources() -> Vec<PathBuf> {
    let folders = [
        "src",
        "cargo-eventsource/src",
        "eventsource-axum/src",
        "eventsource-core/src",
        "eventsource-derive/src",
        "eventsource-schema/src",
        "eventsource-sqlite/src",
        "eventsource-postgres/src",
        "eventsource-rabbitmq/src",
        "eventsource-inbox/src",
        "tests/cluster/src",
        "examples",
    ];
    folders.iter().flat_map(|folder| files(folder, &[".rs"])).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    let tests = |path: &Path| path.ends_with("tests.rs");
    for path in sources().iter().filter(|path| !tests(path)) {
        let lines = text(path).lines().count();
        assert!(lines <= 500, "{} has {lines} lines", shown(path));
    }
}

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    for path in sources() {
        let text = text(&path);
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//!") || first.starts_with("#!["), "{} begins with {first:?}", shown(&path));
    }
}

#[test]
fn the_floors_of_the_core_point_down_only() {
    let floors = ["words", "folding", "contract", "memory", "runtime", "testing"];
    for (height, floor) in floors.iter().enumerate() {
        for path in files(&format!("eventsource-core/src/{floor}"), &[".rs"]) {
            let text = text(&path);
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            for above in &floors[height + 1..] {
                assert!(!code.contains(&format!("crate::{above}")), "{} looks up to {above}", shown(&path));
            }
        }
    }
}

#[test]
fn only_the_door_in_decodes_a_payload() {
    // Derived code decodes where `EventSet::__decode` and `DomainEvent::__decode` say; all others come through `decode`.
    for path in files("eventsource-core/src", &[".rs"]) {
        let shown = shown(&path);
        let allowed = shown.contains("/folding/") || shown.contains("/testing/");
        assert!(allowed || !text(&path).contains("__decode("), "{shown} decodes past the door");
    }
}

#[test]
fn the_core_knows_no_sql_and_the_contract_no_aggregate() {
    for path in files("eventsource-core/src", &[".rs"]) {
        assert!(!text(&path).contains("sqlx"), "{} names sqlx", shown(&path));
    }
    for path in files("eventsource-core/src/contract", &[".rs"]) {
        assert!(!text(&path).contains("Aggregate"), "{} names an aggregate", shown(&path));
    }
}

#[test]
fn no_module_is_named_for_nothing() {
    let banned = ["util", "utils", "helper", "helpers", "common", "misc", "prelude", "types"];
    for path in sources() {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!banned.contains(&stem.as_str()), "{}", shown(&path));
    }
}

#[test]
fn nothing_is_left_undone_in_the_sources() {
    // Put together here, so that this file does not find itself.
    let marks: Vec<String> = ["TO|DO", "FIX|ME", "XX|X", "todo|!(", "unimplemented|!(", "#[ign|ore"]
        .iter()
        .map(|mark| mark.replace('|', ""))
        .collect();
    let tests = [
        "tests",
        "cargo-eventsource/tests",
        "eventsource-axum/tests",
        "eventsource-rabbitmq/tests",
        "eventsource-inbox/tests",
        "benches",
    ]
    .iter()
    .flat_map(|folder| files(folder, &[".rs"]));
    for path in sources().into_iter().chain(tests) {
        let text = text(&path);
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has {mark}", shown(&path));
        }
    }
}

/// `scripts/test` runs them by name.
#[test]
fn every_test_program_is_one_that_the_test_command_runs() {
    let programs = files(".", &[".rs"]).into_iter().filter_map(|path| {
        let folder = path.parent()?;
        let alone = folder.ends_with("tests") && folder.parent()?.join("Cargo.toml").exists();
        let whole = path.ends_with("main.rs") && folder.parent()?.ends_with("tests");
        (alone || whole)
            .then(|| (path.clone(), if whole { folder.file_name() } else { path.file_stem() }.map(ToOwned::to_owned)))
    });
    let names: Vec<_> = programs.map(|(path, name)| (shown(&path), name.unwrap().into_string().unwrap())).collect();
    assert!(names.len() > 4, "{names:?}");
    let command = std::fs::read_to_string(root().join("scripts/test")).unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    for (path, name) in names {
        let runs = words.windows(2).any(|pair| *pair == ["--test", &*name]);
        assert!(runs, "{path}: name it `it`, or add it to scripts/test");
    }
}

#[test]
fn every_guarantee_names_a_test_that_exists() {
    let tests: BTreeSet<String> = [
        "tests",
        "cargo-eventsource/tests",
        "eventsource-axum/src",
        "eventsource-axum/tests",
        "eventsource-core/src",
        "eventsource-sqlite/src",
        "eventsource-derive/src",
        "eventsource-rabbitmq/tests",
        "eventsource-inbox/tests",
    ]
    .iter()
    .flat_map(|folder| files(folder, &[".rs"]))
    .flat_map(|path| functions(&text(&path)))
    .collect();
    let guarantees = text(&root().join("GUARANTEES.md"));
    let mut named = 0;
    for word in guarantees.split('`').skip(1).step_by(2) {
        // A test is a sentence, so its name has underscores; types and files do not look like that.
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if word.matches('_').count() >= 3 && word.bytes().all(is_name) {
            named += 1;
            assert!(tests.contains(word), "GUARANTEES.md names {word}, which is no test");
        }
    }
    assert!(named >= 40, "GUARANTEES.md names only {named} tests");
}

fn functions(text: &str) -> Vec<String> {
    let name =
        |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned();
    text.lines().filter_map(|line| line.trim_start().split_once("fn ").map(|(_, rest)| name(rest))).collect()
}

#[test]
fn the_store_of_each_crate_stands_alone() {
    for store in ["sqlite", "postgres"] {
        let manifest = text(&root().join(format!("eventsource-{store}/Cargo.toml")));
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        assert!(dependencies.contains("eventsource-core"));
        for other in ["derive", "sqlite", "postgres"].iter().filter(|other| **other != store) {
            assert!(!dependencies.contains(&format!("eventsource-{other}")), "{store} needs no {other}");
        }
    }
}
