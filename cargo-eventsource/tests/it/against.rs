//! `check --against`: what was released stays, and what may run beside it.

use std::fs;

use super::repository::{BANK, GOLDEN, LOCK, Repository, second};

#[test]
fn each_event_has_its_verdict() {
    let bank = Repository::with_bank();
    let verdict = |text: &str, verdicts: &[&str], advice: &str| {
        bank.write("src/lib.rs", text);
        bank.run(&["lock"]).code(0);
        let check = bank.run(&["check", "--against", "main", "--json"]).code(0);
        assert_eq!(check.told("broken"), [""; 0]);
        assert_eq!(check.told("compatible"), verdicts);
        let said = check.json()["compatible"][0]["advice"].as_str().unwrap_or_default().to_owned();
        assert!(said.starts_with(advice) && said.is_empty() == advice.is_empty(), "{said}");
        bank.write("events.lock", LOCK);
    };
    verdict(BANK, &["account.opened full"], "");
    verdict(&BANK.replace("owner: String", "owner: String, pub note: Option<u8>"), &["account.opened full"], "");
    verdict(&second(), &["account.opened backward"], "two deploys: `write = 1` now");
    verdict(&second().replace("version = 2,", "version = 2, write = 1,"), &["account.opened full"], "");
    let other = "#[derive(DomainEvent, Serialize, Deserialize)]\n#[event(name = \"account.closed\", version = 1)]\npub struct Closed {}\n";
    verdict(
        &format!("{BANK}{other}"),
        &["account.closed backward", "account.opened full"],
        "older programs do not know it",
    );
    let renamed = BANK.replace("\"account.opened\"", "\"account.begun\", alias = \"account.opened\"");
    verdict(&renamed, &["account.begun backward"], "older programs do not know the new name");
}

#[test]
fn what_was_locked_there_must_be_locked_here() {
    let bank = Repository::with_bank();
    let broken = |lock: &str, text: &str, expected: &[&str]| {
        bank.write("events.lock", lock);
        bank.write("src/lib.rs", text);
        let check = bank.run(&["check", "--against", "main", "--json"]).code(1);
        assert_eq!(check.told("broken"), expected);
    };
    let changed = BANK.replace("owner: String", "owner: u64");
    broken(&LOCK.replace("string", "u64"), &changed, &["account.opened 1 changed"]);
    let other = BANK.replace("account.opened", "account.begun");
    broken(&LOCK.replace("account.opened", "account.begun"), &other, &["account.opened gone"]);
    let unread = BANK.replace("\"account\"", "\"ledger\"");
    broken(&LOCK.replace("by account", "by ledger"), &unread, &["account.opened gone"]);

    fs::remove_file(bank.path("events.lock")).unwrap();
    bank.write("src/lib.rs", BANK);
    assert_eq!(bank.run(&["check", "--against", "main", "--json"]).code(1).told("broken"), ["account.opened gone"; 1]);
    let unknown = bank.run(&["check", "--against"]).code(2);
    assert!(unknown.stderr.contains("git does not know `origin/HEAD`"), "{}", unknown.stderr);
}

#[test]
fn a_lock_that_is_gone_with_its_package_is_noticed_and_one_that_has_moved_is_found() {
    let bank = Repository::with_bank();
    bank.write("old/events.lock", &LOCK.replace("account", "ledger"));
    bank.commit();
    fs::remove_dir_all(bank.path("old")).unwrap();
    let check = bank.run(&["check", "--against", "main"]).code(1);
    assert!(check.stdout.contains("old/events.lock, since main\n  gone      ledger.opened\n"), "{}", check.stdout);

    bank.write("old/events.lock", LOCK);
    bank.commit();
    fs::remove_dir_all(bank.path("old")).unwrap();
    let check = bank.run(&["check", "--against", "main"]).code(0);
    assert!(check.stdout.contains("beside main\n  full      account.opened\n"), "{}", check.stdout);
}

#[test]
fn what_was_recorded_there_must_be_recorded_here_as_it_was() {
    let bank = Repository::with_bank();
    let broken = |file: &str, text: Option<&str>, details: &str| {
        let path = format!("events/golden/account.opened/{file}");
        match text {
            Some(text) => bank.write(&path, text),
            None => fs::remove_file(bank.path(&path)).unwrap(),
        }
        let check = bank.run(&["check", "--against", "main", "--json"]).code(1);
        assert_eq!(check.told("broken"), ["account.opened 1 wrong"]);
        assert_eq!(check.json()["broken"][0]["details"], details);
        bank.git(&["checkout", "--quiet", "--", "."]);
    };
    broken("v1.full.json", Some("{\"owner\": \"text\"}"), "v1.full.json: it is changed");
    broken("v1.full.as-v1.json", None, "v1.full.as-v1.json: it is gone");
    // What only matters to programs of before was recorded as well.
    bank.write("events/golden/account.opened/v1.full.as-v7.json", "{}");
    bank.commit();
    broken("v1.full.as-v7.json", Some("[]"), "v1.full.as-v7.json: it is changed");

    // What is new was not released.
    bank.write("events/golden/account.opened/v1.real.json", GOLDEN[1].1);
    bank.run(&["lock"]).code(0);
    bank.run(&["check", "--against", "main"]).code(0);

    // Where a lock has moved, what is recorded has moved too.
    bank.write("old/events.lock", LOCK);
    bank.write("old/events/golden/account.opened/v1.full.json", GOLDEN[1].1);
    bank.commit();
    fs::remove_dir_all(bank.path("old")).unwrap();
    bank.run(&["check", "--against", "main"]).code(0);
    fs::remove_dir_all(bank.path("events")).unwrap();
    let check = bank.run(&["check", "--against", "main"]).code(1);
    let told =
        "old/events.lock, since main\n  wrong     account.opened version 1\n            v1.full.json: it is gone\n";
    assert!(check.stdout.contains(told), "{}", check.stdout);
}
