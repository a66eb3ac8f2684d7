//! A store around another one that counts what is asked of it, fails on demand, and keeps a feed of any size.

mod faults;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource::{
    Advance, AppendOutcome, AppendRequest, Ask, Checkpoint, CheckpointKey, Claim, ColumnValue, EventStore, Feed,
    HeldType, HeldView, Load, LoadEnd, Page, ParkedAt, ParkedEvent, ParkingStore, PendingSnapshot, Position, Read,
    ReadParked, Row, RowChanges, Scan, Snapshot, StoreError, StoreHead, StoreIdentity, StreamId, TransactionalStore,
    ViewStore, ViewTable, Visit, VisitLoad, Work,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

pub(crate) use faults::Fault;
use faults::{Death, Faults, StreamFaults};

pub(crate) struct Wrapped<S: ?Sized = dyn ViewStore> {
    inner: Arc<RwLock<Arc<S>>>,
    feed: Arc<Feed>,
    identity: StoreIdentity,
    pub(crate) counts: Arc<Counts>,
    /// What happens to the next reads, and to how many.
    reads: Faults,
    /// And to the next writes of rows, and transactions.
    writes: Faults,
    /// Writes that are under way, and for which nobody waits any more.
    lost_writes: Arc<Mutex<Vec<(ViewTable, RowChanges, Checkpoint)>>>,
    /// And to the next checkpoints that are saved by themselves.
    saves: Faults,
    /// And to the next appends to a stream.
    appends: StreamFaults,
    lost_appends: Arc<Mutex<Vec<Arc<AppendRequest>>>>,
    /// And to the next loads of one.
    loads: StreamFaults,
    /// And to the next claims.
    claims: Faults,
    /// And to the next events that are parked, or are no more.
    parks: Faults,
    held_back: Arc<Mutex<Duration>>,
    death: Death,
}

impl<S: ?Sized> Clone for Wrapped<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            feed: self.feed.clone(),
            identity: self.identity,
            counts: self.counts.clone(),
            reads: self.reads.clone(),
            writes: self.writes.clone(),
            saves: self.saves.clone(),
            lost_writes: self.lost_writes.clone(),
            lost_appends: self.lost_appends.clone(),
            appends: self.appends.clone(),
            loads: self.loads.clone(),
            claims: self.claims.clone(),
            parks: self.parks.clone(),
            held_back: self.held_back.clone(),
            death: self.death.clone(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Counts {
    /// Reads of a subscriber's own: they ask for names.
    pub(crate) own_reads: AtomicUsize,
    /// Reads for the feed: they ask for all there is.
    pub(crate) feed_reads: AtomicUsize,
    /// Events that subscribers' own reads were handed.
    pub(crate) own_events: AtomicUsize,
    pub(crate) waits: AtomicUsize,
    pub(crate) appends: AtomicUsize,
    pub(crate) loads: AtomicUsize,
    pub(crate) claims: AtomicUsize,
    /// Those for whose answer somebody was there.
    pub(crate) answered_claims: AtomicUsize,
    waiting: AtomicUsize,
    pub(crate) most_waiting: AtomicUsize,
}

impl Counts {
    pub(crate) fn own(&self) -> usize {
        self.own_reads.load(SeqCst)
    }
}

impl Wrapped {
    pub(crate) fn new(inner: impl ViewStore) -> Self {
        let identity = inner.identity();
        Self::around(identity, Arc::new(inner))
    }

    /// Puts another store in its place, as a backup is put there by an operator.
    pub(crate) fn replace(&self, inner: impl ViewStore) {
        *self.inner.write().unwrap() = Arc::new(inner);
    }
}

impl<S: ViewStore> Wrapped<S> {
    /// The same with what only this kind of store can.
    pub(crate) fn of(inner: S) -> Self {
        Self::around(inner.identity(), Arc::new(inner))
    }
}

impl<S: ViewStore + ?Sized> Wrapped<S> {
    fn around(identity: StoreIdentity, inner: Arc<S>) -> Self {
        Self {
            inner: Arc::new(RwLock::new(inner)),
            feed: Arc::default(),
            identity,
            counts: Arc::default(),
            reads: Faults::default(),
            writes: Faults::default(),
            saves: Faults::default(),
            lost_writes: Arc::default(),
            lost_appends: Arc::default(),
            appends: StreamFaults::default(),
            loads: StreamFaults::default(),
            claims: Faults::default(),
            parks: Faults::default(),
            held_back: Arc::default(),
            death: Death::default(),
        }
    }

    /// With a feed that keeps so many events.
    pub(crate) fn with_feed(mut self, events: usize, bytes: usize) -> Self {
        self.feed = Arc::new(Feed::bounded(events, bytes));
        self
    }

    pub(crate) fn inner(&self) -> Arc<S> {
        self.inner.read().unwrap().clone()
    }

    /// Lets the next reads fail.
    pub(crate) fn fail(&self, fault: Fault, times: usize) {
        self.reads.set(fault, times);
    }

    /// Lets the next writes of rows, and transactions, fail.
    pub(crate) fn fail_writes(&self, fault: Fault, times: usize) {
        self.writes.set(fault, times);
    }

    /// Lets the next checkpoints that are saved by themselves fail.
    pub(crate) fn fail_saves(&self, fault: Fault, times: usize) {
        self.saves.set(fault, times);
    }

    /// Lets the next appends to this stream fail.
    pub(crate) fn fail_appends(&self, to: &str, fault: Fault, times: usize) {
        self.appends.set(to, fault, times);
    }

    /// Lets the next loads of this stream fail.
    pub(crate) fn fail_loads(&self, of: &str, fault: Fault, times: usize) {
        self.loads.set(of, fault, times);
    }

    /// Lets one go on that is held while it loads.
    pub(crate) fn release_load(&self) {
        self.loads.faults.release.notify_one();
    }

    /// Lets the first append land that was lost, and tells what has become of it.
    pub(crate) async fn land_append(&self) -> Result<AppendOutcome, StoreError> {
        let request = self.lost_appends.lock().unwrap().remove(0);
        self.inner().append(request).await
    }

    /// The same for rows.
    pub(crate) async fn land_write(&self) -> Result<(), StoreError> {
        let (table, changes, checkpoint) = self.lost_writes.lock().unwrap().remove(0);
        self.inner().write_rows(&table, &changes, checkpoint).await
    }

    /// Lets one go on that is held while it appends.
    pub(crate) fn release_append(&self) {
        self.appends.faults.release.notify_one();
    }

    /// Lets whoever uses it die when so many calls that load or change something were carried out: the answer of the last
    /// one does not come, and no other call is begun.
    pub(crate) fn die_behind(&self, calls: usize) {
        self.death.comes_behind(calls);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.death.has_come()
    }

    /// Lets the next claims fail.
    pub(crate) fn fail_claims(&self, fault: Fault, times: usize) {
        self.claims.set(fault, times);
    }

    /// Lets it fail to park, and to end that.
    pub(crate) fn fail_parks(&self, fault: Fault, times: usize) {
        self.parks.set(fault, times);
    }

    /// Lets one go on that is held while it parks.
    pub(crate) fn release_park(&self) {
        self.parks.release.notify_one();
    }

    /// The same store, with faults of its own.
    pub(crate) fn apart(&self) -> Self {
        Self::around(self.identity, self.inner())
    }

    /// Says that an append has been open for so long.
    pub(crate) fn hold_back(&self, age: Duration) {
        *self.held_back.lock().unwrap() = age;
    }

    pub(crate) fn faults_left(&self) -> usize {
        let all = [&self.reads, &self.writes, &self.saves, &self.parks, &self.appends.faults, &self.loads.faults];
        all.into_iter().map(Faults::left).sum()
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

impl<S: ViewStore + ?Sized> EventStore for Wrapped<S> {
    fn identity(&self) -> StoreIdentity {
        self.identity
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        let append = async move {
            self.counts.appends.fetch_add(1, SeqCst);
            if !self.appends.concern(request.writes.iter().map(|write| &write.stream)) {
                return self.inner().append(request).await;
            }
            if self.appends.faults.next() == Some(Fault::Lost) {
                self.lost_appends.lock().unwrap().push(request.clone());
            }
            self.appends.faults.meet(async { self.inner().append(request).await }).await
        };
        self.death.meet(append).boxed()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        let loaded = async move {
            self.counts.loads.fetch_add(1, SeqCst);
            let loaded = async { self.inner().load(load, visit).await };
            if self.loads.concern([&load.stream]) { self.loads.faults.meet(loaded).await } else { loaded.await }
        };
        self.death.meet(loaded).boxed()
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        async move {
            let is_own = !read.names.is_empty();
            let reads = if is_own { &self.counts.own_reads } else { &self.counts.feed_reads };
            reads.fetch_add(1, SeqCst);
            let page = self.reads.meet(async { self.inner().read(read, visit).await }).await?;
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

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        async move { Ok(self.inner().head().await?.held_back(*self.held_back.lock().unwrap())) }.boxed()
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
        let save = async move { self.inner().save_checkpoint(key, checkpoint).await };
        async move { self.death.meet(self.saves.meet(save)).await }.boxed()
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        async move {
            self.counts.claims.fetch_add(1, SeqCst);
            let claim = self.claims.meet(async { self.inner().claim(key, owner, lease).await }).await;
            self.counts.answered_claims.fetch_add(1, SeqCst);
            claim
        }
        .boxed()
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.inner().release(key, owner).await }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.inner().close().await }.boxed()
    }
}

impl<S: ViewStore + ?Sized> ViewStore for Wrapped<S> {
    fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.inner().create_view(table).await }.boxed()
    }

    fn rows<'a>(
        &'a self,
        table: &'a ViewTable,
        keys: &'a [ColumnValue],
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { self.inner().rows(table, keys).await }.boxed()
    }

