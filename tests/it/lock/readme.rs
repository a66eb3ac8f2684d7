//! The compile error that the README shows, as the compiler says it.

use super::package::{LOCK, SHARED, Workspace};
use crate::pinned::words_are_those_pinned;

const BANK: &str = r#"
use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};
use shared::Money;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, oldest = 2)]
pub struct Deposited {
    pub amount: Money,
    pub channel: String,
}
"#;

#[test]
fn the_readme_shows_what_the_compiler_says_to_a_changed_shape() {
    if !words_are_those_pinned() {
        return;
    }
    let workspace = Workspace::new();
    workspace.add_shared("shared", &SHARED.replace("pub minor: i64", "pub minor: u64"));
    let version_1 = "  version 1\n    cents: i64\n";
    let opened = LOCK.find("\nevent account.opened").unwrap()..LOCK.find("\nend").unwrap();
    let lock = LOCK.replace(&LOCK[opened], "").replace(version_1, "").replace("  read by account\n", "");
    workspace.add_bank("bank", "shared", BANK, &lock);
    let [said] = &workspace.check().rendered[..] else { panic!("it is one error") };
    // The notes below the code speak of the macro.
    let shown = said.split("\n   = note").next().unwrap().trim_end().trim_end_matches("\n   |");
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```text\n{shown}\n```")), "the README does not show this:\n{shown}");
}
