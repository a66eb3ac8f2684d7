//! A store in memory: for tests, for trying things out, and the worked example for store authors; and a broker beside it.

mod broker;
mod checkpoints;
mod first_result;
mod import;
mod inline;
mod log;
mod parking;
mod transactions;
mod views;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::contract::append::{AppendOutcome, AppendRequest, Limits};
use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::feed::Feed;
use crate::contract::load::{Load, LoadEnd, LoadRow, VisitLoad};
use crate::contract::read::{Page, Read, Visit};
use crate::contract::snapshot::{PendingSnapshot, Snapshot};
use crate::contract::store::{EventStore, HeldType, StoreHead, StoreIdentity};
use crate::words::clock::Clock;
use crate::words::error::StoreError;
use crate::words::stream::{Position, StreamId};

pub use broker::{MemoryBroker, MemoryDelivery, MemoryQueue};
use log::Log;
pub use transactions::Kept;
use transactions::Transactions;

/// A store in memory, with every promise of [`EventStore`] but durability. Clones share it.
///
/// ```
/// use eventsource::{EventStore, Position, memory::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), eventsource::StoreError> {
/// let store = MemoryStore::new();
/// assert_eq!(store.position_at(eventsource::now()).await?, Position(0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    identity: StoreIdentity,
    limits: Limits,
    clock: Clock,
    log: RwLock<Log>,
    /// Tells those who wait for the log to change that it has.
    changed: Notify,
    feed: Feed,
    transactions: Transactions,
}

impl MemoryStore {
    /// An empty store with the default [`Limits`] and the system's clock.
    pub fn new() -> Self {
        Self::with(Limits::default(), Clock::default())
    }

    /// An empty store with limits and a clock of its own.
    pub fn with(limits: Limits, clock: Clock) -> Self {
        let identity = StoreIdentity::new(Uuid::now_v7(), 1);
        let (log, changed) = (RwLock::default(), Notify::new());
        let (feed, transactions) = (Feed::new(), Transactions::default());
        Self { shared: Arc::new(Shared { identity, limits, clock, log, changed, feed, transactions }) }
    }

    /// Readers share the log and fold while they hold it, a writer waits for them. Every change is
    /// made of steps that cannot panic, so a lock poisoned by a reader's callback is sound.
    fn log(&self) -> RwLockReadGuard<'_, Log> {
        self.shared.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_mut(&self) -> RwLockWriteGuard<'_, Log> {
        self.shared.log.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_log(&self) -> Result<RwLockReadGuard<'_, Log>, StoreError> {
        let log = self.log();
        if log.closed { Err(StoreError::closed()) } else { Ok(log) }
    }

    fn open_log_mut(&self) -> Result<RwLockWriteGuard<'_, Log>, StoreError> {
        let log = self.log_mut();
        if log.closed { Err(StoreError::closed()) } else { Ok(log) }
    }

    fn append_now(&self, request: &AppendRequest) -> Result<AppendOutcome, StoreError> {
        request.check(&self.shared.limits)?;
        let outcome = self.open_log_mut()?.append(request, self.shared.clock.now());
        self.shared.changed.notify_waiters();
        outcome
    }

    fn load_now(&self, load: &Load, visit: VisitLoad<'_>) -> Result<LoadEnd, StoreError> {
        let log = self.open_log()?;
        let command = log.command(load)?;
        let snapshot = log.snapshot(load);
        if let Some(snapshot) = snapshot {
            visit(LoadRow::Snapshot(log::raw_snapshot(snapshot)))?;
        }
        let after = snapshot.map_or(load.after, |snapshot| snapshot.mark.version);
        for event in log.events(&load.stream, after, load.as_of) {
            visit(LoadRow::Event(&event.raw()))?;
        }
        Ok(LoadEnd::new(command))
    }

    fn read_now(&self, read: &Read, visit: Visit<'_>) -> Result<Page, StoreError> {
        self.open_log()?.read(read, visit)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("head", &self.log().head()).finish_non_exhaustive()
    }
}

impl EventStore for MemoryStore {
    fn identity(&self) -> StoreIdentity {
        self.shared.identity
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        async move { self.append_now(&request) }.boxed()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        async move { self.load_now(load, visit) }.boxed()
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        async move { self.read_now(read, visit) }.boxed()
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        async move { Ok(self.open_log()?.position_at(time)) }.boxed()
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        async move {
            loop {
                // Who begins to wait before looking misses no change; closing is one too.
                let changed = self.shared.changed.notified();
                let newest = self.open_log()?.head();
                if newest > position {
                    return Ok(newest);
                }
                changed.await;
            }
        }
        .boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        async move { Ok(StoreHead::new(self.open_log()?.head(), self.shared.clock.now())) }.boxed()
    }

    fn feed(&self) -> &Feed {
        &self.shared.feed
    }

    /// There is no writing to wait for, so the state is encoded at once.
    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        if let Some(snapshot) = snapshot.encode() {
            self.log_mut().save_snapshot(snapshot);
        }
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.open_log_mut()?.save_snapshot(snapshot);
            Ok(())
        }
        .boxed()
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        async move { Ok(self.open_log()?.snapshot_streams(category, kind, limit)) }.boxed()
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        async move { Ok(self.open_log()?.held_types()) }.boxed()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        async move { Ok(self.open_log()?.checkpoints.load(key)) }.boxed()
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.open_log_mut()?.checkpoints.save(key, checkpoint) }.boxed()
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        async move {
            let time = (self.shared.clock.now(), lease);
            Ok(self.open_log_mut()?.checkpoints.claim(key, owner, time, self.shared.identity))
        }
        .boxed()
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.open_log_mut()?.checkpoints.release(key, owner);
            Ok(())
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.log_mut().closed = true;
            self.shared.changed.notify_waiters();
            Ok(())
        }
        .boxed()
    }
}
