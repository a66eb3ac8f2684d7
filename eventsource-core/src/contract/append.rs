//! What is asked of a store when events are appended, and what it answers.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::name;
use crate::words::stream::{Conflict, ExpectedVersion, Position, StreamId, Version};

/// Events for one or several streams, all or nothing.
///
/// ```
/// use eventsource::{AppendOutcome, AppendRequest, EventStore, ExpectedVersion, NewEvent, StreamId, memory::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let stream = StreamId::new("note", "1")?;
/// let event = NewEvent::new("note.written", 1, br#"{"text":"hello"}"#.to_vec());
/// let request = AppendRequest::new(stream, ExpectedVersion::NoStream, vec![event]);
/// assert!(matches!(store.append(request.into()).await?, AppendOutcome::Stored(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AppendRequest {
    /// What is written where.
    pub writes: Vec<Write>,
    /// Streams that are not written and must not have moved.
    pub conditions: Vec<Condition>,
    /// The same key stores nothing a second time in the first write's stream; 1 to 255 bytes, no control characters.
    pub command_key: Option<String>,
    /// The keys of further commands in the first write, each with the place of its first event there.
    further: Vec<(usize, String)>,
}

/// Events for one stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Write {
    /// The stream.
    pub stream: StreamId,
    /// What the stream must be at.
    pub expected: ExpectedVersion,
    /// One event or more.
    pub events: Vec<NewEvent>,
}

/// A stream that is not written, and the version it must have.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Condition {
    /// The stream.
    pub stream: StreamId,
    /// Its version.
    pub version: Version,
}

impl Condition {
    /// What becomes of whoever appends only as long as it holds.
    pub(crate) fn moved(conflict: &Conflict) -> StoreError {
        StoreError::fenced(format!("somebody else has taken over: {conflict}"))
    }
}

/// How much one request may hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one payload: 1 MiB.
    pub payload: usize,
    /// Bytes of one event's metadata: 64 KiB.
    pub metadata: usize,
    /// Events of one request: 65,536.
    pub events: usize,
    /// Bytes of one request's payloads together: 64 MiB.
    pub request: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload: 1 << 20, metadata: 1 << 16, events: 1 << 16, request: 1 << 26 }
    }
}

/// What came of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// Stored just now.
    Stored(Appended),
    /// Stored before, by the same command key or the same event ids; this is the first result. Of a request with several
    /// commands of which another append had stored one, it is the result of that one.
    AlreadyStored(Appended),
    /// Nothing was stored: a stream is not where it was expected.
    Conflict(Conflict),
}

/// Where the events of a request stand, for each write in the request's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// One for each write.
    pub streams: Vec<AppendedStream>,
}

/// Where the events of one write stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendedStream {
    /// The version of the last event.
    pub version: Version,
    /// The position of each event.
    pub positions: Vec<Position>,
    /// When they were recorded.
    pub recorded_at: DateTime<Utc>,
}

impl Appended {
    /// The places of all writes, as a store answers them.
    pub fn new(streams: Vec<AppendedStream>) -> Self {
        Self { streams }
    }
}

impl AppendedStream {
    /// The places of one write, as a store answers them.
    pub fn new(version: Version, positions: Vec<Position>, recorded_at: DateTime<Utc>) -> Self {
        Self { version, positions, recorded_at }
    }
}

/// One event of a request as a row to be inserted; its version is the stream's head plus `ordinal`.
#[derive(Debug)]
pub struct NewRow<'a> {
    /// The event.
    pub event: &'a NewEvent,
    /// Its place in its write, from 1.
    pub ordinal: u64,
    /// The metadata's JSON object, if there is anything in it.
    pub meta: Option<Vec<u8>>,
    /// The key to be stored with it, if any.
    pub command_key: Option<Cow<'a, str>>,
}

/// How many events a command with a key had, kept in the metadata of the first where it is more than one.
const EVENTS: &str = "$events";

impl AppendRequest {
    /// Events for one stream.
    pub fn new(stream: StreamId, expected: impl Into<ExpectedVersion>, events: Vec<NewEvent>) -> Self {
        // A list of exactly one, which most requests stay.
        Self { writes: vec![Write { stream, expected: expected.into(), events }], ..Self::default() }
    }

    /// Events for another stream, in the same append.
    pub fn and(mut self, stream: StreamId, expected: impl Into<ExpectedVersion>, events: Vec<NewEvent>) -> Self {
        self.writes.push(Write { stream, expected: expected.into(), events });
        self
    }

    /// Demands that a stream that is not written stands at `version`.
    pub fn on_condition(mut self, stream: StreamId, version: Version) -> Self {
        self.conditions.push(Condition { stream, version });
        self
    }

    /// Sets the command key.
    pub fn with_command_key(mut self, key: impl Into<String>) -> Self {
        self.command_key = Some(key.into());
        self
    }

    /// Puts another command, under a key of its own, behind the first write's events.
    pub(crate) fn and_command(mut self, key: String, events: impl IntoIterator<Item = NewEvent>) -> Self {
        if let Some(write) = self.writes.first_mut() {
            self.further.push((write.events.len(), key));
            write.events.extend(events);
        }
        self
    }

    /// How many events it holds.
    pub fn event_count(&self) -> usize {
        self.writes.iter().map(|write| write.events.len()).sum()
    }

