//! `lock`, `check` and `list` on one package.

use std::fs;
use std::time::{Duration, SystemTime};

use super::repository::{BANK, GOLDEN, LOCK, Repository, second};

#[test]
fn what_is_not_locked_is_found_by_check_and_written_by_lock() {
    let bank = Repository::with_bank();
    fs::remove_file(bank.path("events.lock")).unwrap();
    fs::remove_dir_all(bank.path("events")).unwrap();
    bank.commit();
    let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
    fs::File::options().append(true).open(bank.path("src/lib.rs")).unwrap().set_modified(long_ago).unwrap();

    let check = bank.run(&["check", "--json"]).code(1);
    assert_eq!(check.told("changes"), ["account.opened 1 new", "account.opened reader"]);
    assert!(!bank.path("events.lock").exists() && !bank.path("events").exists(), "check writes nothing");

    let lock = bank.run(&["lock"]).code(0);
    assert_eq!(bank.read("events.lock"), LOCK);
    assert_eq!(bank.files("events/golden/account.opened"), GOLDEN.map(|(file, text)| (file.into(), text.into())));
    assert!(lock.stdout.contains("new       account.opened version 1"), "{}", lock.stdout);
    assert!(lock.stdout.contains("golden    account.opened version 1\n"), "{}", lock.stdout);
    assert!(lock.stdout.contains("schema_lock!()"), "{}", lock.stdout);
    assert!(!lock.stdout.contains('\u{1b}'), "colours are for terminals: {:?}", lock.stdout);
    let touched = fs::metadata(bank.path("src/lib.rs")).unwrap().modified().unwrap();
    assert!(touched > long_ago, "cargo must compile again what it compiled without the lock");

    assert_eq!(bank.run(&["lock", "--json"]).code(0).told("changes"), [""; 0]);
    let check = bank.run(&["check"]).code(0);
    assert_eq!(check.stdout, "everything that is stored is locked\n");
}

#[test]
fn what_is_locked_is_never_touched() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &BANK.replace("owner: String", "owner: u64, pub note: Option<u8>"));
    for command in ["lock", "check"] {
        let answer = bank.run(&[command, "--json"]).code(1);
        assert_eq!(answer.told("changes"), ["account.opened 1 changed"]);
        let details = answer.json()["changes"][0]["details"].as_str().unwrap().to_owned();
        assert_eq!(details, "owner: locked as `string`, now `u64`");
        assert_eq!(bank.read("events.lock"), LOCK);
    }
    // An event that nobody has a struct for any more is history that cannot be read.
    bank.write("src/lib.rs", &BANK.replace("account.opened", "account.begun"));
    assert_eq!(
        bank.run(&["check", "--json"]).code(1).told("changes"),
        ["account.begun 1 new", "account.begun reader", "account.opened unread"]
    );
    bank.write("src/lib.rs", &BANK.replace("\"account.opened\"", "\"account.begun\", alias = \"account.opened\""));
    bank.run(&["lock"]).code(0);
    assert_eq!(
        bank.run(&["list"]).code(0).stdout,
        "events.lock\n  account.begun, read by account\n    version 1: current\n  account.opened, now account.begun, \
         read by account\n    version 1: current\n"
    );
}

#[test]
fn a_new_version_and_a_field_that_may_be_absent_are_added() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &BANK.replace("owner: String", "owner: String, pub note: Option<u8>"));
    assert_eq!(bank.run(&["check", "--json"]).code(1).told("changes"), ["account.opened 1 extended"]);
    bank.run(&["lock"]).code(0);
    assert_eq!(bank.read("events.lock"), LOCK.replace("    owner", "    note?: u8?\n    owner"));
    bank.run(&["check"]).code(0);

    bank.write("events.lock", LOCK);
    // The struct of before only reads, and may accept more than was stored.
    let second = second().replace("pub struct OpenedV1 {", "pub struct OpenedV1 { #[serde(default)] pub note: u8,");
    bank.write("src/lib.rs", &second.replace("Self { owner: new", "Self { note: 0, owner: new"));
    let told = ["account.opened 2 new", "account.opened 1 golden", "account.opened 2 golden"];
    assert_eq!(bank.run(&["lock", "--json"]).code(0).told("changes"), told);
    assert_eq!(
        bank.read("events.lock"),
        LOCK.replace("\n\nend", "\n  version 2\n    branch: u16\n    owner: string\n\nend")
    );
    let list = bank.run(&["list"]).code(0).stdout;
    assert!(list.ends_with("    version 1: becomes the next by previous\n    version 2: current\n"), "{list}");
    let list = bank.run(&["list", "--json"]).code(0).json();
    assert_eq!(list["events"][0]["steps"][0]["by"], "previous");
    assert_eq!(list["events"][0]["versions"][1]["shape"], "{ branch: u16, owner: string }");
    assert_eq!(list["events"][0]["readers"][0], "account");

    // Back to a struct from before what is locked.
    bank.write("src/lib.rs", BANK);
    assert_eq!(bank.run(&["check", "--json"]).code(1).told("changes"), ["account.opened 2 ahead"]);
}
