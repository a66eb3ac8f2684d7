//! The memory store's data, and what each promise means for it. Everything here happens under one lock.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::admission::{Admission, Heads, admit};
use crate::contract::append::{
    AppendOutcome, AppendRequest, Appended, AppendedStream, NewRow, companion_key, stored_event_count,
};
use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::load::{AsOf, Load, StoredCommand};
use crate::contract::read::{Cursor, Page, Read, Scope};
use crate::contract::snapshot::{RawSnapshot, Snapshot};
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, now};
use crate::words::stream::{Position, StreamId, Version};

/// Events in order of position, and where to find them. Positions are dense: the place in `events` plus one.
#[derive(Default)]
pub(super) struct Log {
    events: Vec<Arc<StoredEvent>>,
    streams: HashMap<StreamId, Vec<Arc<StoredEvent>>>,
    keys: HashMap<(StreamId, String), Version>,
    snapshots: HashMap<(StreamId, &'static str), Arc<Snapshot>>,
    pub(super) checkpoints: HashMap<CheckpointKey, Checkpoint>,
    pub(super) closed: bool,
}

pub(super) struct StoredEvent {
    position: Position,
    stream: StreamId,
    version: Version,
    id: Uuid,
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

impl StoredEvent {
    pub(super) fn raw(&self) -> RawEvent<'_> {
        RawEvent {
            position: self.position,
            stream: self.stream.as_str(),
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
}

pub(super) struct Loaded {
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) events: Vec<Arc<StoredEvent>>,
    pub(super) command: Option<StoredCommand>,
}

impl Heads for Log {
    fn head(&self, stream: &StreamId) -> Version {
        Version(self.stream(stream).len() as u64)
    }

    fn keyed(&self, stream: &StreamId, key: &str) -> Option<Version> {
        self.keys.get(&(stream.clone(), key.to_owned())).copied()
    }
}

impl Log {
    pub(super) fn head(&self) -> Position {
        Position(self.events.len() as u64)
    }

    // Versions are dense, so the event of version `v` is at place `v - 1`.
    fn stream(&self, stream: &StreamId) -> &[Arc<StoredEvent>] {
        self.streams.get(stream).map_or(&[], Vec::as_slice)
    }

    pub(super) fn append(&mut self, request: &AppendRequest) -> Result<AppendOutcome, StoreError> {
        Ok(match admit(request, self) {
            Admission::Done(first) => AppendOutcome::AlreadyStored(self.first_result(request, first)?),
            Admission::Conflict(conflict) => AppendOutcome::Conflict(conflict),
            Admission::Elsewhere(conflict) => match self.same_events(request) {
                Some(appended) => AppendOutcome::AlreadyStored(appended),
                None => AppendOutcome::Conflict(conflict),
            },
            Admission::Store => {
                let streams = (0..request.writes.len()).map(|write| self.store(request, write)).collect();
                AppendOutcome::Stored(Appended::new(streams))
            }
        })
    }

    fn store(&mut self, request: &AppendRequest, write: usize) -> AppendedStream {
        let stream = &request.writes[write].stream;
        let clock = now();
        // Recorded time never goes back within a stream, whatever the clock does.
        let recorded_at = self.stream(stream).last().map_or(clock, |last| last.recorded_at.max(clock));
        let mut version = Heads::head(self, stream);
        let mut positions = Vec::new();
        for row in request.rows(write) {
            version = version.next();
            let position = Position(self.events.len() as u64 + 1);
            self.insert(stream, version, position, recorded_at, row);
            positions.push(position);
        }
        AppendedStream::new(version, positions, recorded_at)
    }

