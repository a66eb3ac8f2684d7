//! What must compile, and what the compiler says where it must not.

use super::package::{BANK, Checked, LOCK, SHARED, Workspace};

const IN_BANK: &str = "bank";
const IN_SHARED: &str = "shared";
const IN_LOCK: &str = "lock";

/// One change of one file, and the errors that it must cause: each the token, and parts of the message.
type Case = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static [&'static str])]);

const CASES: &[Case] = &[
    // What may change freely.
    (
        IN_SHARED,
        "pub minor: i64, pub currency: Currency",
        "pub currency: Currency, /** Cents. */ pub(crate) minor: i64",
        &[],
    ),
    (IN_SHARED, "#[default] EUR, USD", "USD, #[default] EUR", &[]),
    (IN_BANK, "pub note: Option<String>", "#[serde(rename = \"note\")] pub remark: Option<String>", &[]),
    (IN_BANK, "pub owner: String", "pub owner: Box<str>", &[]),
    (IN_BANK, "pub owner: String", "pub owner: String, pub email: Option<String>", &[]),
    (IN_BANK, "pub owner: String", "pub owner: String, #[serde(default)] pub emails: Vec<String>", &[]),
    (IN_SHARED, "pub minor: i64", "#[serde(default)] pub exact: bool, pub minor: i64", &[]),
    (IN_BANK, "pub owner: String, pub note: Option<String>", "pub note: Option<String>, pub owner: String", &[]),
    (IN_BANK, "pub channel: String", "/** How it came. */ #[allow(dead_code)] channel: String", &[]),
    (IN_BANK, "use shared::Money;", "use shared::Money as Cash;\ntype Money = Cash;", &[]),
    (IN_SHARED, "#[derive(Default)]", "#[derive(Default)] #[serde(rename = \"Cash\")]", &[]),
    (IN_SHARED, "pub enum Currency {", "#[derive(Clone, Debug)] #[repr(u8)] pub enum Currency {", &[]),
    // A nested type of another crate.
    (IN_SHARED, "EUR, USD", "EUR, USD, GBP", &[("Money", &["amount.currency::GBP: variant was added"])]),
    (IN_SHARED, "EUR, USD", "EUR", &[("Money", &["amount.currency::USD: variant was removed"])]),
    (IN_SHARED, "EUR, USD", "EUR, USD(u8)", &[("Money", &["amount.currency::USD"])]),
    (
        IN_SHARED,
        "pub enum Currency",
        "#[serde(rename_all = \"lowercase\")] pub enum Currency",
        &[("Money", &["amount.currency::EUR: variant was removed", "amount.currency::eur: variant was added"])],
    ),
    (IN_SHARED, "pub enum Currency", "#[serde(untagged)] pub enum Currency", &[("Money", &["amount.currency: "])]),
    (
        IN_SHARED,
        "pub enum Currency",
        "#[serde(tag = \"kind\")] pub enum Currency",
        &[("Money", &["amount.currency: "])],
    ),
    (IN_SHARED, "pub currency:", "#[serde(skip)] pub currency:", &[("Money", &["amount.currency: "])]),
    (
        IN_SHARED,
        "pub minor: i64",
        "#[serde(rename = \"cents\")] pub minor: i64",
        &[("Money", &["amount.cents: ", "amount.minor: "])],
    ),
    (IN_SHARED, "pub minor: i64", "pub minor: Option<i64>", &[("Money", &["amount.minor: ", "`i64?`"])]),
    (IN_SHARED, "pub minor: i64", "pub minor: Vec<i64>", &[("Money", &["amount.minor: locked as `i64`, now `[i64]`"])]),
    (IN_SHARED, "#[derive(Default)]", "#[derive(Default)] #[serde(deny_unknown_fields)]", &[("Money", &["amount: "])]),
    (IN_BANK, "use shared::Money;", "type Money = Option<shared::Money>;", &[("Money", &["amount: locked as `{"])]),
    (
        IN_SHARED,
        "pub minor: i64",
        "pub minor: u64",
        &[(
            "Money",
            &[
                "the shape of event `account.deposited` version 2 is locked, and it changed:",
                "\n  amount.minor: locked as `i64`, now `u64`",
                "\nif it may be stored already: set `version = 3` and say how version 2 becomes it",
                "\nif it was never stored: cargo eventsource lock --amend account.deposited",
            ],
        )],
    ),
    (
        IN_SHARED,
        "EUR, USD",
        "EUR, #[serde(rename = \"usd\")] USD",
        &[(
            "Money",
            &["amount.currency::USD: variant was removed or renamed", "amount.currency::usd: variant was added"],
        )],
    ),
    (
        IN_SHARED,
        "pub minor: i64",
        "pub minor: i64, pub exact: bool",
        &[("Money", &["amount.exact: is a new required field"])],
    ),
    // The event itself.
    (IN_BANK, "pub channel: String", "pub channel: Vec<u8>", &[("Vec", &["channel: locked as `string`, now `[u8]`"])]),
    (
        IN_BANK,
        "pub owner: String",
        "#[serde(skip)] pub owner: String",
        &[("1", &["field `owner` of event `account.opened` version 1 is locked, but the struct no longer has it"])],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "pub owner: Option<String>",
        &[("Option", &["owner: locked as `string`, now `string?`"])],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "#[serde(default)] pub owner: String",
        &[("String", &["owner: was always there, and may be absent now"])],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "pub holder: String",
        &[(
            "holder",
            &[
                "owner: is locked, but the field is now called `holder`",
                "#[serde(rename = \"owner\")]",
                "set `version = 2`",
            ],
        )],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "pub owner: String, pub iban: String",
        &[("iban", &["iban: is a new required field", "`Option<_>`, or #[serde(default)]", "#[event(added = 2"])],
    ),
    (
        IN_BANK,
        "pub owner: String, pub note: Option<String>",
        "pub owner: String",
        &[(
            "1",
            &[
                "field `note` of event `account.opened` version 1 is locked, but the struct no longer has it",
                "removed(field = \"note\", in = 2)",
            ],
        )],
    ),
    (IN_BANK, "pub cents: i64", "pub cents: i32", &[("i32", &["version 1 is history: give the struct back"])]),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]",
        "#[event(name = \"account.opened\", version = 1)] #[serde(deny_unknown_fields)]",
        &[("1", &["is locked without `deny_unknown_fields`"])],
    ),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]",
        "#[event(name = \"account.opened\", version = 2, oldest = 2)]",
        &[(
            "2",
            &["version 1 of `account.opened` is in events.lock, so it may be stored, but nothing says how to read it"],
        )],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "pub owner: shared::Secret",
        &[("Secret", &["the stored shape of `Secret` is unknown"])],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "#[serde(with = \"rot13\")] pub owner: String",
        &[("with", &["#[event(schema = \"string(rfc3339)\")]"])],
    ),
    (
        IN_BANK,
        "pub owner: String",
        "#[event(schema = \"strng\")] pub owner: String",
        &[("\"strng\"", &["`strng` is no shape"])],
    ),
    // Ten mistakes are ten errors; here four.
    (
        IN_BANK,
        "pub owner: String, pub note: Option<String>",
        "pub owner: u8, pub note: String, pub iban: String, pub bic: u8",
        &[
            ("String", &["note: locked as `string?`, now `string`"]),
            ("u8", &["owner: locked as `string`, now `u8`"]),
            ("iban", &["iban: is a new required field"]),
            ("bic", &["bic: is a new required field"]),
        ],
    ),
    // The aggregate.
    (
        IN_BANK,
        "events(Opened, Deposited)",
        "events(Deposited)",
        &[(
            "\"account\"",
            &[
                "event `account.opened` is in events.lock, but aggregate `account` no longer reads it",
                "retired(\"account.opened\")",
            ],
        )],
    ),
    (IN_BANK, "events(Opened, Deposited)", "events(Deposited), retired(\"account.opened\")", &[]),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]",
        "#[event(name = \"account.began\", version = 1, alias = \"account.opened\")]",
        &[],
    ),
    // A bump that old payloads satisfy, and one that they do not.
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]",
        "#[event(name = \"account.opened\", version = 2, upcast(from = 1, same))]",
        &[],
    ),
    (
        IN_LOCK,
        "    owner: string\n",
        "    owner: string(iban)\n  version 2\n    note?: string?\n    owner: string\n",
        &[("Opened", &["event `account.opened` is locked up to version 2, but the struct listed here is version 1"])],
    ),
    // History in attributes beside the locked versions.
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]\npub struct Opened { pub owner: String",
        "#[event(name = \"account.opened\", version = 2)]\npub struct Opened { #[event(renamed(from = \"owner\", in = 2))] pub holder: String",
        &[],
    ),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]\npub struct Opened { pub owner: String",
        "#[event(name = \"account.opened\", version = 2)]\npub struct Opened { #[event(renamed(from = \"ovner\", in = 2))] pub holder: String",
        &[(
            "\"ovner\"",
            &[
                "version 1 of event `account.opened`, as it is locked, cannot be read by this history of attributes:",
                "owner: is locked there, and no attribute says what became of it",
                "ovner: events.lock has no such field there",
            ],
        )],
    ),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]\npub struct Opened { pub owner: String, pub note: Option<String>",
        "#[event(name = \"account.opened\", version = 2)]\npub struct Opened { pub owner: String, #[event(added = 2, default = 7u8)] pub more: u8",
        &[(
            "2",
            &[
                "version 1 of `account.opened` has a field `note` in events.lock, but no attribute says what became of it",
                "removed(field = \"note\", in = ..)",
            ],
        )],
    ),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]\npub struct Opened { pub owner: String, pub note: Option<String>",
        "#[event(name = \"account.opened\", version = 2, removed(field = \"note\", in = 2))]\npub struct Opened { pub owner: String, #[event(added = 2, default = 7u8)] pub more: u8",
        &[],
    ),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]\npub struct Opened { pub owner: String",
        "#[event(name = \"account.opened\", version = 2)]\npub struct Opened { #[event(changed(in = 2, from = u16, with = u32::from))] pub owner: u32",
        &[("u16", &["owner: locked as `string`, now `u16`", "changed(in = .., from = .., with = ..)"])],
    ),
    (
        IN_BANK,
        "#[event(name = \"account.opened\", version = 1)]\npub struct Opened { pub owner: String",
        "#[event(name = \"account.opened\", version = 2)]\npub struct Opened { #[event(added = 2, default = \"x\")] pub channel: String, pub bank: String, pub owner: String",
        &[("bank", &["bank: events.lock has no such field there", "added = .."])],
    ),
    // An older struct is only read, so what it holds may accept more.
    (IN_LOCK, "cents: i64", "cents: i32", &[]),
    // The lock.
    (IN_LOCK, "cents: i64", "cents: u64", &[("i64", &["cents: locked as `u64`, now `i64`"])]),
    (
        IN_LOCK,
        "format 1",
        "<<<<<<< HEAD\nformat 1",
        &[("eventsource::schema_lock!()", &["events.lock:2: unresolved merge conflict"])],
    ),
    (IN_LOCK, "\nend\n", "\n", &[("eventsource::schema_lock!()", &["the file is cut off"])]),
    (IN_LOCK, "format 1", "format 2", &[("eventsource::schema_lock!()", &["events.lock:2: this lock has format 2"])]),
];

