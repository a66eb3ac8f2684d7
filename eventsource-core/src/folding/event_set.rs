//! A closed set of events, and the door through which stored bytes become one of them.

use std::any::TypeId;
use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::words::decode_error::{DecodeError, Fault};
use crate::words::event::{RawEvent, Recorded};
use crate::words::stream::StreamId;

use super::decoding::{self, Decoding};
use super::domain_event::DomainEvent;
use super::encoding::{EncodeAs, EncodeError, Encoded};

/// A closed set of events: what an aggregate folds, or what a projection consumes.
///
/// `#[derive(Aggregate)]` makes one for its events; `#[derive(EventSet)]` makes one of an enum of
/// newtype variants; a single event is a set of its own.
///
/// ```
/// use eventsource::{DomainEvent, EventSet};
/// use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.opened", version = 1)]
/// # struct Opened { owner: String }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "card.issued", version = 1, alias = "card.created")]
/// # struct Issued { number: String }
///
/// #[derive(EventSet)]
/// enum Onboarding { Opened(Opened), Issued(Issued) }
///
/// assert_eq!(eventsource::stored_names::<Onboarding>(), ["account.opened", "card.issued", "card.created"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of events that can be stored and read",
    note = "an event needs `#[derive(DomainEvent, Serialize, Deserialize)]`; an enum of events needs `#[derive(EventSet)]`"
)]
pub trait EventSet: Sized + Send + Sync + 'static {
    /// The events of the set, in declared order.
    #[doc(hidden)]
    const EVENTS: &'static [EventDescriptor];
    /// Stored names that are known and mean nothing any more.
    #[doc(hidden)]
    const RETIRED: &'static [&'static str];

    #[doc(hidden)]
    fn __decode(decoding: &Decoding<'_>, payload: &[u8]) -> Result<Decoded<Self>, Fault>;

    #[doc(hidden)]
    fn __encode(&self, encode_as: EncodeAs) -> Result<Encoded, EncodeError>;
}

/// What one event of a set is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct EventDescriptor {
    /// The struct, so that two of one name can be told apart.
    pub id: TypeId,
    /// The stored name.
    pub name: &'static str,
    /// Older stored names.
    pub aliases: &'static [&'static str],
    /// The oldest version that is read.
    pub oldest: u32,
    /// The newest version that is read.
    pub version: u32,
    /// The version that is written, which is older while `write` says so.
    pub written: u32,
    /// Names of stored events of which it is a part.
    pub split_sources: &'static [&'static str],
    /// Some step to it, on raw JSON, may look at what surrounds a payload.
    pub looks_around: bool,
}

impl EventDescriptor {
    /// What `E` is stored as.
    pub const fn of<E: DomainEvent>() -> Self {
        Self {
            id: TypeId::of::<E>(),
            name: E::NAME,
            aliases: E::ALIASES,
            oldest: E::OLDEST,
            version: E::VERSION,
            written: E::WRITTEN,
            split_sources: E::SPLIT_SOURCES,
            looks_around: E::LOOKS_AROUND,
        }
    }

    /// Whether the event may be stored under this name.
    #[inline]
    pub fn is_stored_as(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

impl fmt::Display for EventDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

/// What one stored event means to a set: an event, several, or nothing.
#[derive(Debug)]
#[doc(hidden)]
pub enum Decoded<E> {
    One(E),
    Many(Vec<E>),
    Nothing,
}

/// A single event is a set of its own.
#[diagnostic::do_not_recommend]
impl<E: DomainEvent + Serialize> EventSet for E {
    const EVENTS: &'static [EventDescriptor] = &[EventDescriptor::of::<E>()];
    const RETIRED: &'static [&'static str] = &[];

    fn __decode(decoding: &Decoding<'_>, payload: &[u8]) -> Result<Decoded<Self>, Fault> {
        if E::DESCRIPTOR.is_stored_as(decoding.name()) {
            return E::__decode(decoding, payload).map(Decoded::One);
        }
        if E::SPLIT_SOURCES.contains(&decoding.name()) {
            return Ok(E::__split(decoding, payload)?.map_or(Decoded::Nothing, Decoded::One));
        }
        unknown::<Self>()
    }

    fn __encode(&self, encode_as: EncodeAs) -> Result<Encoded, EncodeError> {
        Encoded::json(&E::DESCRIPTOR, self, encode_as, E::__downcast)
    }
}

/// Collects the parts of a stored event that is now several.
#[derive(Debug)]
pub struct Parts<S> {
    parts: Vec<S>,
    known: bool,
}

impl<S: EventSet> Parts<S> {
    /// No part yet.
    pub fn new() -> Self {
        Self { parts: Vec::new(), known: false }
    }

