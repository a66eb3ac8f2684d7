//! The memory store's data, and what each promise means for it. Everything here happens under one lock.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::admission::{Admission, Heads, admit};
use crate::contract::append::{AppendOutcome, AppendRequest, Appended, AppendedStream, NewRow};
use crate::contract::import::ImportedRow;
use crate::contract::load::{AsOf, Load};
use crate::contract::read::{Cursor, Page, Read, Scope, Visit};
use crate::contract::snapshot::{RawSnapshot, Snapshot, SnapshotMark};
use crate::contract::store::HeldType;
use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::{Position, StreamId, Version};

use super::checkpoints::Checkpoints;
use super::parking::Parking;
use super::views::Views;

/// Events in order of position, and where to find them. Those of another store may bring gaps between positions.
#[derive(Default)]
pub(super) struct Log {
    events: Vec<StoredEvent>,
    /// The places in `events` of each stream's events, in order of version.
    streams: HashMap<StreamId, Vec<usize>>,
    keys: HashMap<(StreamId, String), Version>,
    snapshots: HashMap<(StreamId, &'static str), Snapshot>,
    pub(super) checkpoints: Checkpoints,
    pub(super) parking: Parking,
    pub(super) views: Views,
    pub(super) closed: bool,
}

pub(super) struct StoredEvent {
    pub(super) position: Position,
    stream: StreamId,
    pub(super) version: Version,
    pub(super) id: Uuid,
    name: Cow<'static, str>,
    schema_version: u32,
    encoding: i16,
    data: Vec<u8>,
    occurred_at: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    rest: Option<Box<Rest>>,
}

/// What most events do not have; apart, so that a replay touches less memory.
#[derive(Default, PartialEq)]
struct Rest {
    meta: Option<Vec<u8>>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    command_key: Option<String>,
}

impl Rest {
    fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl StoredEvent {
    /// An event of another store.
    pub(super) fn imported(row: ImportedRow<'_>) -> Self {
        let ImportedRow { position, stream, event } = row;
        let rest = Rest {
            meta: event.meta.map(<[u8]>::to_vec),
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            command_key: event.command_key.map(str::to_owned),
        };
        Self {
            position,
            stream,
            version: event.version,
            id: event.id,
            name: Cow::Owned(event.name.to_owned()),
            schema_version: event.schema_version,
            encoding: event.encoding,
            data: event.data.to_vec(),
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            rest: rest.boxed(),
        }
    }

    fn held_type(&self) -> (&str, u32) {
        (&self.name, self.schema_version)
    }

    fn cursor(&self) -> Cursor {
        Cursor::new(self.position, self.id)
    }

    pub(super) fn raw(&self) -> RawEvent<'_> {
        let rest = self.rest.as_deref();
        RawEvent {
            position: self.position,
            stream: self.stream.as_str(),
            version: self.version,
            id: self.id,
            name: &self.name,
            schema_version: self.schema_version,
            encoding: self.encoding,
            data: &self.data,
            meta: rest.and_then(|rest| rest.meta.as_deref()),
            correlation_id: rest.and_then(|rest| rest.correlation_id),
            causation_id: rest.and_then(|rest| rest.causation_id),
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            command_key: rest.and_then(|rest| rest.command_key.as_deref()),
        }
    }
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
    /// What is in memory is quickly looked through, so nothing is noted.
    pub(super) fn held_types(&self) -> Vec<HeldType> {
        let held: BTreeSet<_> = self.events.iter().map(StoredEvent::held_type).collect();
        held.into_iter().map(|(name, version)| HeldType::new(name, version)).collect()
    }

    pub(super) fn head(&self) -> Position {
        self.events.last().map_or(Position(0), |event| event.position)
    }

    /// How many events stand at or below a position.
    fn count_up_to(&self, position: Position) -> usize {
        self.events.partition_point(|event| event.position <= position)
    }

    // Versions are dense, so the event of version `v` is at place `v - 1`.
    fn stream(&self, stream: &StreamId) -> &[usize] {
        self.streams.get(stream).map_or(&[], Vec::as_slice)
    }

    pub(super) fn event(&self, stream: &StreamId, version: Version) -> Option<&StoredEvent> {
        let place = self.stream(stream).get(version.0.checked_sub(1)? as usize)?;
        Some(&self.events[*place])
    }

    pub(super) fn append(
        &mut self,
        request: &AppendRequest,
        clock: DateTime<Utc>,
    ) -> Result<AppendOutcome, StoreError> {
        Ok(match admit(request, self) {
            Admission::Done(first) => AppendOutcome::AlreadyStored(self.of_command(request, first)?),
            Admission::Conflict(conflict) => AppendOutcome::Conflict(conflict),
            Admission::Elsewhere(conflict) => match self.of_same_events(request) {
                Some(appended) => AppendOutcome::AlreadyStored(appended),
                None => AppendOutcome::Conflict(conflict),
            },
            Admission::Store => {
                let streams = (0..request.writes.len()).map(|write| self.store(request, write, clock)).collect();
                AppendOutcome::Stored(Appended::new(streams))
            }
        })
    }