    fn insert(
        &mut self,
        stream: &StreamId,
        version: Version,
        position: Position,
        recorded_at: DateTime<Utc>,
        row: NewRow<'_>,
    ) {
        let NewRow { event, meta, command_key, .. } = row;
        let stored = Arc::new(StoredEvent {
            position,
            stream: stream.clone(),
            version,
            id: event.id,
            name: event.name.clone().into_owned(),
            schema_version: event.schema_version,
            encoding: event.encoding,
            data: event.data.clone(),
            meta,
            correlation_id: event.metadata.correlation_id,
            causation_id: event.metadata.causation_id,
            occurred_at: event.occurred_at.unwrap_or(recorded_at),
            recorded_at,
            command_key: command_key.map(|key| key.into_owned()),
        });
        if let Some(key) = &stored.command_key {
            self.keys.insert((stream.clone(), key.clone()), version);
        }
        self.events.push(stored.clone());
        self.streams.entry(stream.clone()).or_default().push(stored);
    }

    /// Where the events stand that the request's command stored the first time.
    fn first_result(&self, request: &AppendRequest, first: Version) -> Result<Appended, StoreError> {
        let first_id = self.stream(&request.writes[0].stream)[first.0 as usize - 1].id;
        let mut streams = Vec::new();
        for (index, write) in request.writes.iter().enumerate() {
            let from = match index {
                0 => Some(first),
                _ => self.keyed(&write.stream, &companion_key(first_id)),
            };
            let Some(from) = from else {
                let message = format!("the command was done before, but without stream {}", write.stream);
                return Err(StoreError::invalid(message));
            };
            let stream = self.stream(&write.stream);
            let start = from.0 as usize - 1;
            let count = stored_event_count(stream[start].meta.as_deref())? as usize;
            streams.push(appended(&stream[start..start + count]));
        }
        Ok(Appended::new(streams))
    }

    /// Where the very events of the request stand, if an append whose answer was lost has stored them.
    fn same_events(&self, request: &AppendRequest) -> Option<Appended> {
        let mut streams = Vec::new();
        for write in &request.writes {
            let start = write.expected.place()?.0 as usize;
            let stored = self.stream(&write.stream).get(start..start + write.events.len())?;
            if !stored.iter().zip(&write.events).all(|(stored, event)| stored.id == event.id) {
                return None;
            }
            streams.push(appended(stored));
        }
        Some(Appended::new(streams))
    }

    pub(super) fn load(&self, load: &Load) -> Result<Loaded, StoreError> {
        let stream = self.stream(&load.stream);
        let command = match &load.command_key {
            Some(key) => match self.keyed(&load.stream, key) {
                Some(first) => {
                    let events = stored_event_count(stream[first.0 as usize - 1].meta.as_deref())?;
                    Some(StoredCommand::new(first, events))
                }
                None => None,
            },
            None => None,
        };
        let snapshot = load.snapshot.as_ref().and_then(|key| {
            let snapshot = self.snapshots.get(&(load.stream.clone(), key.kind))?;
            let readable = snapshot.mark.key == *key && snapshot.mark.version > load.after;
            (readable && self.may_serve(&snapshot.mark, load.as_of)).then(|| snapshot.clone())
        });
        let start = snapshot.as_ref().map_or(load.after, |snapshot| snapshot.mark.version);
        let events = stream.iter().skip(start.0 as usize).filter(|event| belongs(event, load.as_of));
        Ok(Loaded { events: events.cloned().collect(), snapshot, command })
    }

    /// Whether everything in a snapshot belongs to the moment that is asked for.
    fn may_serve(&self, mark: &crate::contract::snapshot::SnapshotMark, as_of: Option<AsOf>) -> bool {
        match as_of {
            None => true,
            Some(AsOf::Version(version)) => mark.version <= version,
            Some(AsOf::Position(position)) => mark.position <= position,
            Some(AsOf::RecordedAt(time)) => {
                let last = self.stream(&mark.stream).get(mark.version.0 as usize - 1);
                last.is_some_and(|last| last.recorded_at <= time)
            }
            Some(AsOf::OccurredAt(time)) => mark.max_occurred_at <= time,
        }
    }

