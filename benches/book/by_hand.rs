//! Events without the framework: encoded, decoded and applied by hand. All raw counterparts have these.

use eventsource::Apply;

use super::domain::{Account, AccountEvent, Deposited, Withdrawn, nth};

/// An event as it is stored.
pub struct RawRow {
    pub stream: String,
    pub version: i64,
    pub name: &'static str,
    pub data: Vec<u8>,
}

impl RawRow {
    pub fn new(stream: String, version: i64, n: u64) -> Self {
        let (name, data) = encode(&nth(n));
        Self { stream, version, name, data }
    }

    /// The rows of one append behind so many events.
    pub fn several(stream: &str, before: u64, events: u64) -> Vec<Self> {
        (before..before + events).map(|n| Self::new(stream.to_owned(), n as i64 + 1, n)).collect()
    }
}

pub fn encode(event: &AccountEvent) -> (&'static str, Vec<u8>) {
    match event {
        AccountEvent::Deposited(event) => ("account.deposited", serde_json::to_vec(event).expect("encodes")),
        AccountEvent::Withdrawn(event) => ("account.withdrawn", serde_json::to_vec(event).expect("encodes")),
    }
}

pub fn decode(name: &str, data: &[u8]) -> AccountEvent {
    match name {
        "account.deposited" => serde_json::from_slice::<Deposited>(data).expect("decodes").into(),
        "account.withdrawn" => serde_json::from_slice::<Withdrawn>(data).expect("decodes").into(),
        other => panic!("unknown event {other}"),
    }
}

/// Decodes and applies, without an enum between.
pub fn apply(account: &mut Account, name: &str, data: &[u8]) {
    match name {
        "account.deposited" => account.apply(&serde_json::from_slice::<Deposited>(data).expect("decodes")),
        "account.withdrawn" => account.apply(&serde_json::from_slice::<Withdrawn>(data).expect("decodes")),
        other => panic!("unknown event {other}"),
    }
}

/// An event with what a reader must know of it, decoded.
#[allow(dead_code)]
pub struct Known {
    pub position: i64,
    pub stream: String,
    pub version: i64,
    pub recorded_at: i64,
    pub event: AccountEvent,
}
