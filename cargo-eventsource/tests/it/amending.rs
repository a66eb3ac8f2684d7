//! `lock --amend`: only what was never released.

use std::fs;

use super::repository::{BANK, LOCK, Repository, second};

#[test]
fn a_version_that_the_base_does_not_have_is_locked_anew() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &second());
    bank.run(&["lock"]).code(0);
    let locked = bank.read("events.lock");
    bank.write("src/lib.rs", &second().replace("branch: u16", "branch: u32"));
    let amend = bank.run(&["lock", "--amend", "account.opened", "--base", "main", "--json"]).code(0);
    assert_eq!(amend.told("changes"), ["account.opened 2 amended"]);
    assert_eq!(bank.read("events.lock"), locked.replace("u16", "u32"), "version 1 stays");
    bank.run(&["check"]).code(0);
}

#[test]
fn what_the_base_has_is_refused_and_so_is_a_base_that_cannot_be_read() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &BANK.replace("owner: String", "owner: u64"));
    let refused = |arguments: &[&str], code: i32, text: &str| {
        let answer = bank.run(&[&["lock", "--amend"], arguments].concat()).code(code);
        assert!(answer.stderr.contains(text), "{text}: {}", answer.stderr);
        assert_eq!(bank.read("events.lock"), LOCK);
    };
    refused(&["account.opened", "--base", "main"], 1, "version 1 of `account.opened` is locked in `main`");
    refused(&["account.opened"], 2, "git does not know `origin/HEAD`");
    refused(&["account.opened", "--base", "--all"], 2, "");
    refused(&["account.closed", "--base", "main"], 2, "no struct of the chosen packages is stored as `account.closed`");

    bank.git(&["update-ref", "refs/remotes/origin/HEAD", "main"]);
    refused(&["account.opened"], 1, "is locked in `origin/HEAD`");

    // A lock that the base holds and nobody can read is not passed over.
    bank.write("events.lock", "format 1\n");
    bank.commit();
    bank.write("events.lock", LOCK);
    refused(&["account.opened", "--base", "main"], 2, "main:events.lock:2: the file is cut off");

    fs::remove_dir_all(bank.path(".git")).unwrap();
    refused(&["account.opened", "--base", "main"], 2, "not a git repository");
}
