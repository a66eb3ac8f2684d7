//! What cannot be answered, and the exit code that says so.

use super::repository::{BANK, LOCK, Repository};

#[test]
fn a_package_that_does_not_compile_is_exit_code_3_with_the_words_of_cargo() {
    let bank = Repository::with_bank();
    bank.write("src/lib.rs", &BANK.replace("owner: String", "owner: Strnig"));
    for command in ["lock", "check", "list"] {
        let answer = bank.run(&[command]).code(3);
        assert!(answer.stderr.contains("cannot find type `Strnig`"), "{}", answer.stderr);
        assert_eq!(answer.stdout, "");
    }
    bank.write(
        "src/lib.rs",
        &format!("{BANK}\n#[derive(Serialize, Deserialize)]\npub struct Secret;\n")
            .replace("owner: String", "owner: Secret"),
    );
    let answer = bank.run(&["check"]).code(3);
    assert!(answer.stderr.contains("the stored shape of `Secret` is unknown"), "{}", answer.stderr);
}

#[test]
fn what_cannot_be_read_is_exit_code_2() {
    let bank = Repository::with_bank();
    let refused = |arguments: &[&str], text: &str| {
        let answer = bank.run(arguments).code(2);
        assert!(answer.stderr.contains(text), "{}", answer.stderr);
        assert_eq!(answer.stdout, "");
    };
    bank.write("src/lib.rs", &BANK.replace("owner: String", "owner: u64"));
    refused(&["check", "--against", "v9"], "git does not know `v9`");
    bank.write("src/lib.rs", BANK);
    refused(&["check", "-p", "bnak"], "there is no package `bnak` here, but bank");
    refused(&["lock", "--example", "none"], "there is no example `none`");
    refused(&["unlock"], "unrecognized subcommand");
    let conflict = LOCK.replace("  version 1\n", "<<<<<<< HEAD\n  version 1\n");
    bank.write("events.lock", &conflict);
    for command in ["lock", "check", "list"] {
        refused(&[command], "events.lock:6: unresolved merge conflict");
    }
    assert_eq!(bank.read("events.lock"), conflict);
}

#[test]
fn help_tells_the_exit_codes() {
    let bank = Repository::new();
    for arguments in [&["--help"][..], &["check", "--help"]] {
        let help = bank.run(arguments).code(0).stdout;
        assert!(help.contains("Usage: cargo eventsource") && help.contains("3  cargo failed"), "{help}");
    }
    // Named, because nobody knows what stands in the folders above.
    assert_eq!(bank.run(&["list", "--manifest-path", "Cargo.toml"]).code, 3, "there is no package here");
}
