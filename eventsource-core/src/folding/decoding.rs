//! What surrounds a payload while it is decoded, and the calls that derived decoders are made of.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::words::decode_error::Fault;
use crate::words::error::BoxError;
use crate::words::event::{ENCODING_JSON, RawEvent};
use crate::words::metadata::Metadata;
use crate::words::name::is_framework_name;
use crate::words::stream::{Position, Version};

use super::checked;
use super::domain_event::{DomainEvent, UpcastFrom};
use super::event_set::EventDescriptor;
use super::serde_bounds::ReadBack;

/// What is known of a stored event while its payload is decoded.
#[derive(Clone, Copy, Debug)]
pub struct Decoding<'r> {
    raw: &'r RawEvent<'r>,
}

impl<'r> Decoding<'r> {
    pub(crate) fn new(raw: &'r RawEvent<'r>) -> Self {
        Self { raw }
    }

    /// The stream's name, as stored.
    pub fn stream(&self) -> &'r str {
        self.raw.stream
    }

    /// The event's place in its stream.
    pub fn version(&self) -> Version {
        self.raw.version
    }

    /// The event's place in the store.
    pub fn position(&self) -> Position {
        self.raw.position
    }

    /// The name under which it is stored.
    pub fn name(&self) -> &'r str {
        self.raw.name
    }

    /// The version of the shape in which it is stored.
    pub fn schema_version(&self) -> u32 {
        self.raw.schema_version
    }

    /// How the payload is encoded; 0 is JSON.
    pub fn encoding(&self) -> i16 {
        self.raw.encoding
    }

    /// When it happened.
    pub fn occurred_at(&self) -> DateTime<Utc> {
        self.raw.occurred_at
    }

    /// When it was recorded.
    pub fn recorded_at(&self) -> DateTime<Utc> {
        self.raw.recorded_at
    }

    /// Actor, correlation, causation and free JSON; parsed at each call.
    pub fn metadata(&self) -> Result<Metadata, BoxError> {
        metadata(self.raw).map_err(BoxError::from)
    }
}

/// Parses the metadata of a stored event, without the framework's own keys.
pub(crate) fn metadata(raw: &RawEvent<'_>) -> Result<Metadata, serde_json::Error> {
    let mut entries: Map<String, Value> = match raw.meta {
        Some(bytes) => serde_json::from_slice(bytes)?,
        None => Map::new(),
    };
    entries.retain(|key, _| !is_framework_name(key));
    Ok(Metadata::from_parts(entries, raw.correlation_id, raw.causation_id))
}

/// Decodes a payload in the current version: from the bytes into the struct, with no value between.
pub fn current<E: ReadBack>(decoding: &Decoding<'_>, payload: &[u8]) -> Result<E, Fault> {
    if decoding.encoding() != ENCODING_JSON {
        return Err(Fault::UnknownEncoding { encoding: decoding.encoding() });
    }
    serde_json::from_slice(payload).map_err(|source| Fault::Payload { source })
}

/// Takes the step to version `to` from what the struct before it has read.
pub fn from_previous<Old, New: UpcastFrom<Old>>(old: Old, to: u32) -> Result<New, Fault> {
    New::upcast_from(old).map_err(|source| Fault::Step { from: to - 1, to, source })
}

/// A step on raw JSON, with the version it reads.
pub type Step<'a> = (u32, &'a dyn Fn(Value, &Decoding<'_>) -> Result<Value, BoxError>);

/// Decodes a payload through the raw steps from its version on, in order.
pub fn from_raw_steps<E>(decoding: &Decoding<'_>, payload: &[u8], steps: &[Step<'_>]) -> Result<E, Fault>
where
    E: ReadBack,
{
    let mut value: Value = current(decoding, payload)?;
    let stored = decoding.schema_version();
    for (from, step) in steps.iter().filter(|(from, _)| *from >= stored) {
        value = step(value, decoding).map_err(|source| Fault::Step { from: *from, to: from + 1, source })?;
    }
    serde_json::from_value(value).map_err(|source| Fault::Payload { source })
}

/// A version that no branch of a derived decoder reads.
pub fn no_such_version<E: DomainEvent, T>(decoding: &Decoding<'_>) -> Result<T, Fault> {
    Err(if decoding.schema_version() > E::VERSION {
        Fault::Newer { newest: E::VERSION }
    } else {
        Fault::TooOld { oldest: E::OLDEST }
    })
}

/// What a stored event means for an event that is a part of it.
#[derive(Debug)]
pub struct Part<Old, New> {
    stored_as: EventDescriptor,
    decode: fn(&Decoding<'_>, &[u8]) -> Result<Old, Fault>,
    with: fn(&Old) -> Option<New>,
}

/// The function of a split; the event that it takes is found in its signature.
pub const fn part<Old: DomainEvent, New>(with: fn(&Old) -> Option<New>) -> Part<Old, New> {
    Part { stored_as: Old::DESCRIPTOR, decode: Old::__decode, with }
}

impl<Old, New> Part<Old, New> {
    /// Fails, while compiling, unless the function takes the event that is stored as `source`.
    #[track_caller]
    pub const fn assert_source(&self, source: &str) {
        checked::assert_source(&self.stored_as, source);
    }

    /// Whether a step to the source may look at what surrounds a payload.
    pub const fn looks_around(&self) -> bool {
        self.stored_as.looks_around
    }

    /// Decodes the source and takes the part.
    pub fn decode(&self, decoding: &Decoding<'_>, payload: &[u8]) -> Result<Option<New>, Fault> {
        Ok((self.with)(&(self.decode)(decoding, payload)?))
    }
}
