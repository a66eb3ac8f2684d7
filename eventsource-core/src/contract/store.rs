//! The one trait that a backend implements.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::words::error::StoreError;
use crate::words::stream::{Position, StreamId};

use super::append::{AppendOutcome, AppendRequest};
use super::checkpoint::{Checkpoint, CheckpointKey, Claim};
use super::feed::Feed;
use super::load::{Load, LoadEnd, VisitLoad};
use super::read::{Page, Read, Visit};
use super::snapshot::{PendingSnapshot, Snapshot};

/// Which store this is. A copy has the same id; a restore begins a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreIdentity {
    /// Given when the store was created.
    pub id: Uuid,
    /// Raised by an operator after a restore.
    pub epoch: u64,
}

impl StoreIdentity {
    /// An identity, as a store reads it from its own row.
    pub fn new(id: Uuid, epoch: u64) -> Self {
        Self { id, epoch }
    }
}

/// Where a store stands, asked by whoever wants to know how far behind somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreHead {
    /// The newest event that readers see; 0 while there is none.
    pub newest: Position,
    /// The time by the clock that events are recorded with.
    pub time: DateTime<Utc>,
    /// For how long an append that is still open has held readers back, at most: since when its transaction is open.
    /// Zero where none is open, in stores whose appends hold nobody back, and where the application may not see since when:
    /// in PostgreSQL a transaction of another role, unless this one is a member of `pg_read_all_stats`.
    pub held_back: Duration,
}

impl StoreHead {
    /// The head of a store whose readers nobody holds back.
    pub fn new(newest: Position, time: DateTime<Utc>) -> Self {
        Self { newest, time, held_back: Duration::ZERO }
    }

    /// Sets for how long readers have been held back.
    pub fn held_back(mut self, held_back: Duration) -> Self {
        self.held_back = held_back;
        self
    }
}

/// A stored name with one version of its shape, of which a store holds events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct HeldType {
    /// The stored name.
    pub name: String,
    /// The version of the payload's shape.
    pub schema_version: u32,
}

impl HeldType {
    /// A pair, as a store has noted it.
    pub fn new(name: impl Into<String>, schema_version: u32) -> Self {
        Self { name: name.into(), schema_version }
    }
}

/// A place where events are kept: appended all or nothing, read in one order that never changes.
///
/// The runtime, and everything built on it, asks for no more than this. Implement it for a new
/// backend and run the conformance book of the feature `testing` on it; the guide's page for
/// store authors says what each promise means. [`MemoryStore`](crate::memory::MemoryStore) is the worked example.
///
/// It is object-safe: a [`Repository`](crate::Repository) holds an `Arc<dyn EventStore>`. Every
/// future is bounded by the store's own time-outs, and dropping one never leaves half an append.
pub trait EventStore: Send + Sync + 'static {
    /// Which store this is.
    fn identity(&self) -> StoreIdentity;

    /// Appends events to one or several streams, all or nothing.
    ///
    /// A conflict is an outcome, not an error. After an error that
    /// [`is_transient`](StoreError::is_transient), the same request may be sent again: its event
    /// ids and its command key keep it from being stored twice.
    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>>;

    /// Reads what a command needs, in one round trip: snapshot, tail, and whether the command was done before.
    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>>;

    /// Reads one page of events in order of position.
    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// The position before the first event that was recorded after `time`.
    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>>;

    /// Waits until an event behind `position` is visible, and answers the newest visible position.
    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>>;

    /// The newest visible event, the store's time, and for how long its readers have been held back.
    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>>;

    /// The live reader that its subscribers in this process share. A store keeps one, in what its clones have in common.
    fn feed(&self) -> &Feed;

    /// Takes a snapshot to be written when there is time; it may be dropped, and never fails or delays the caller.
    fn offer_snapshot(&self, snapshot: PendingSnapshot);

    /// Writes a snapshot now. There is one row for a stream and kind; the last writer wins.
    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Up to `limit` streams of a category that have a snapshot of this kind, chosen at random.
    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>>;

    /// Every name under which it holds events, with each version of their shape: once each, in order of both.
    ///
    /// It is known without a look at the events, so a pair may stand there whose events were erased since, or
    /// whose first append was refused.
    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>>;

    /// How far a consumer has come, if it ever saved that.
    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>>;

    /// Saves how far a consumer has come; refused with [`is_fenced`](StoreError::is_fenced) if a newer owner saved before.
    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Makes a consumer's work the owner's own for as long as `lease`, by the store's clock, if nobody else holds it.
    ///
    /// The same owner renews it; another one that takes over, when the time has run out or the work was released,
    /// gets a higher `owner_epoch`, and from that moment on whatever the one before it saves is refused. A consumer
    /// that never saved a checkpoint is claimed at [`Cursor::START`](super::read::Cursor::START).
    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>>;

    /// Gives a consumer's work back, so that others need not wait for the end of the lease; nothing happens if it is
    /// not the owner's any more.
    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Finishes what was accepted, appends and snapshots, and refuses what comes later.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

macro_rules! forward {
    ($pointer:ty) => {
        impl<S: EventStore + ?Sized> EventStore for $pointer {
            fn identity(&self) -> StoreIdentity {
                (**self).identity()
            }

            fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
                (**self).append(request)
            }

            fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
                (**self).load(load, visit)
            }

            fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
                (**self).read(read, visit)
            }

            fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
                (**self).position_at(time)
            }

            fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
                (**self).wait_past(position)
            }

            fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
                (**self).head()
            }

            fn feed(&self) -> &Feed {
                (**self).feed()
            }

            fn offer_snapshot(&self, snapshot: PendingSnapshot) {
                (**self).offer_snapshot(snapshot);
            }

            fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
                (**self).save_snapshot(snapshot)
            }

            fn snapshot_streams<'a>(
                &'a self,
                category: &'a str,
                kind: &'a str,
                limit: usize,
            ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
                (**self).snapshot_streams(category, kind, limit)
            }

            fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
                (**self).held_types()
            }

            fn load_checkpoint<'a>(
                &'a self,
                key: &'a CheckpointKey,
            ) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
                (**self).load_checkpoint(key)
            }

            fn save_checkpoint<'a>(
                &'a self,
                key: &'a CheckpointKey,
                checkpoint: Checkpoint,
            ) -> BoxFuture<'a, Result<(), StoreError>> {
                (**self).save_checkpoint(key, checkpoint)
            }

            fn claim<'a>(
                &'a self,
                key: &'a CheckpointKey,
                owner: Uuid,
                lease: Duration,
            ) -> BoxFuture<'a, Result<Claim, StoreError>> {
                (**self).claim(key, owner, lease)
            }

            fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
                (**self).release(key, owner)
            }

            fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
                (**self).close()
            }
        }
    };
}

forward!(Arc<S>);