    /// Adds what the stored event means for one event of the set, if that is split from it.
    pub fn add<E>(
        &mut self,
        of: &EventDescriptor,
        decoding: &Decoding<'_>,
        split: impl FnOnce() -> Result<Option<E>, Fault>,
        wrap: fn(E) -> S,
    ) -> Result<(), Fault> {
        if of.split_sources.contains(&decoding.name()) {
            self.known = true;
            self.parts.extend(split()?.map(wrap));
        }
        Ok(())
    }

    /// What the stored event means to the set: its parts, nothing if it is retired, or an error.
    pub fn finish(mut self, decoding: &Decoding<'_>) -> Result<Decoded<S>, Fault> {
        if !self.known {
            return if S::RETIRED.contains(&decoding.name()) { Ok(Decoded::Nothing) } else { unknown::<S>() };
        }
        Ok(match self.parts.len() {
            0 => Decoded::Nothing,
            1 => self.parts.pop().map_or(Decoded::Nothing, Decoded::One),
            _ => Decoded::Many(self.parts),
        })
    }
}

impl<S: EventSet> Default for Parts<S> {
    fn default() -> Self {
        Self::new()
    }
}

fn unknown<S: EventSet>() -> Result<Decoded<S>, Fault> {
    Err(Fault::UnknownName { known: S::EVENTS.iter().map(|event| event.name).collect() })
}

/// Every name under which an event of the set may be stored, for filters.
pub fn stored_names<S: EventSet>() -> Vec<&'static str> {
    let mut names = Vec::new();
    for event in S::EVENTS {
        let of_event = std::iter::once(&event.name).chain(event.aliases).chain(event.split_sources);
        for name in of_event {
            if !names.contains(name) {
                names.push(*name);
            }
        }
    }
    names
}

/// The door in: what a stored event means to a set. Nothing else decodes a payload.
pub(crate) fn decode<S: EventSet>(raw: &RawEvent<'_>) -> Result<Decoded<S>, DecodeError> {
    S::__decode(&Decoding::new(raw), raw.data).map_err(|fault| DecodeError::new(raw, fault))
}

/// Decodes a stored event with all that is known about it, and hands on its parts in order.
pub fn decode_recorded<S: EventSet>(raw: &RawEvent<'_>, mut each: impl FnMut(Recorded<S>)) -> Result<(), DecodeError> {
    let (events, parts) = match decode::<S>(raw)? {
        Decoded::Nothing => return Ok(()),
        Decoded::One(event) => {
            each(recorded(raw, event, 1, 1)?);
            return Ok(());
        }
        Decoded::Many(events) => {
            let parts = events.len() as u32;
            (events, parts)
        }
    };
    for (part, event) in (1..).zip(events) {
        each(recorded(raw, event, part, parts)?);
    }
    Ok(())
}

fn recorded<E: EventSet>(raw: &RawEvent<'_>, event: E, part: u32, parts: u32) -> Result<Recorded<E>, DecodeError> {
    let fault = |fault| DecodeError::new(raw, fault);
    Ok(Recorded {
        event,
        id: raw.id,
        stream: StreamId::parse(raw.stream).map_err(|source| fault(Fault::Stream { source }))?,
        version: raw.version,
        position: raw.position,
        name: stored_name::<E>(raw.name),
        schema_version: raw.schema_version,
        occurred_at: raw.occurred_at,
        recorded_at: raw.recorded_at,
        metadata: decoding::metadata(raw).map_err(|source| fault(Fault::Metadata { source }))?,
        part,
        parts,
    })
}

/// The stored name without an allocation where the set knows it.
fn stored_name<S: EventSet>(name: &str) -> Cow<'static, str> {
    let known = S::EVENTS.iter().find(|event| event.name == name);
    known.map_or_else(|| Cow::Owned(name.to_owned()), |event| Cow::Borrowed(event.name))
}
