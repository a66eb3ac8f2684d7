//! What surrounds a payload while it is decoded, and the calls that derived decoders are made of.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::words::decode_error::Fault;
use crate::words::error::BoxError;
use crate::words::event::{ENCODING_JSON, RawEvent};
use crate::words::metadata::Metadata;
use crate::words::name::is_framework_name;
use crate::words::stream::{Position, Version};

use super::domain_event::{DomainEvent, UpcastFrom};

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
pub fn current<E: DeserializeOwned>(decoding: &Decoding<'_>, payload: &[u8]) -> Result<E, Fault> {
    if decoding.encoding() != ENCODING_JSON {
        return Err(Fault::UnknownEncoding { encoding: decoding.encoding() });
    }
    serde_json::from_slice(payload).map_err(|source| Fault::Payload { source })
}

/// Decodes a payload that an older struct reads, and takes the last step.
pub fn from_previous<Old, New>(decoding: &Decoding<'_>, payload: &[u8]) -> Result<New, Fault>
where
    Old: DomainEvent,
    New: DomainEvent + UpcastFrom<Old>,
{
    let old = Old::__decode(decoding, payload)?;
    New::upcast_from(old).map_err(|source| Fault::Step { from: Old::VERSION, to: New::VERSION, source })
}

/// A step on raw JSON, with the version it reads.
pub type Step<'a> = (u32, &'a dyn Fn(Value, &Decoding<'_>) -> Result<Value, BoxError>);

/// Decodes a payload through the raw steps from its version on, in order.
pub fn from_raw_steps<E>(decoding: &Decoding<'_>, payload: &[u8], steps: &[Step<'_>]) -> Result<E, Fault>
where
    E: DeserializeOwned,
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

/// Decodes the source of a split and asks `part` what it means for the new event.
pub fn split<Old, New>(
    decoding: &Decoding<'_>,
    payload: &[u8],
    part: impl Fn(&Old) -> Option<New>,
) -> Result<Option<New>, Fault>
where
    Old: DomainEvent,
{
    Ok(part(&Old::__decode(decoding, payload)?))
}
