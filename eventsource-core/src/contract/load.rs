//! Loading one stream for a command or for a look at the past.

use chrono::{DateTime, Utc};

use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::{Position, StreamId, Version};

use super::snapshot::{RawSnapshot, SnapshotKey};

/// Takes a snapshot, if there is one, and then the events behind it, in order of version.
pub type VisitLoad<'v> = &'v mut (dyn for<'r> FnMut(LoadRow<'r>) -> Result<(), StoreError> + Send);

/// What a load hands out.
#[derive(Clone, Copy, Debug)]
pub enum LoadRow<'r> {
    /// First, at most once: a snapshot that may serve.
    Snapshot(RawSnapshot<'r>),
    /// Then the events behind it.
    Event(&'r RawEvent<'r>),
    /// The same, without what surrounds them; only where [`Load::bare`] allows it.
    Bare(BareEvent<'r>),
}

/// What a state needs of an event. Most of what a server is asked for costs it more than the payload.
#[derive(Clone, Copy, Debug)]
pub struct BareEvent<'r> {
    /// Its place in the store.
    pub position: Position,
    /// Its place in the stream.
    pub version: Version,
    /// The stored name.
    pub name: &'r str,
    /// The version of the payload's shape.
    pub schema_version: u32,
    /// How the payload is encoded; 0 is JSON.
    pub encoding: i16,
    /// The payload.
    pub data: &'r [u8],
    /// When it happened. It may be left out where no snapshot is asked for: the next one says when its events occurred.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl<'r> BareEvent<'r> {
    /// As an event of which nothing else is known.
    pub(crate) fn of_stream(&self, stream: &'r str) -> RawEvent<'r> {
        let Self { position, version, encoding, .. } = *self;
        let event = RawEvent::new(stream, self.name, self.schema_version, self.data);
        RawEvent { position, version, encoding, occurred_at: self.occurred_at.unwrap_or(event.occurred_at), ..event }
    }
}

/// The moment as of which a state is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AsOf {
    /// After the stream's first `n` events.
    Version(Version),
    /// After the events up to this position of the store.
    Position(Position),
    /// As the store knew it: the longest prefix of the stream that was recorded by then.
    RecordedAt(DateTime<Utc>),
    /// As it was in the domain: the events that occurred by then, in order of version, whenever they were recorded.
    OccurredAt(DateTime<Utc>),
}

impl From<Version> for AsOf {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl From<Position> for AsOf {
    fn from(position: Position) -> Self {
        Self::Position(position)
    }
}

/// Which stream to load, from where, to when.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Load {
    /// The stream.
    pub stream: StreamId,
    /// Only events behind this version, for a caller that has the state so far.
    pub after: Version,
    /// The snapshots that the caller can read, if any.
    pub snapshot: Option<SnapshotKey>,
    /// The moment; now, if absent.
    pub as_of: Option<AsOf>,
    /// A command key to look up in the stream.
    pub command_key: Option<String>,
    /// The caller needs no ids, recorded times and metadata: the store may hand out [`LoadRow::Bare`], or go on handing
    /// out [`LoadRow::Event`].
    pub bare: bool,
}

impl Load {
    /// The whole stream.
    pub fn new(stream: StreamId) -> Self {
        Self { stream, after: Version(0), snapshot: None, as_of: None, command_key: None, bare: false }
    }

    /// Only events behind this version.
    pub fn after(mut self, version: Version) -> Self {
        self.after = version;
        self
    }

    /// From a snapshot of this kind, where one may serve.
    pub fn with_snapshot(mut self, key: Option<SnapshotKey>) -> Self {
        self.snapshot = key;
        self
    }

    /// As of a moment.
    pub fn as_of(mut self, as_of: Option<AsOf>) -> Self {
        self.as_of = as_of;
        self
    }

    /// With a look for a command key.
    pub fn with_command_key(mut self, key: Option<String>) -> Self {
        self.command_key = key;
        self
    }

    /// Without what surrounds the events, where the store can leave it out.
    pub fn bare(mut self, bare: bool) -> Self {
        self.bare = bare;
        self
    }
}

/// What a load says besides its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadEnd {
    /// The events that the command key stored, if it did.
    pub command: Option<StoredCommand>,
}

impl LoadEnd {
    /// An end, as a store answers it.
    pub fn new(command: Option<StoredCommand>) -> Self {
        Self { command }
    }
}

/// The events that a command stored in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredCommand {
    /// The version of the first.
    pub first: Version,
    /// How many there are.
    pub events: u64,
}

impl StoredCommand {
    /// From the event that carries the key.
    pub fn new(first: Version, events: u64) -> Self {
        Self { first, events }
    }

    /// The version of the last.
    pub fn last(&self) -> Version {
        Version(self.first.0 + self.events - 1)
    }
}
