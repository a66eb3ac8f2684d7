//! An event as a store would give it back: encoded, and decoded again.

use serde_json::Value;

use crate::folding::event_set::{Decoded, EventSet, decode};
use crate::words::event::NewEvent;
use crate::words::stream::{Position, Version};

/// What is stored of an event, and what comes back.
pub(super) struct Kept<E> {
    pub(super) stored: NewEvent,
    pub(super) facts: Vec<E>,
}

/// Encodes an event, decodes it, and panics if JSON does not give it back.
#[track_caller]
pub(super) fn keep<E: EventSet>(event: &E, category: &str, version: Version) -> Kept<E> {
    let stored = encode(event);
    let stream = format!("{category}-given");
    let raw = stored.raw(&stream, version, Position(version.0));
    let facts = match decode::<E>(&raw) {
        Ok(Decoded::One(fact)) => {
            demand_the_same(&stored, &encode(&fact));
            vec![fact]
        }
        Ok(Decoded::Many(facts)) => facts,
        Ok(Decoded::Nothing) => Vec::new(),
        Err(error) => panic!("{} cannot be read back: {error}", shown(&stored)),
    };
    Kept { stored, facts }
}

#[track_caller]
fn encode<E: EventSet>(event: &E) -> NewEvent {
    match NewEvent::encode(event) {
        Ok(stored) => stored,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn demand_the_same(first: &NewEvent, again: &NewEvent) {
    if !same(&payload(first), &payload(again)) {
        panic!("JSON does not give the event back\n    stored: {}\n    read:   {}", shown(first), shown(again));
    }
}

/// Equal but for the order in arrays: equal hash sets are written in different orders.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            let mut rest: Vec<_> = b.iter().collect();
            a.len() == b.len()
                && a.iter().all(|x| match rest.iter().position(|y| same(x, y)) {
                    Some(place) => {
                        rest.swap_remove(place);
                        true
                    }
                    None => false,
                })
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, x)| b.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// The payload as a value, so that the order of keys does not count.
pub(super) fn payload(event: &NewEvent) -> Value {
    serde_json::from_slice(&event.data).unwrap_or(Value::Null)
}

/// `name vN {json}`.
pub(super) fn shown(event: &NewEvent) -> String {
    format!("{} v{} {}", event.name, event.schema_version, String::from_utf8_lossy(&event.data))
}
