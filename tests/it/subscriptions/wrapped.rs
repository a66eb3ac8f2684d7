//! A store around another one that counts what is asked of it, fails on demand, and keeps a feed of any size.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock};

use chrono::{DateTime, Utc};
use eventsource::{
    AppendOutcome, AppendRequest, Checkpoint, CheckpointKey, EventStore, Feed, HeldType, Load, LoadEnd, Page,
    PendingSnapshot, Position, Read, Snapshot, StoreError, StoreIdentity, StreamId, Visit, VisitLoad,
};
use futures::FutureExt;
use futures::future::BoxFuture;

/// What goes wrong when it is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// A connection is lost.
    Transient,
    /// It breaks for good.
    Failed,
    Panic,
}

#[derive(Clone)]
pub(super) struct Wrapped {
    inner: Arc<RwLock<Arc<dyn EventStore>>>,
    feed: Arc<Feed>,
    identity: StoreIdentity,
    pub(super) counts: Arc<Counts>,
    /// What happens to the next reads, and to how many.
    fault: Arc<Mutex<Option<(Fault, usize)>>>,
}

#[derive(Default)]
pub(super) struct Counts {
    /// Reads of a subscriber's own: they ask for names.
    pub(super) own_reads: AtomicUsize,
    /// Reads for the feed: they ask for all there is.
    pub(super) feed_reads: AtomicUsize,
    /// Events that subscribers' own reads were handed.
    pub(super) own_events: AtomicUsize,
    pub(super) waits: AtomicUsize,
    waiting: AtomicUsize,
    pub(super) most_waiting: AtomicUsize,
}

impl Counts {
    pub(super) fn own(&self) -> usize {
        self.own_reads.load(SeqCst)
    }
}

impl Wrapped {
    pub(super) fn new(inner: impl EventStore) -> Self {
        let identity = inner.identity();
        Self {
            inner: Arc::new(RwLock::new(Arc::new(inner))),
            feed: Arc::default(),
            identity,
            counts: Arc::default(),
            fault: Arc::default(),
        }
    }

    /// With a feed that keeps so many events.
    pub(super) fn with_feed(mut self, events: usize, bytes: usize) -> Self {
        self.feed = Arc::new(Feed::bounded(events, bytes));
        self
    }

    pub(super) fn inner(&self) -> Arc<dyn EventStore> {
        self.inner.read().unwrap().clone()
    }

    /// Puts another store in its place, as a backup is put there by an operator.
    pub(super) fn replace(&self, inner: impl EventStore) {
        *self.inner.write().unwrap() = Arc::new(inner);
    }

    /// Lets the next reads fail.
    pub(super) fn fail(&self, fault: Fault, times: usize) {
        *self.fault.lock().unwrap() = Some((fault, times));
    }

    pub(super) fn faults_left(&self) -> usize {
        self.fault.lock().unwrap().map_or(0, |(_, times)| times)
    }

    fn stumble(&self) -> Result<(), StoreError> {
        let fault = {
            let mut fault = self.fault.lock().unwrap();
            let Some((kind, times)) = *fault else { return Ok(()) };
            *fault = (times > 1).then(|| (kind, times - 1));
            kind
        };
        match fault {
            Fault::Transient => Err(StoreError::transient("the connection was lost")),
            Fault::Failed => Err(StoreError::failed("the disk is on fire")),
            Fault::Panic => panic!("the store panics"),
        }
    }
}

/// Counts down when dropped.
struct Waiting(Arc<Counts>);

impl Waiting {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.waits.fetch_add(1, SeqCst);
        let now = counts.waiting.fetch_add(1, SeqCst) + 1;
        counts.most_waiting.fetch_max(now, SeqCst);
        Self(counts.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

impl EventStore for Wrapped {
    fn identity(&self) -> StoreIdentity {
        self.identity
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        async move { self.inner().append(request).await }.boxed()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        async move { self.inner().load(load, visit).await }.boxed()
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        async move {
            let is_own = !read.names.is_empty();
            let reads = if is_own { &self.counts.own_reads } else { &self.counts.feed_reads };
            reads.fetch_add(1, SeqCst);
            self.stumble()?;
            let page = self.inner().read(read, visit).await?;
            if is_own {
                self.counts.own_events.fetch_add(page.count, SeqCst);
            }
            Ok(page)
        }
        .boxed()
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        async move { self.inner().position_at(time).await }.boxed()
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        async move {
            let _waiting = Waiting::new(&self.counts);
            self.inner().wait_past(position).await
        }
        .boxed()
    }

    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        self.inner().offer_snapshot(snapshot);
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.inner().save_snapshot(snapshot).await }.boxed()
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        async move { self.inner().snapshot_streams(category, kind, limit).await }.boxed()
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        async move { self.inner().held_types().await }.boxed()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        async move { self.inner().load_checkpoint(key).await }.boxed()
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.inner().save_checkpoint(key, checkpoint).await }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.inner().close().await }.boxed()
    }
}
