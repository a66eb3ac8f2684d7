//! An event before and after the store has it, and as its bytes lie in the store.

use std::borrow::Cow;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use super::metadata::Metadata;
use super::stream::{Position, StreamId, Version};

/// The encoding of payloads that are JSON, the only one so far.
pub const ENCODING_JSON: i16 = 0;

/// The time now, in the microseconds that stores keep.
pub fn now() -> DateTime<Utc> {
    stored_precision(Utc::now())
}

/// Cuts a time to the microseconds that stores keep.
pub(crate) fn stored_precision(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// An event on its way into a store: its payload is encoded, its place is not known yet.
///
/// [`NewEvent::encode`](crate::NewEvent::encode) makes one from a domain event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewEvent {
    /// Unique; a retry after a lost acknowledgement is recognised by it.
    pub id: Uuid,
    /// The stored name.
    pub name: Cow<'static, str>,
    /// The version of the payload's shape.
    pub schema_version: u32,
    /// How the payload is encoded; 0 is JSON.
    pub encoding: i16,
    /// The payload.
    pub data: Vec<u8>,
    /// Actor, correlation, causation and free JSON.
    pub metadata: Metadata,
    /// When it happened; when it is recorded, if absent.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl NewEvent {
    /// An event from an encoded JSON payload, with a new id (UUID version 7).
    pub fn new(name: impl Into<Cow<'static, str>>, schema_version: u32, data: Vec<u8>) -> Self {
        Self {
            id: Uuid::now_v7(),
            name: name.into(),
            schema_version,
            encoding: ENCODING_JSON,
            data,
            metadata: Metadata::default(),
            occurred_at: None,
        }
    }

    /// As a store would hand it out from this place, without metadata and recorded now.
    pub(crate) fn raw<'r>(&'r self, stream: &'r str, version: Version, position: Position) -> RawEvent<'r> {
        let now = now();
        let bare = RawEvent::new(stream, &self.name, self.schema_version, &self.data);
        RawEvent { position, version, id: self.id, encoding: self.encoding, occurred_at: now, recorded_at: now, ..bare }
    }

    /// Sets the metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets when it happened; stores keep microseconds.
    pub fn with_occurred_at(mut self, time: DateTime<Utc>) -> Self {
        self.occurred_at = Some(stored_precision(time));
        self
    }

    /// Sets the id, for an event that has one already.
    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = id;
        self
    }
}

/// An event that a store holds, decoded to its current type.
///
/// ```
/// # use eventsource::{DomainEvent, Repository, StoreError, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "note.written", version = 1)]
/// # struct Written { text: String }
/// # #[derive(eventsource::Aggregate, Default, Clone)]
/// # #[aggregate(name = "note", events(Written))]
/// # struct Note;
/// # impl eventsource::Apply<Written> for Note { fn apply(&mut self, _: &Written) {} }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let notes = Repository::<Note>::new(MemoryStore::new());
/// let done = notes.execute("1", |_| Written { text: "hello".into() }).await?;
/// assert_eq!(done.events[0].stream.as_str(), "note-1");
/// assert_eq!(done.events[0].name, "note.written");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recorded<E> {
    /// The fact itself, in its current version.
    pub event: E,
    /// The event's id.
    pub id: Uuid,
    /// The stream to which it belongs.
    pub stream: StreamId,
    /// Its place in the stream, from 1.
    pub version: Version,
    /// Its place in the store.
    pub position: Position,
    /// The name under which it is stored, which may be an older name of its type.
    pub name: Cow<'static, str>,
    /// The version of the shape in which it is stored, which may be older than its type.
    pub schema_version: u32,
    /// When it happened, in the domain's time.
    pub occurred_at: DateTime<Utc>,
    /// When the store recorded it; never goes back within a stream.
    pub recorded_at: DateTime<Utc>,
    /// Actor, correlation, causation and free JSON.
    pub metadata: Metadata,
    /// Which part of the stored event this is, from 1: a split event has several, with one version and position.
    pub part: u32,
    /// Into how many parts the stored event was decoded; 1 for all but split events.
    pub parts: u32,
}

impl<E> Recorded<E> {
    /// The fact, and what is known about it.
    pub fn split(self) -> (E, Recorded<()>) {
        let mut fact = None;
        let around = self.map(|event| fact = Some(event));
        match fact {
            Some(event) => (event, around),
            None => unreachable!("`map` calls its closure once"),
        }
    }

    /// What tells it from all other events to a receiver that may get it twice: its id and its part, as `<id>:<part>`.
    ///
    /// It stays the same however often the event is read. The parts of a split event have one each.
    pub fn idempotency_key(&self) -> String {
        format!("{}:{}", self.id, self.part)
    }

    /// The same event with its fact replaced, for example by one of another set.
    pub fn map<T>(self, f: impl FnOnce(E) -> T) -> Recorded<T> {
        Recorded {
            event: f(self.event),
            id: self.id,
            stream: self.stream,
            version: self.version,
            position: self.position,
            name: self.name,
            schema_version: self.schema_version,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            metadata: self.metadata,
            part: self.part,
            parts: self.parts,
        }
    }
}

/// An event as its bytes lie in the store, borrowed for the time of one call.
#[derive(Clone, Copy, Debug)]
pub struct RawEvent<'r> {
    /// Its place in the store.
    pub position: Position,
    /// The stream's name, as stored.
    pub stream: &'r str,
    /// Its place in the stream.
    pub version: Version,
    /// The event's id.
    pub id: Uuid,
    /// The stored name.
    pub name: &'r str,
    /// The version of the payload's shape.
    pub schema_version: u32,
    /// How the payload is encoded; 0 is JSON.
    pub encoding: i16,
    /// The payload.
    pub data: &'r [u8],
    /// The metadata's JSON object, where there is one.
    pub meta: Option<&'r [u8]>,
    /// The conversation to which it belongs.
    pub correlation_id: Option<Uuid>,
    /// What caused it.
    pub causation_id: Option<Uuid>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The command key, on the first event of an append that had one.
    pub command_key: Option<&'r str>,
}

impl<'r> RawEvent<'r> {
    /// An event of which no more is known: in JSON, the first of its stream and store, with the nil id, in 1970, without
    /// metadata. What is known besides is set in the fields.
    ///
    /// ```
    /// # use eventsource::{DomainEvent, RawEvent, Version, decode_recorded};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "note.written", version = 1)]
    /// # struct Written { text: String }
    /// let raw = RawEvent::new("note-1", "note.written", 1, br#"{"text":"hello"}"#);
    /// let third = RawEvent { version: Version(3), ..raw };
    /// decode_recorded::<Written>(&third, |written| assert_eq!(written.event.text, "hello"))?;
    /// # Ok::<(), eventsource::DecodeError>(())
    /// ```
    pub fn new(stream: &'r str, name: &'r str, schema_version: u32, data: &'r [u8]) -> Self {
        Self {
            position: Position(1),
            stream,
            version: Version(1),
            id: Uuid::nil(),
            name,
            schema_version,
            encoding: ENCODING_JSON,
            data,
            meta: None,
            correlation_id: None,
            causation_id: None,
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
            command_key: None,
        }
    }
}
