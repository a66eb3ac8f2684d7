//! The door out: a domain event becomes bytes that give it back.

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use std::io;

use crate::words::error::{BoxError, StoreError};
use crate::words::event::NewEvent;

use super::domain_event::{DomainEvent, DowncastFrom};
use super::event_set::{EventDescriptor, EventSet};
use super::faithful;
use super::serde_bounds::Written;

/// An event as it will be stored.
#[derive(Debug)]
#[doc(hidden)]
pub struct Encoded {
    name: &'static str,
    schema_version: u32,
    data: Vec<u8>,
}

/// In which version an event is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum EncodeAs {
    /// In the one that is stored: an older one while `write` says so.
    Stored,
    /// In that of its type.
    Current,
}

/// An event that JSON cannot hold, or would not give back as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot store event `{name}`: {reason}")]
#[doc(hidden)]
pub struct EncodeError {
    name: &'static str,
    reason: String,
}

impl Encoded {
    /// Encodes an event as JSON, unless an older version is to be stored in its place.
    pub fn json<E: Written>(
        described: &EventDescriptor,
        event: &E,
        encode_as: EncodeAs,
        older: impl FnOnce(&E) -> Option<Result<Self, EncodeError>>,
    ) -> Result<Self, EncodeError> {
        let EventDescriptor { name, version, .. } = *described;
        let older = if encode_as == EncodeAs::Stored { older(event) } else { None };
        older.unwrap_or_else(|| Self::payload(name, version, event))
    }

    /// An event in the version of its type, as others get it: name, version and JSON.
    pub(crate) fn current<S: EventSet>(event: &S) -> Result<(&'static str, u32, Vec<u8>), StoreError> {
        let encoded = event.__encode(EncodeAs::Current).map_err(|error| StoreError::encode(error.to_string()))?;
        Ok((encoded.name, encoded.schema_version, encoded.data))
    }

    fn payload<T: Serialize>(name: &'static str, schema_version: u32, event: &T) -> Result<Self, EncodeError> {
        let refused = |reason: String| EncodeError { name, reason };
        // Payloads are small; one allocation holds most of them.
        let mut data = Vec::with_capacity(128);
        let mut formatter = NullSpotter { nulls: false };
        let mut serializer = serde_json::Serializer::with_formatter(&mut data, &mut formatter);
        event.serialize(&mut serializer).map_err(|error| refused(error.to_string()))?;
        // JSON writes NaN, the infinities and `Some(None)` as `null`, so only then is a closer look needed.
        if formatter.nulls {
            faithful::check(event).map_err(refused)?;
        }
        Ok(Self { name, schema_version, data })
    }
}

/// Encodes the older version that is written in place of an event, which attributes tell how to make.
pub fn downcast<E: DomainEvent, Old: Serialize>(
    older: impl FnOnce() -> Result<Old, BoxError>,
) -> Result<Encoded, EncodeError> {
    Encoded::payload(E::NAME, E::WRITTEN, &older().map_err(|error| no_older::<E>(&error))?)
}

/// Encodes the struct of the version before, which is written in place of an event.
pub fn downcast_to_previous<Old, New>(new: &New) -> Result<Encoded, EncodeError>
where
    Old: DomainEvent + Written + DowncastFrom<New>,
    New: DomainEvent,
{
    let old = Old::downcast_from(new).map_err(|error| no_older::<New>(&error))?;
    Encoded::json(&Old::DESCRIPTOR, &old, EncodeAs::Stored, Old::__downcast)
}

fn no_older<E: DomainEvent>(error: &BoxError) -> EncodeError {
    EncodeError { name: E::NAME, reason: format!("it cannot become version {}, which is written: {error}", E::WRITTEN) }
}

impl NewEvent {
    /// Encodes a domain event, with a new id.
    ///
    /// Fails for values that JSON would not give back: NaN, an infinity, `Some(None)`, a map key that is no text.
    ///
    /// ```
    /// use eventsource::{DomainEvent, NewEvent};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(DomainEvent, Serialize, Deserialize)]
    /// #[event(name = "probe.measured", version = 1)]
    /// struct Measured { celsius: f64 }
    ///
    /// assert_eq!(NewEvent::encode(&Measured { celsius: 20.5 })?.data, br#"{"celsius":20.5}"#);
    /// assert!(NewEvent::encode(&Measured { celsius: f64::NAN }).is_err_and(|error| error.is_encode()));
    /// # Ok::<(), eventsource::StoreError>(())
    /// ```
    pub fn encode<S: EventSet>(event: &S) -> Result<Self, StoreError> {
        let encoded = event.__encode(EncodeAs::Stored).map_err(|error| StoreError::encode(error.to_string()))?;
        Ok(Self::new(encoded.name, encoded.schema_version, encoded.data))
    }
}

/// Writes compact JSON and remembers whether a `null` was among it.
struct NullSpotter {
    nulls: bool,
}

impl Formatter for &mut NullSpotter {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.nulls = true;
        CompactFormatter.write_null(writer)
    }
}
