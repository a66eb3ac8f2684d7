//! The store: what it is made of, and the contract in terms of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use eventsource_core::backend::{AppendQueue, BatchQueue, KnownTypes};
use eventsource_core::{
    AppendOutcome, AppendRequest, BoxError, Checkpoint, CheckpointKey, Claim, Clock, EventStore, Feed, HeldType,
    Import, Limits, Load, LoadEnd, Page, PendingSnapshot, Position, Positions, RawEvent, Read, Snapshot, StoreError,
    StoreHead, StoreIdentity, StreamId, Visit, VisitLoad,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{SqliteConnection, query};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::connect::Connections;
use crate::error::explain;
use crate::held_types::held_types;
use crate::maintenance::maintain;
use crate::options::{SqliteOptions, Synchronous};
use crate::patience::Turn;
use crate::snapshots::SnapshotWriter;
use crate::verify::{Verification, verify};
use crate::views::Views;
use crate::watch::{Head, read_head};
use crate::writer::Writer;
use crate::{checkpoints, import, load, migrate, read, snapshots};

/// Events in one SQLite file: durable, ordered, and shared by all processes that open it. Clones share it.
///
/// Appends of all tasks go through one writer, which takes everything that waits into one
/// transaction; readers never wait for it. When the last clone is dropped, what was accepted is
/// still written; [`close`](EventStore::close) waits for that.
///
/// ```
/// use eventsource::{EventStore, sqlite::SqliteStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let store = SqliteStore::open(folder.path().join("bank.db")).await?;
/// store.backup_to(folder.path().join("backup.db")).await?;
/// store.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    identity: StoreIdentity,
    limits: Limits,
    clock: Clock,
    connections: Connections,
    head: Head,
    feed: Feed,
    appends: AppendQueue<Writer>,
    snapshots: BatchQueue<PendingSnapshot>,
    view_turn: Mutex<Turn>,
    types: Arc<KnownTypes>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.shared.connections.file).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, creating it if it is missing. Fails for a folder that does not exist, a file
    /// that is not an event store, one of a newer release, or a damaged one.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// The same, with options.
    pub async fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let until = Instant::now().checked_add(options.busy_timeout);
        loop {
            let opened = match Connections::file(path.as_ref(), &options).await {
                Ok(connections) => Self::start(connections, options.clone()).await,
                Err(error) => Err(error),
            };
            // While another process makes the file or switches it to write-ahead mode, SQLite does not wait by itself.
            match opened {
                Err(error) if error.is_transient() && until.is_none_or(|until| Instant::now() < until) => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                opened => return opened,
            }
        }
    }

    /// A store in memory, gone when the last clone is dropped.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::in_memory_with(SqliteOptions::default()).await
    }

    /// The same, with options, of which limits and clock matter.
    pub async fn in_memory_with(options: SqliteOptions) -> Result<Self, StoreError> {
        Self::start(Connections::memory().await?, options).await
    }

    pub(crate) fn views(&self) -> Views<'_> {
        Views { connections: &self.shared.connections, turn: &self.shared.view_turn, types: &self.shared.types }
    }

    pub(crate) fn limits_and_clock(&self) -> (&Limits, &Clock) {
        (&self.shared.limits, &self.shared.clock)
    }

    /// Something was stored, up to this position.
    pub(crate) fn announce(&self, last: Position) {
        self.shared.head.advance(last);
    }

    async fn start(connections: Connections, options: SqliteOptions) -> Result<Self, StoreError> {
        let mut writing = connections.write().await?;
        let identity = migrate::migrate(writing.connection()?, &connections.file).await?;
        drop(writing);
        let head = Head::new();
        let types = Arc::<KnownTypes>::default();
        let writer = Writer::new(connections.clone(), head.clone(), options.clock.clone(), types.clone());
        let appends = AppendQueue::start(writer);
        let snapshots = BatchQueue::start(SnapshotWriter { connections: connections.clone() });
        let SqliteOptions { limits, clock, .. } = options;
        let view_turn = Mutex::new(Turn::new());
        let feed = Feed::default();
        let shared = Shared { identity, limits, clock, connections, head, appends, snapshots, view_turn, types, feed };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Writes a consistent copy to a file that must not exist, while the store is in use.
    ///
    /// The copy has the store's id: run one of the two, and call [`begin_epoch`](Self::begin_epoch) on a copy that takes over.
    pub async fn backup_to(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        let path = path.as_ref();
        let shown = path.display();
        let io = |error: std::io::Error| StoreError::failed(format!("backup to {shown} failed")).with_source(error);
        if tokio::fs::try_exists(path).await.map_err(io)? {
            return Err(StoreError::failed(format!("backup to {shown} refused: the file exists")));
        }
        // SQLite does not flush the copy, so it is flushed before it gets its name.
        let mut part = path.as_os_str().to_owned();
        part.push(format!(".{}.part", Uuid::now_v7()));
        let text = part.to_str().ok_or_else(|| StoreError::invalid(format!("{shown}: the path is not UTF-8")))?;
        let failed = |error| explain(&self.shared.connections.file, error);
        // On a connection of its own: one that is given back in the middle would keep the next reader waiting.
        let copied = match self.shared.connections.another().await? {
            Some(mut own) => query("VACUUM INTO ?1").bind(text).execute(&mut own).await,
            None => {
                let mut reading = self.shared.connections.read().await?;
                query("VACUUM INTO ?1").bind(text).execute(reading.connection()?).await
            }
        };
        copied.map_err(failed)?;
        tokio::fs::File::open(&part).await.map_err(io)?.sync_all().await.map_err(io)?;
        tokio::fs::rename(&part, path).await.map_err(io)
    }

    /// Checks the file and what it holds; see [`Verification`] for what it finds and what it cannot.
    pub async fn verify(&self) -> Result<Verification, StoreError> {
        verify(&self.shared.connections).await
    }

    /// Begins a new epoch, after a backup was put in the place of the store; takes effect for stores opened later.
    pub async fn begin_epoch(&self) -> Result<(), StoreError> {
        let mut writing = self.shared.connections.write().await?;
        let mut patience = writing.patience();
        loop {
            match query("UPDATE store SET epoch = epoch + 1").execute(writing.connection()?).await {
                Ok(_) => return Ok(()),
                Err(error) if patience.again(&error).await => {}
                Err(error) => return Err(explain(&self.shared.connections.file, error)),
            }
        }
    }

    /// Changes what was recorded, with SQL of your own: for the law, not for corrections, which are events themselves.
    ///
    /// It happens in one transaction together with a `$maintenance` event that says who and why; if
    /// `change` fails, or its future is dropped, nothing has happened. Snapshots of changed streams are
    /// dropped. What remains to the caller: a stream's versions stay dense only if its newest events,
    /// or all of them, are deleted, and consumers that have seen the old events are not told. Nor are repositories that keep the
    /// state of a changed stream, in this process and others: see [`Repository::forget`](eventsource_core::Repository::forget).
    ///
    /// It holds the write lock: an append, a checkpoint and, in memory, any call on the same store waits
    /// for it to end, so `change` must make none.
    ///
    /// ```
    /// # use eventsource::sqlite::SqliteStore;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = SqliteStore::in_memory().await?;
    /// let erased = store
    ///     .maintenance("anna", "right to be forgotten, case 17", async |connection| {
    ///         let deleted = sqlx::query("DELETE FROM events WHERE stream = ?1").bind("account-alice");
    ///         Ok(deleted.execute(connection).await?.rows_affected())
    ///     })
    ///     .await?;
    /// assert_eq!(erased, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn maintenance<T>(
        &self,
        actor: &str,
        reason: &str,
        change: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, BoxError>,
    ) -> Result<T, StoreError> {
        let (result, position) = maintain(&self.shared.connections, &self.shared.clock, actor, reason, change).await?;
        self.shared.head.advance(position);
        Ok(result)
    }

    /// When a commit counts as stored, as the writing connection itself says.
    pub async fn synchronous(&self) -> Result<Synchronous, StoreError> {
        let failed = |error| explain(&self.shared.connections.file, error);
        let mut writing = self.shared.connections.write().await?;
        let row = query("PRAGMA synchronous").fetch_one(writing.connection()?).await.map_err(failed)?;
        // 2 is FULL and 3 EXTRA; in write-ahead mode both wait for the disk at each commit.
        Ok(if sqlx::Row::get::<i64, _>(&row, 0) >= 2 { Synchronous::Full } else { Synchronous::Normal })
    }
}

