//! The three versions of a credit: each is locked, and each is read.

use std::path::Path;

use eventsource::__private::GoldenOf;
use eventsource::schema::{Golden, Lock};
use eventsource::{DomainEvent, NewEvent, RawEvent, decode_recorded};

use super::domain::{Closed, Credited, Debited, Opened, Overdrawn};
use super::money::Money;

/// A payload of each version, as the program of its time stored it, and what it is today.
const STORED: [(u32, &str, i64, &str); 3] = [
    (1, r#"{"crowns":250}"#, 25_000, "deposit"),
    (2, r#"{"amount":7550,"text":"salary"}"#, 7_550, "salary"),
    (3, r#"{"amount":1250,"purpose":"interest"}"#, 1_250, "interest"),
];

fn read(schema_version: u32, payload: &str) -> Credited {
    let raw = RawEvent::new("account-1", Credited::NAME, schema_version, payload.as_bytes());
    let mut found = None;
    decode_recorded::<Credited>(&raw, |recorded| found = Some(recorded.event)).unwrap();
    found.unwrap()
}

#[test]
fn a_credit_of_each_version_is_read() {
    for (version, payload, hundredths, purpose) in STORED {
        let credited = read(version, payload);
        assert_eq!(
            (credited.amount, &*credited.purpose),
            (Money::hundredths(hundredths), purpose),
            "version {version}"
        );
    }
    let (version, payload, hundredths, purpose) = STORED[2];
    let today = Credited { amount: Money::hundredths(hundredths), purpose: purpose.to_owned() };
    let stored = NewEvent::encode(&today).unwrap();
    assert_eq!((stored.schema_version, &*stored.data), (version, payload.as_bytes()));
}

const LOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events.bank.lock");

fn lock() -> Lock {
    Lock::parse(&std::fs::read_to_string(LOCK).unwrap()).unwrap()
}

#[test]
fn each_version_that_was_stored_is_locked() {
    let lock = lock();
    for (version, payload, ..) in STORED {
        let payload: serde_json::Map<_, _> = serde_json::from_str(payload).unwrap();
        let locked = &lock.events[Credited::NAME].versions[&version];
        assert!(locked.fields.keys().eq(payload.keys()), "version {version}: {locked:?}");
    }
}

#[test]
fn every_recorded_payload_of_the_bank_is_read_as_it_was() {
    // As the tests beside these events do, which `cargo test --example bank` runs.
    GoldenOf::<Opened>::beside(LOCK).replay();
    GoldenOf::<Credited>::beside(LOCK).replay();
    GoldenOf::<Debited>::beside(LOCK).replay();
    GoldenOf::<Overdrawn>::beside(LOCK).replay();
    GoldenOf::<Closed>::beside(LOCK).replay();
    let file = |event: &str, file: String| Golden::folder(Path::new(LOCK)).join(event).join(file);
    for (name, event) in &lock().events {
        let newest = event.versions.keys().next_back().unwrap();
        for version in event.versions.keys() {
            let payload = format!("v{version}.minimal.json");
            let result = Golden::result_file(&payload, *newest);
            assert!(file(name, payload).is_file() && file(name, result).is_file(), "{name} version {version}");
        }
    }
    let credit = std::fs::read_to_string(file("account.credited", "v1.full.as-v3.json".to_owned())).unwrap();
    assert_eq!(credit, "{\"amount\":700,\"purpose\":\"deposit\"}\n");
}