    fn write_rows<'a>(
        &'a self,
        table: &'a ViewTable,
        changes: &'a RowChanges,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            if self.writes.next() == Some(Fault::Lost) {
                self.lost_writes.lock().unwrap().push((*table, changes.clone(), checkpoint));
            }
            let write = async { self.inner().write_rows(table, changes, checkpoint).await };
            self.death.meet(self.writes.meet(write)).await
        }
        .boxed()
    }

    fn scan_rows<'a>(&'a self, table: &'a ViewTable, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { self.inner().scan_rows(table, scan).await }.boxed()
    }

    fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.inner().serve_view(table).await }.boxed()
    }

    fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>> {
        async move { self.inner().held_views(name).await }.boxed()
    }

    fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.inner().drop_view(view).await }.boxed()
    }
}

impl<S: ViewStore + ?Sized> ParkingStore for Wrapped<S> {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.parks.meet(async { self.inner().park(key, owner_epoch, events).await }).await }.boxed()
    }

    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.parks.meet(async { self.inner().unpark(key, owner_epoch, events).await }).await }.boxed()
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        async move { self.inner().parked(key, read).await }.boxed()
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move { self.inner().ask_parked(key, of, position, ask).await }.boxed()
    }
}

impl<S: ViewStore + TransactionalStore> TransactionalStore for Wrapped<S> {
    type Connection = S::Connection;

    fn transact<'a>(
        &'a self,
        advance: &'a Advance,
        work: &'a mut dyn Work<S::Connection>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let transaction = async { self.inner().transact(advance, work).await };
            self.writes.meet(transaction).await
        }
        .boxed()
    }
}