impl EventStore for SqliteStore {
    fn identity(&self) -> StoreIdentity {
        self.shared.identity
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        if let Err(error) = request.check(&self.shared.limits) {
            return futures::future::ready(Err(error)).boxed();
        }
        self.shared.appends.append(request).boxed()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        load::load(&self.shared.connections, load, visit).boxed()
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        read::read(&self.shared.connections, read, visit).boxed()
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        read::position_at(&self.shared.connections, time).boxed()
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.shared.head.wait_past(&self.shared.connections, position).boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        async move {
            let newest = read_head(&self.shared.connections).await?;
            Ok(StoreHead::new(newest, self.shared.clock.now()))
        }
        .boxed()
    }

    fn feed(&self) -> &Feed {
        &self.shared.feed
    }

    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        if !self.shared.snapshots.offer(snapshot) {
            tracing::debug!("the queue of snapshots is full or closed; one was dropped");
        }
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { snapshots::save_now(&self.shared.connections, &snapshot).await }.boxed()
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        snapshots::streams(&self.shared.connections, category, kind, limit).boxed()
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        held_types(&self.shared.connections).boxed()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        checkpoints::load(&self.shared.connections, key).boxed()
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        checkpoints::save(&self.shared.connections, key, checkpoint).boxed()
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        let Shared { connections, identity, clock, .. } = &*self.shared;
        checkpoints::claim(connections, key, (owner, lease), *identity, clock).boxed()
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        checkpoints::release(&self.shared.connections, key, owner).boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.shared.appends.close().await;
            self.shared.snapshots.close().await;
            self.shared.head.close().await;
            self.shared.connections.close().await
        }
        .boxed()
    }
}

impl Import for SqliteStore {
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>> {
        import::count_missing(&self.shared.connections, events).boxed()
    }

    fn import<'a>(
        &'a self,
        events: &'a [RawEvent<'a>],
        positions: Positions,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            let (stored, last) = import::import(&self.shared.connections, events, positions).await?;
            self.shared.head.advance(last);
            Ok(stored)
        }
        .boxed()
    }
}
