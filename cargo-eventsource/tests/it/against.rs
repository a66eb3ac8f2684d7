//! `check --against`: what was released stays, and what may run beside it.

use std::fs;

use super::repository::{BANK, LOCK, Repository, second};

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