    /// Refuses what no store accepts, before anything is written.
    pub fn check(&self, limits: &Limits) -> Result<(), StoreError> {
        for key in self.command_key.iter().chain(self.further.iter().map(|(_, key)| key)) {
            name::check_command_key(key)?;
        }
        let count = self.event_count();
        if count > limits.events {
            let message = format!("an append of {count} events is over the limit of {}", limits.events);
            return Err(StoreError::too_large(message));
        }
        let mut request = 0;
        for write in &self.writes {
            if write.events.is_empty() {
                let message = format!("a write to {} has no events; a condition checks a version", write.stream);
                return Err(StoreError::invalid(message));
            }
            for event in &write.events {
                check_event(write, event, limits)?;
                request += event.data.len();
            }
        }
        if request > limits.request {
            let message = format!("an append of {request} bytes is over the limit of {}", limits.request);
            return Err(StoreError::too_large(message));
        }
        self.check_distinct()
    }

    /// One event to one stream, the common case, has nothing that could occur twice.
    fn check_distinct(&self) -> Result<(), StoreError> {
        if self.writes.len() + self.conditions.len() > 1 {
            let writes = self.writes.iter().map(|write| &write.stream);
            let mut seen = HashSet::new();
            for stream in writes.chain(self.conditions.iter().map(|condition| &condition.stream)) {
                if !seen.insert(stream) {
                    return Err(StoreError::invalid(format!("stream {stream} stands twice in one append")));
                }
            }
        }
        if !self.further.is_empty() {
            let mut seen = HashSet::new();
            for (_, key) in self.stored_keys() {
                if !seen.insert(key.clone()) {
                    return Err(StoreError::invalid(format!("command key {key:?} stands twice in one append")));
                }
            }
        }
        if self.event_count() > 1 {
            let mut seen = HashSet::new();
            for event in self.writes.iter().flat_map(|write| &write.events) {
                if !seen.insert(event.id) {
                    return Err(StoreError::invalid(format!("event id {} stands twice in one append", event.id)));
                }
            }
        }
        Ok(())
    }

    /// The key under which the append is recognised when it comes again, if it needs one.
    ///
    /// An append without an expected place gets one of its own, made of `$` and its first event's id.
    pub fn stored_key(&self) -> Option<Cow<'_, str>> {
        match &self.command_key {
            Some(key) => Some(Cow::Borrowed(key)),
            None if self.writes.iter().any(|write| write.expected.place().is_none()) => {
                Some(Cow::Owned(companion_key(self.writes[0].events[0].id)))
            }
            None => None,
        }
    }

    /// All keys of the first write, each with the place of its command's first event there, from 0. If one of them was
    /// used before, nothing is stored.
    pub fn stored_keys(&self) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
        let further = self.further.iter().map(|(place, key)| (*place, Cow::Borrowed(&**key)));
        self.stored_key().map(|key| (0, key)).into_iter().chain(further)
    }

    /// Whether it holds several commands, each under its own key.
    pub fn is_of_several_commands(&self) -> bool {
        !self.further.is_empty()
    }

    /// The rows of one write, with keys and metadata as they are stored.
    pub fn rows(&self, write: usize) -> impl Iterator<Item = NewRow<'_>> {
        let events = &self.writes[write].events;
        let keys: Vec<(usize, Cow<'_, str>)> = match self.stored_key() {
            // The other streams of a keyed append point to its first event.
            Some(_) if write > 0 => vec![(0, Cow::Owned(companion_key(self.writes[0].events[0].id)))],
            _ => self.stored_keys().collect(),
        };
        let mut keys = keys.into_iter().peekable();
        events.iter().enumerate().map(move |(place, event)| {
            let key = keys.next_if(|(first, _)| *first == place);
            let count = key.as_ref().map(|_| keys.peek().map_or(events.len(), |(next, _)| *next) - place);
            NewRow {
                event,
                ordinal: place as u64 + 1,
                meta: meta(event, count.filter(|count| *count > 1)),
                command_key: key.map(|(_, key)| key),
            }
        })
    }
}

/// The key in the streams of an append that do not hold its command key.
pub fn companion_key(first_event: Uuid) -> String {
    format!("${first_event}")
}

/// How many events the keyed append had whose first event carries this metadata.
pub fn stored_event_count(meta: Option<&[u8]>) -> Result<u64, StoreError> {
    let Some(meta) = meta else { return Ok(1) };
    let entries: Value = serde_json::from_slice(meta)
        .map_err(|error| StoreError::corrupt("stored metadata is not JSON").with_source(error))?;
    Ok(entries.get(EVENTS).and_then(Value::as_u64).unwrap_or(1))
}

fn meta(event: &NewEvent, counted: Option<usize>) -> Option<Vec<u8>> {
    let entries = event.metadata.entries();
    match counted {
        None if entries.is_empty() => None,
        // A JSON map of JSON values always encodes.
        None => serde_json::to_vec(entries).ok(),
        Some(count) => {
            let mut entries = entries.clone();
            entries.insert(EVENTS.to_owned(), count.into());
            serde_json::to_vec(&entries).ok()
        }
    }
}

fn check_event(write: &Write, event: &NewEvent, limits: &Limits) -> Result<(), StoreError> {
    name::check_event_name(&event.name)?;
    if event.schema_version == 0 {
        return Err(StoreError::invalid(format!("event `{}` has version 0; versions start at 1", event.name)));
    }
    let size = event.data.len();
    if size > limits.payload {
        return Err(StoreError::too_large(format!(
            "the payload of event `{}` for stream {} has {size} bytes, the limit is {}",
            event.name, write.stream, limits.payload
        )));
    }
    let entries = event.metadata.entries();
    if let Some(key) = entries.keys().find(|key| name::is_framework_name(key)) {
        let message = format!("metadata key {key:?} begins with `$`, which belongs to the framework");
        return Err(StoreError::invalid(message));
    }
    let size = meta(event, None).map_or(0, |meta| meta.len());
    if size > limits.metadata {
        return Err(StoreError::too_large(format!(
            "the metadata of event `{}` for stream {} has {size} bytes, the limit is {}",
            event.name, write.stream, limits.metadata
        )));
    }
    Ok(())
}
