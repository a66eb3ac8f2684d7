//! The one place where a new event becomes a fact: what is stored, and what every reader will get of it.

use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::stream::{Position, StreamId, Version};

use super::event_set::{Decoded, EventSet, decode};

/// An event that was decided, at the place where it will be stored.
pub(crate) struct Settled<S> {
    /// What is applied, returned and remembered: the event as every reader will get it.
    pub(crate) fact: S,
    /// What is stored.
    pub(crate) stored: NewEvent,
}

/// Settles an event. Where an older version is written in its place, the fact is what the reader makes of that:
/// otherwise the state in memory would know something that a replay does not.
pub(crate) fn settle<S: EventSet>(event: S, stream: &StreamId, version: Version) -> Result<Settled<S>, StoreError> {
    let stored = NewEvent::encode(&event)?;
    let is_older =
        |known: &super::event_set::EventDescriptor| known.written < known.version && known.name == stored.name;
    if !S::EVENTS.iter().any(is_older) {
        return Ok(Settled { fact: event, stored });
    }
    // Steps on raw JSON alone could ask for position and times, and they are never taken: none of them has a way back.
    let raw = stored.raw(stream.as_str(), version, Position(0));
    match decode::<S>(&raw) {
        Ok(Decoded::One(fact)) => Ok(Settled { fact, stored }),
        Ok(_) => Err(unreadable(&stored, "its set reads something else under this name")),
        Err(error) => Err(unreadable(&stored, &error.to_string())),
    }
}

fn unreadable(stored: &NewEvent, reason: &str) -> StoreError {
    let NewEvent { name, schema_version, .. } = stored;
    StoreError::encode(format!(
        "cannot store event `{name}` as version {schema_version}: it could not be read back: {reason}"
    ))
}
