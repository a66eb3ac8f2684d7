//! The three versions of a credit: each is locked, and each is read.

use eventsource::schema::Lock;
use eventsource::{DomainEvent, NewEvent, Position, RawEvent, Version, decode_recorded, now};
use uuid::Uuid;

use super::domain::Credited;
use super::money::Money;

/// A payload of each version, as the program of its time stored it, and what it is today.
const STORED: [(u32, &str, i64, &str); 3] = [
    (1, r#"{"crowns":250}"#, 25_000, "deposit"),
    (2, r#"{"amount":7550,"text":"salary"}"#, 7_550, "salary"),
    (3, r#"{"amount":1250,"purpose":"interest"}"#, 1_250, "interest"),
];

fn read(schema_version: u32, payload: &str) -> Credited {
    let raw = RawEvent {
        position: Position(1),
        stream: "account-1",
        version: Version(1),
        id: Uuid::nil(),
        name: Credited::NAME,
        schema_version,
        encoding: 0,
        data: payload.as_bytes(),
        meta: None,
        correlation_id: None,
        causation_id: None,
        occurred_at: now(),
        recorded_at: now(),
        command_key: None,
    };
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

#[test]
fn each_version_that_was_stored_is_locked() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/events.bank.lock");
    let lock = Lock::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    for (version, payload, ..) in STORED {
        let payload: serde_json::Map<_, _> = serde_json::from_str(payload).unwrap();
        let locked = &lock.events[Credited::NAME].versions[&version];
        assert!(locked.fields.keys().eq(payload.keys()), "version {version}: {locked:?}");
    }
}