    pub(super) fn read(&self, read: &Read) -> (Vec<Arc<StoredEvent>>, Page) {
        let head = self.events.last().map_or(Cursor::START, |last| Cursor::new(last.position, last.id));
        let until = read.until.unwrap_or(head.position).min(head.position);
        let source = match &read.scope {
            Scope::Stream(stream) => self.stream(stream),
            _ => &self.events,
        };
        let start = source.partition_point(|event| event.position <= read.after);
        let events: Vec<_> = source[start..]
            .iter()
            .take_while(|event| event.position <= until)
            .filter(|event| wanted(event, read))
            .take(read.limit)
            .cloned()
            .collect();
        let at_end = events.len() < read.limit;
        let next = match events.last() {
            // A short page has seen everything up to the watermark, so the next begins there.
            _ if at_end && until == head.position => head,
            Some(last) => Cursor::new(last.position, last.id),
            None => self.cursor_at(until.max(read.after).min(head.position)),
        };
        let page = Page::new(next, head.position, events.len(), at_end);
        (events, page)
    }

    fn cursor_at(&self, position: Position) -> Cursor {
        match position.0.checked_sub(1).and_then(|place| self.events.get(place as usize)) {
            Some(event) => Cursor::new(event.position, event.id),
            None => Cursor::START,
        }
    }

    pub(super) fn position_at(&self, time: DateTime<Utc>) -> Position {
        match self.events.iter().position(|event| event.recorded_at > time) {
            Some(place) => Position(place as u64),
            None => self.head(),
        }
    }

    pub(super) fn save_snapshot(&mut self, snapshot: Snapshot) {
        let key = (snapshot.mark.stream.clone(), snapshot.mark.key.kind);
        self.snapshots.insert(key, Arc::new(snapshot));
    }

    /// A hash map's order is as random as a check needs.
    pub(super) fn snapshot_streams(&self, category: &str, kind: &str, limit: usize) -> Vec<StreamId> {
        let of_kind = self.snapshots.keys().filter(|(stream, k)| stream.category() == category && *k == kind);
        of_kind.map(|(stream, _)| stream.clone()).take(limit).collect()
    }

    pub(super) fn save_checkpoint(&mut self, key: &CheckpointKey, checkpoint: Checkpoint) -> Result<(), StoreError> {
        match self.checkpoints.get(key) {
            Some(stored) if stored.owner_epoch > checkpoint.owner_epoch => Err(StoreError::fenced(format!(
                "checkpoint {} belongs to owner {}, refused to owner {}",
                key.name, stored.owner_epoch, checkpoint.owner_epoch
            ))),
            _ => {
                self.checkpoints.insert(key.clone(), checkpoint);
                Ok(())
            }
        }
    }
}

fn appended(stored: &[Arc<StoredEvent>]) -> AppendedStream {
    let last = &stored[stored.len() - 1];
    let positions = stored.iter().map(|event| event.position).collect();
    AppendedStream::new(last.version, positions, last.recorded_at)
}

fn belongs(event: &StoredEvent, as_of: Option<AsOf>) -> bool {
    match as_of {
        None => true,
        Some(AsOf::Version(version)) => event.version <= version,
        Some(AsOf::Position(position)) => event.position <= position,
        Some(AsOf::RecordedAt(time)) => event.recorded_at <= time,
        Some(AsOf::OccurredAt(time)) => event.occurred_at <= time,
    }
}

fn wanted(event: &StoredEvent, read: &Read) -> bool {
    let in_scope = match &read.scope {
        Scope::Category(category) => event.stream.category() == category,
        Scope::All | Scope::Stream(_) => true,
    };
    in_scope
        && event.version > read.after_version
        && (read.names.is_empty() || read.names.iter().any(|name| *name == event.name))
        && read.recorded.contains(event.recorded_at)
        && read.occurred.contains(event.occurred_at)
}

pub(super) fn raw_snapshot(snapshot: &Snapshot) -> RawSnapshot<'_> {
    RawSnapshot {
        version: snapshot.mark.version,
        position: snapshot.mark.position,
        encoding: snapshot.encoding,
        data: &snapshot.data,
        max_occurred_at: snapshot.mark.max_occurred_at,
    }
}