    fn store(&mut self, request: &AppendRequest, write: usize, clock: DateTime<Utc>) -> AppendedStream {
        let stream = &request.writes[write].stream;
        let last = self.stream(stream).last().map(|place| &self.events[*place]);
        let mut version = last.map_or(Version(0), |last| last.version);
        // Recorded time never goes back within a stream, whatever the clock does.
        let recorded_at = last.map_or(clock, |last| last.recorded_at.max(clock));
        let mut positions = Vec::with_capacity(request.writes[write].events.len());
        for row in request.rows(write) {
            version = version.next();
            let position = Position(self.head().0 + 1);
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
        let rest = Rest {
            meta,
            correlation_id: event.metadata.correlation_id,
            causation_id: event.metadata.causation_id,
            command_key: command_key.map(|key| key.into_owned()),
        };
        self.push(StoredEvent {
            position,
            stream: stream.clone(),
            version,
            id: event.id,
            name: event.name.clone(),
            schema_version: event.schema_version,
            encoding: event.encoding,
            data: event.data.clone(),
            occurred_at: event.occurred_at.unwrap_or(recorded_at),
            recorded_at,
            rest: rest.boxed(),
        });
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Takes back the events that were added since there were so many.
    pub(super) fn take_back(&mut self, len: usize) {
        for event in self.events.drain(len..).rev() {
            if let Some(places) = self.streams.get_mut(&event.stream) {
                places.pop();
            }
            if let Some(key) = event.raw().command_key {
                self.keys.remove(&(event.stream.clone(), key.to_owned()));
            }
        }
    }

    /// Adds the next event of its stream; its position is behind all others.
    pub(super) fn push(&mut self, event: StoredEvent) {
        if let Some(key) = event.raw().command_key {
            self.keys.insert((event.stream.clone(), key.to_owned()), event.version);
        }
        self.streams.entry(event.stream.clone()).or_default().push(self.events.len());
        self.events.push(event);
    }

    /// The snapshot that may serve, if there is one.
    pub(super) fn snapshot(&self, load: &Load) -> Option<&Snapshot> {
        let key = load.snapshot.as_ref()?;
        let snapshot = self.snapshots.get(&(load.stream.clone(), key.kind))?;
        let readable = snapshot.mark.key == *key && snapshot.mark.version > load.after;
        (readable && self.may_serve(&snapshot.mark, load.as_of)).then_some(snapshot)
    }

    /// The events of a stream behind a version that belong to a moment.
    pub(super) fn events(
        &self,
        stream: &StreamId,
        after: Version,
        as_of: Option<AsOf>,
    ) -> impl Iterator<Item = &StoredEvent> {
        let places = self.stream(stream).iter().skip(after.0 as usize);
        places.map(|place| &self.events[*place]).filter(move |event| belongs(event, as_of))
    }

    /// Whether everything in a snapshot belongs to the moment that is asked for.
    fn may_serve(&self, mark: &SnapshotMark, as_of: Option<AsOf>) -> bool {
        match as_of {
            None => true,
            Some(AsOf::Version(version)) => mark.version <= version,
            Some(AsOf::Position(position)) => mark.position <= position,
            Some(AsOf::RecordedAt(time)) => {
                let last = self.event(&mark.stream, mark.version);
                last.is_some_and(|last| last.recorded_at <= time)
            }
            Some(AsOf::OccurredAt(time)) => mark.max_occurred_at <= time,
        }
    }

    pub(super) fn read(&self, read: &Read, visit: Visit<'_>) -> Result<Page, StoreError> {
        let head = self.events.last().map_or(Cursor::START, StoredEvent::cursor);
        let until = read.until.unwrap_or(head.position).min(head.position);
        let candidates: &mut dyn Iterator<Item = &StoredEvent> = match &read.scope {
            Scope::Stream(stream) => &mut self.stream(stream).iter().map(|place| &self.events[*place]),
            _ => &mut self.events[self.count_up_to(read.after)..].iter(),
        };
        let mut count = 0;
        let mut last = None;
        let in_span = |event: &&StoredEvent| event.position <= until;
        for event in candidates.take_while(in_span).filter(|event| read.takes(&event.raw())).take(read.limit) {
            visit(&event.raw())?;
            last = Some(event.cursor());
            count += 1;
        }
        let at_end = count < read.limit;
        let next = match last {
            // A short page has seen everything up to the watermark, so the next begins there.
            _ if at_end && until == head.position => head,
            Some(last) => last,
            None => self.cursor_at(until.max(read.after).min(head.position)),
        };
        Ok(Page::new(next, head.position, count, at_end))
    }

    fn cursor_at(&self, position: Position) -> Cursor {
        self.events[..self.count_up_to(position)].last().map_or(Cursor::START, StoredEvent::cursor)
    }

    pub(super) fn position_at(&self, time: DateTime<Utc>) -> Position {
        match self.events.iter().find(|event| event.recorded_at > time) {
            Some(event) => Position(event.position.0 - 1),
            None => self.head(),
        }
    }

    pub(super) fn save_snapshot(&mut self, snapshot: Snapshot) {
        let key = (snapshot.mark.stream.clone(), snapshot.mark.key.kind);
        self.snapshots.insert(key, snapshot);
    }

    /// A hash map's order is as random as a check needs.
    pub(super) fn snapshot_streams(&self, category: &str, kind: &str, limit: usize) -> Vec<StreamId> {
        let of_kind = self.snapshots.keys().filter(|(stream, k)| stream.category() == category && *k == kind);
        of_kind.map(|(stream, _)| stream.clone()).take(limit).collect()
    }
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

pub(super) fn raw_snapshot(snapshot: &Snapshot) -> RawSnapshot<'_> {
    RawSnapshot {
        version: snapshot.mark.version,
        position: snapshot.mark.position,
        encoding: snapshot.encoding,
        data: &snapshot.data,
        max_occurred_at: snapshot.mark.max_occurred_at,
    }
}