#[test]
fn every_change_of_a_locked_event_is_judged_on_its_token() {
    let workspace = Workspace::new();
    workspace.add_shared("shared", SHARED);
    workspace.add_bank("bank", "shared", BANK, LOCK);
    for (at, (file, from, to, _)) in CASES.iter().enumerate() {
        assert_ne!(from, to, "case {at} changes nothing");
        let changed = |other: &str, text: &str| {
            assert!(other != *file || text.contains(from), "{from} is not in {file}");
            if other == *file { text.replacen(from, to, 1) } else { text.to_owned() }
        };
        let mut shared = "shared".to_owned();
        if *file == IN_SHARED {
            shared = format!("shared-{at}");
            workspace.add_shared(&shared, &changed(IN_SHARED, SHARED));
        }
        workspace.add_bank(&format!("bank-{at}"), &shared, &changed(IN_BANK, BANK), &changed(IN_LOCK, LOCK));
    }
    let Checked { errors, whole, .. } = workspace.check();
    let mut wrong = Vec::new();
    for (at, (_, from, to, expected)) in CASES.iter().enumerate() {
        let errors: Vec<_> = errors.iter().filter(|error| error.starts_with(&format!("bank-{at}/"))).collect();
        let fits = |error: &str, (token, parts): &(&str, &[&str])| {
            error.contains(&format!(": {token}: ")) && parts.iter().all(|part| error.contains(part))
        };
        // No error is good news only of what was compiled.
        let all = errors.len() == expected.len()
            && whole.contains(&format!("bank-{at}")) == expected.is_empty()
            && expected.iter().all(|expected| errors.iter().any(|error| fits(error, expected)));
        if !all {
            wrong.push(format!("{from}  →  {to}\nexpected {expected:#?}\nfound {errors:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(!errors.iter().any(|error| error.starts_with("bank/") || error.starts_with("shared")), "{errors:#?}");
}
