//! Loading: snapshot and tail from the store, through the door in, into a state.

use chrono::{DateTime, Utc};

use crate::contract::load::{AsOf, Load, LoadEnd, LoadRow};
use crate::contract::snapshot::{PendingSnapshot, RawSnapshot, SnapshotKey, SnapshotMark};
use crate::contract::store::EventStore;
use crate::folding::aggregate::{Aggregate, fold};
use crate::folding::event_set::EventSet;
use crate::words::error::{BoxError, StoreError};
use crate::words::event::{ENCODING_JSON, RawEvent};
use crate::words::stream::{Position, StreamId, Version};

/// The kind under which the states of aggregates are kept.
const KIND: &str = "state";

/// A state, and the events that are in it.
#[derive(Clone)]
pub(crate) struct Folded<A> {
    pub(crate) state: A,
    pub(crate) version: Version,
    pub(crate) position: Position,
    pub(crate) max_occurred_at: DateTime<Utc>,
}

impl<A: Aggregate> Folded<A> {
    pub(crate) fn new() -> Self {
        Self {
            state: A::default(),
            version: Version(0),
            position: Position(0),
            max_occurred_at: DateTime::<Utc>::MIN_UTC,
        }
    }

    /// Reads and folds what the store has behind this state.
    pub(crate) async fn catch_up(&mut self, store: &dyn EventStore, load: Load) -> Result<LoadEnd, StoreError> {
        let load = load.after(self.version).with_snapshot(snapshot_key::<A>()).bare(needs_payloads_only::<A>());
        match self.fold(store, &load).await {
            Err(Stop::Snapshot(error)) => {
                // A snapshot only saves a replay: one that cannot be read is as if it were not there.
                tracing::warn!(stream = %load.stream, %error, "a snapshot cannot be read; replaying instead");
                // Not bare: the next snapshot has need of times.
                self.fold(store, &load.with_snapshot(None).bare(false)).await.map_err(Stop::into_error)
            }
            result => result.map_err(Stop::into_error),
        }
    }

    /// The same without a snapshot, for a check of one.
    pub(crate) async fn replay(&mut self, store: &dyn EventStore, load: Load) -> Result<LoadEnd, StoreError> {
        self.fold(store, &load.after(self.version)).await.map_err(Stop::into_error)
    }

    async fn fold(&mut self, store: &dyn EventStore, load: &Load) -> Result<LoadEnd, Stop> {
        // Only as of an occurred time may versions be missing between two events.
        let dense = !matches!(load.as_of, Some(AsOf::OccurredAt(_)));
        let mut unreadable = None;
        let loaded = store
            .load(load, &mut |row| match row {
                LoadRow::Event(event) => self.take_event(event, dense),
                LoadRow::Bare(event) => self.take_event(&event.of_stream(load.stream.as_str()), dense),
                LoadRow::Snapshot(snapshot) => self.take_snapshot(&snapshot).map_err(|error| {
                    unreadable = Some(error);
                    StoreError::failed("the snapshot cannot be read")
                }),
            })
            .await;
        match unreadable {
            Some(error) => Err(Stop::Snapshot(error)),
            None => loaded.map_err(Stop::Store),
        }
    }

    fn take_event(&mut self, event: &RawEvent<'_>, dense: bool) -> Result<(), StoreError> {
        if dense && event.version != self.version.next() {
            return Err(StoreError::corrupt(format!(
                "stream {} has version {} where version {} belongs",
                event.stream,
                event.version,
                self.version.next()
            )));
        }
        fold(&mut self.state, event)?;
        self.advance(event.version, event.position, event.occurred_at);
        Ok(())
    }

    fn take_snapshot(&mut self, snapshot: &RawSnapshot<'_>) -> Result<(), BoxError> {
        let codec = A::__snapshots().ok_or("the aggregate takes no snapshots")?;
        if snapshot.encoding != ENCODING_JSON {
            return Err(format!("encoding {} is not known", snapshot.encoding).into());
        }
        self.state = (codec.decode)(snapshot.data)?;
        self.advance(snapshot.version, snapshot.position, snapshot.max_occurred_at);
        Ok(())
    }

    /// Notes that the state holds the event at this place.
    pub(crate) fn advance(&mut self, version: Version, position: Position, occurred_at: DateTime<Utc>) {
        self.version = version;
        self.position = position;
        self.max_occurred_at = self.max_occurred_at.max(occurred_at);
    }

    /// A snapshot of this state, if one is due since `before`; encoded when the store writes it.
    pub(crate) fn due_snapshot(&self, stream: &StreamId, before: Version) -> Option<PendingSnapshot> {
        let codec = A::__snapshots()?;
        if before.0 / codec.every == self.version.0 / codec.every {
            return None;
        }
        let key = SnapshotKey::new(KIND, codec.fingerprint, codec.revision);
        let at = (self.version, self.position);
        let mark = SnapshotMark::new(stream.clone(), key, at, self.max_occurred_at);
        let state = self.state.clone();
        Some(PendingSnapshot::new(mark, move || (codec.encode)(&state).map_err(BoxError::from)))
    }
}

/// The snapshots that `A` can read.
pub(crate) fn snapshot_key<A: Aggregate>() -> Option<SnapshotKey> {
    A::__snapshots().map(|codec| SnapshotKey::new(KIND, codec.fingerprint, codec.revision))
}

/// Whether a state needs nothing of its events but what [`LoadRow::Bare`] has: the rest is for steps from older
/// versions.
fn needs_payloads_only<A: Aggregate>() -> bool {
    A::Event::EVENTS.iter().all(|event| !event.looks_around)
}

enum Stop {
    Snapshot(BoxError),
    Store(StoreError),
}

impl Stop {
    fn into_error(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Snapshot(error) => StoreError::failed("a snapshot cannot be read").with_source(error),
        }
    }
}
