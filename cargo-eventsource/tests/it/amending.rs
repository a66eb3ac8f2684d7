//! `lock --amend`: only what was never released.

use std::fs;

use super::repository::{BANK, GOLDEN, LOCK, Repository, second};

#[test]
fn a_version_that_the_base_does_not_have_is_locked_anew() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &second());
    bank.run(&["lock"]).code(0);
    let locked = bank.read("events.lock");
    bank.write("src/lib.rs", &second().replace("branch: u16", "branch: u32"));
    let amend = bank.run(&["lock", "--amend", "account.opened", "--base", "main", "--json"]).code(0);
    let told = ["account.opened 2 amended", "account.opened 1 golden", "account.opened 2 golden"];
    assert_eq!(amend.told("changes"), told);
    assert_eq!(bank.read("events.lock"), locked.replace("u16", "u32"), "version 1 stays");
    bank.run(&["check"]).code(0);
}

#[test]
fn what_was_recorded_of_an_amended_version_is_recorded_anew_and_what_is_released_stays() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &second());
    bank.run(&["lock"]).code(0);
    let golden = "events/golden/account.opened";
    let text = |file: &str| bank.read(&format!("{golden}/{file}"));
    assert_eq!(text("v2.full.json"), "{\"branch\":7,\"owner\":\"text\"}\n");
    bank.git(&["checkout", "--quiet", "-b", "feature"]);
    bank.commit();

    bank.write(
        "src/lib.rs",
        &second().replace("branch: u16", "branch: Vec<u8>").replace("branch: 0", "branch: vec![]"),
    );
    assert_eq!(bank.run(&["check", "--json"]).code(1).told("changes"), ["account.opened 2 changed"]);
    bank.run(&["lock", "--amend", "account.opened", "--base", "main"]).code(0);
    assert_eq!(text("v2.full.json"), "{\"branch\":[7],\"owner\":\"text\"}\n");
    assert_eq!(text("v2.full.as-v2.json"), "{\"branch\":[7],\"owner\":\"text\"}\n");
    assert_eq!(text("v1.full.as-v2.json"), "{\"branch\":[],\"owner\":\"text\"}\n");
    for (file, released) in GOLDEN {
        assert_eq!(text(file), released);
    }
    bank.run(&["check", "--against", "main"]).code(0);

    // Under an older name it is released in a version of the same number.
    bank.git(&["checkout", "--quiet", "--force", "main"]);
    let renamed = BANK.replace("\"account.opened\"", "\"account.begun\", alias = \"account.opened\"");
    bank.write("src/lib.rs", &renamed);
    bank.run(&["lock"]).code(0);
    bank.write("src/lib.rs", &renamed.replace("owner: String", "owner: String, pub note: Option<u8>"));
    bank.run(&["lock", "--amend", "account.begun", "--base", "main"]).code(0);
    assert_eq!(bank.read("events/golden/account.begun/v1.full.json"), "{\"note\":7,\"owner\":\"text\"}\n");
    for (file, released) in GOLDEN {
        assert_eq!(text(file), released);
    }
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
