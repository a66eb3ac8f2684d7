//! A payload of each version, decoded by attributes and by a hand-written chain of structs.

use eventsource::{BoxError, DomainEvent, UpcastFrom};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Money, eur, stored};

/// The history in attributes.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "order.placed", version = 4, removed(field = "code", in = 3))]
struct Told {
    #[event(renamed(from = "sum", in = 2), changed(in = 4, from = i64, with = eur))]
    total: Money,
    #[event(added = 2, default = "?", changed(in = 3, from = String, with = length))]
    comment: usize,
    #[event(changed(in = 2, from = String, with = str_parse), changed(in = 4, from = u8, with = tenfold))]
    count: u32,
    #[event(added = 4)]
    buyer: Option<String>,
}

fn length(text: String) -> usize {
    text.chars().count()
}

fn str_parse(text: String) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

fn tenfold(count: u8) -> u32 {
    u32::from(count) * 10
}

/// The same as structs.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "order.placed", version = 4, previous = V3)]
struct Chained {
    total: Money,
    comment: usize,
    count: u32,
    buyer: Option<String>,
}

#[derive(DomainEvent, Deserialize, Serialize, Clone, Debug)]
#[event(name = "order.placed", version = 3, previous = V2)]
struct V3 {
    total: i64,
    comment: usize,
    count: u8,
}

#[derive(DomainEvent, Deserialize, Serialize, Clone, Debug)]
#[event(name = "order.placed", version = 2, previous = V1)]
struct V2 {
    total: i64,
    code: bool,
    comment: String,
    count: u8,
}

#[derive(DomainEvent, Deserialize, Serialize, Clone, Debug)]
#[event(name = "order.placed", version = 1)]
struct V1 {
    sum: i64,
    code: bool,
    count: String,
}

impl UpcastFrom<V1> for V2 {
    fn upcast_from(old: V1) -> Result<Self, BoxError> {
        Ok(Self { total: old.sum, code: old.code, comment: "?".into(), count: str_parse(old.count)? })
    }
}

impl From<V2> for V3 {
    fn from(old: V2) -> Self {
        Self { total: old.total, comment: length(old.comment), count: old.count }
    }
}

impl From<V3> for Chained {
    fn from(old: V3) -> Self {
        Self { total: eur(old.total), comment: old.comment, count: tenfold(old.count), buyer: None }
    }
}

/// What both make of a payload, in the same words.
fn both(version: u32, payload: &impl Serialize) -> [Result<serde_json::Value, String>; 2] {
    let payload = serde_json::to_value(payload).unwrap();
    let failed = |error: eventsource::DecodeError| error.to_string().replace("field `count`: ", "");
    [
        stored::<Told>(version, &payload).map(|told| shown(&told.event)).map_err(failed),
        stored::<Chained>(version, &payload).map(|chained| shown(&chained.event)).map_err(failed),
    ]
}

fn shown(event: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(event).unwrap()
}

proptest! {
    #[test]
    fn attributes_read_what_a_chain_of_structs_reads(
        number: i64, code: bool, count: u8, text in ".{0,9}", count_text in "([0-9]{1,4}|x)",
    ) {
        let payloads = [
            both(1, &V1 { sum: number, code, count: count_text }),
            both(2, &V2 { total: number, code, comment: text.clone(), count }),
            both(3, &V3 { total: number, comment: text.len(), count }),
            both(4, &Told { total: eur(number), comment: text.len(), count: count.into(), buyer: Some(text) }),
        ];
        for [told, chained] in payloads {
            prop_assert_eq!(told, chained);
        }
    }
}
