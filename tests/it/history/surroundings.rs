//! Which events are loaded with all that surrounds them: those with a step on raw JSON, which may look at it.

use eventsource::{Decoding, DomainEvent, EventSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Money, eur};

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "a.told", version = 4, removed(field = "teller", in = 2), upcast(from = 3, same))]
struct Told {
    #[event(renamed(from = "cents", in = 2), changed(in = 3, from = i64, with = eur))]
    amount: Money,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "a.mixed", version = 3, upcast(from = 1, with = dated))]
struct Mixed {
    #[event(added = 3, default = 1u8)]
    count: u8,
}

fn dated(mut value: Value, decoding: &Decoding<'_>) -> Result<Value, String> {
    value["on"] = decoding.occurred_at().to_rfc3339().into();
    Ok(value)
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "a.chained", version = 5, previous = ToldBefore)]
struct Chained {}

#[derive(DomainEvent, Deserialize)]
#[event(name = "a.chained", version = 4, removed(field = "teller", in = 2), oldest = 1, upcast(from = 3, same))]
struct ToldBefore {
    #[event(added = 3, default = 0u8)]
    _count: u8,
}

impl From<ToldBefore> for Chained {
    fn from(_: ToldBefore) -> Self {
        Self {}
    }
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "a.mixed", version = 5, previous = FollowsMixed)]
struct FollowsMixedFromAfar {}

#[derive(DomainEvent, Deserialize)]
#[event(name = "a.mixed", version = 4, previous = Mixed)]
struct FollowsMixed {}

impl From<Mixed> for FollowsMixed {
    fn from(_: Mixed) -> Self {
        Self {}
    }
}

impl From<FollowsMixed> for FollowsMixedFromAfar {
    fn from(_: FollowsMixed) -> Self {
        Self {}
    }
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "b.of-told", version = 1, split_from("a.told", with = of_told))]
struct OfTold {}

fn of_told(_: &Told) -> Option<OfTold> {
    Some(OfTold {})
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "b.of-mixed", version = 1, split_from("a.told", with = first), split_from("a.mixed", with = second))]
struct OfMixed {}

fn first(_: &Told) -> Option<OfMixed> {
    Some(OfMixed {})
}

fn second(_: &Mixed) -> Option<OfMixed> {
    Some(OfMixed {})
}

fn looks_around<E: EventSet>() -> bool {
    E::EVENTS[0].looks_around
}

#[test]
fn only_steps_on_raw_json_look_around() {
    assert!(!looks_around::<Told>(), "attributes see payloads alone");
    assert!(!looks_around::<Chained>(), "structs too");
    assert!(looks_around::<Mixed>());
    assert!(looks_around::<FollowsMixedFromAfar>(), "an old payload may still go through the step");
    assert!(!looks_around::<OfTold>());
    assert!(looks_around::<OfMixed>(), "what it is split from has such a step");
}
