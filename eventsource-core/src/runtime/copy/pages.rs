//! Reading a store in pages that are bounded in events and in bytes, and kept for a while.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::read::Read;
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::{Position, Version};

/// A page ends with the event that brings its payloads and metadata to this: 16 MiB.
const PAGE_BYTES: usize = 1 << 24;

/// An event that outlives the call that handed it out.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) position: Position,
    pub(super) stream: String,
    pub(super) version: Version,
    pub(super) id: Uuid,
    name: String,
    schema_version: u32,
    encoding: i16,
    data: Vec<u8>,
    meta: Option<Vec<u8>>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    command_key: Option<String>,
}

impl From<&RawEvent<'_>> for Held {
    fn from(raw: &RawEvent<'_>) -> Self {
        Self {
            position: raw.position,
            stream: raw.stream.to_owned(),
            version: raw.version,
            id: raw.id,
            name: raw.name.to_owned(),
            schema_version: raw.schema_version,
            encoding: raw.encoding,
            data: raw.data.to_vec(),
            meta: raw.meta.map(<[u8]>::to_vec),
            correlation_id: raw.correlation_id,
            causation_id: raw.causation_id,
            occurred_at: raw.occurred_at,
            recorded_at: raw.recorded_at,
            command_key: raw.command_key.map(str::to_owned),
        }
    }
}

impl Held {
    pub(super) fn raw(&self) -> RawEvent<'_> {
        RawEvent {
            position: self.position,
            stream: &self.stream,
            version: self.version,
            id: self.id,
            name: &self.name,
            schema_version: self.schema_version,
            encoding: self.encoding,
            data: &self.data,
            meta: self.meta.as_deref(),
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            command_key: self.command_key.as_deref(),
        }
    }

    /// The first field, but for the position, in which the other event is not the same.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("event id", self.id == other.id),
            ("stream", self.stream == other.stream),
            ("version", self.version == other.version),
            ("name", self.name == other.name),
            ("schema version", self.schema_version == other.schema_version),
            ("encoding", self.encoding == other.encoding),
            ("payload", self.data == other.data),
            ("metadata", self.meta == other.meta),
            ("correlation id", self.correlation_id == other.correlation_id),
            ("causation id", self.causation_id == other.causation_id),
            ("occurred time", self.occurred_at == other.occurred_at),
            ("recorded time", self.recorded_at == other.recorded_at),
            ("command key", self.command_key == other.command_key),
        ];
        same.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
    }

    fn bytes(&self) -> usize {
        self.data.len() + self.meta.as_ref().map_or(0, Vec::len)
    }
}

/// The events of a store behind a position and up to another.
pub(super) struct Pages<'s> {
    store: &'s dyn EventStore,
    /// Everything up to here was read.
    after: Position,
    until: Position,
    /// How many events to ask for; fewer for a while after they were too big for a page.
    limit: usize,
    most: usize,
    waiting: VecDeque<Held>,
}

impl<'s> Pages<'s> {
    pub(super) fn new(store: &'s dyn EventStore, (after, until): (Position, Position), most: usize) -> Self {
        Self { store, after, until, limit: most, most, waiting: VecDeque::new() }
    }

    /// The next page, empty at the end.
    pub(super) async fn page(&mut self) -> Result<Vec<Held>, StoreError> {
        let mut events: Vec<Held> = Vec::new();
        if self.after >= self.until {
            return Ok(events);
        }
        let mut bytes = 0;
        // What does not fit any more is handed out in vain, and read again.
        let mut left_out = false;
        let visit = &mut |raw: &RawEvent<'_>| {
            left_out |= bytes >= PAGE_BYTES;
            if !left_out {
                let event = Held::from(raw);
                bytes += event.bytes();
                events.push(event);
            }
            Ok(())
        };
        let read = Read::all().after(self.after).until(self.until).limit(self.limit);
        self.store.read(&read, visit).await?;
        self.limit = if left_out { events.len() } else { (self.limit * 2).min(self.most) };
        self.after = events.last().map_or(self.until, |event| event.position);
        Ok(events)
    }

    /// The next event, read with others.
    pub(super) async fn next(&mut self) -> Result<Option<Held>, StoreError> {
        if self.waiting.is_empty() {
            self.waiting = self.page().await?.into();
        }
        Ok(self.waiting.pop_front())
    }

    /// Whether the next event begins a page.
    pub(super) fn is_between_pages(&self) -> bool {
        self.waiting.is_empty()
    }
}
