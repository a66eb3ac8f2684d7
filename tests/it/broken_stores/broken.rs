//! A memory store with a defect. Unlike the one within, it can be closed and opened again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource::memory::{Kept, MemoryStore};
use eventsource::testing::conformance::Fixture;
use eventsource::{
    AppendOutcome, AppendRequest, Appended, Checkpoint, CheckpointKey, Claim, Clock, EventStore, Feed, HeldType, Load,
    LoadEnd, Page, PendingSnapshot, Position, Read, Snapshot, StoreError, StoreHead, StoreIdentity, StreamId, Visit,
    VisitLoad,
};
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::watch;
use uuid::Uuid;

use super::appending::limits;
use super::defect::Defect::{self, *};
use crate::counting::Number;

/// One handle on the data.
pub(super) struct Broken {
    pub(super) inner: MemoryStore,
    pub(super) defect: Defect,
    shared: Arc<Mutex<Shared>>,
    closed: watch::Sender<bool>,
}

/// What the defects remember.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) appends: u64,
    pub(super) burnt: HashSet<String>,
    pub(super) results: HashMap<String, Appended>,
    pub(super) snapshots: Vec<Snapshot>,
    /// Events that were hidden once.
    pub(super) looked_for: HashSet<Uuid>,
    /// Who claimed last.
    pub(super) owners: HashMap<CheckpointKey, Uuid>,
    /// What transactions have written.
    pub(super) kept: Kept,
}

impl Broken {
    fn on(inner: MemoryStore, defect: Defect, shared: Arc<Mutex<Shared>>) -> Self {
        Self { inner, defect, shared, closed: watch::Sender::new(false) }
    }

    pub(super) fn fixture(defect: Defect) -> Fixture {
        let inner = MemoryStore::with(limits(defect), Clock::default());
        let shared = Arc::<Mutex<Shared>>::default();
        let open = move || Self::on(inner.clone(), defect, shared.clone());
        let another = match defect {
            HandlesAreStrangers => Self::on(MemoryStore::new(), defect, Arc::default()),
            _ => open(),
        };
        let with_clock = move |clock| {
            let inner = MemoryStore::with(limits(defect), clock);
            future::ready(Self::on(inner, defect, Arc::default()))
        };
        let fixture = Fixture::new(open())
            .with_another(another)
            .with_views(open())
            .with_inline(open())
            .with_import(open())
            .with_transactions(open(), Number);
        fixture.with_clock(with_clock).with_reopen(move || {
            let opened = match defect {
                KeepsNothing => Self::on(MemoryStore::new(), defect, Arc::default()),
                _ => open(),
            };
            future::ready(opened)
        })
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self) -> Result<(), StoreError> {
        match (*self.closed.borrow(), self.defect) {
            (false, _) => Ok(()),
            (true, FailsWhenClosed) => Err(StoreError::transient("the database is gone")),
            (true, _) => Err(StoreError::closed()),
        }
    }
}

impl EventStore for Broken {
    fn identity(&self) -> StoreIdentity {
        match self.defect {
            IdentityChanges => StoreIdentity::new(Uuid::now_v7(), 1),
            _ => self.inner.identity(),
        }
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        async move {
            self.open()?;
            self.append_broken(&request).await
        }
        .boxed()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        async move {
            self.open()?;
            self.load_broken(load, visit).await
        }
        .boxed()
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        async move {
            self.open()?;
            self.read_broken(read, visit).await
        }
        .boxed()
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        async move {
            self.open()?;
            let position = self.inner.position_at(time).await?;
            Ok(if self.defect == PositionOfTheNext { Position(position.0 + 1) } else { position })
        }
        .boxed()
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        let mut closed = self.closed.subscribe();
        async move {
            let newest = self.inner.position_at(DateTime::<Utc>::MAX_UTC).await?;
            match self.defect {
                WaitsForNothing => return Ok(newest),
                NeverWakes => return future::pending().await,
                WakesOnlyAtOnce if newest > position => return Ok(newest),
                WakesOnlyAtOnce => return future::pending().await,
                _ => {}
            }
            let ended = async { closed.wait_for(|closed| *closed).await.map(|_| ()) };
            tokio::select! {
                newest = self.inner.wait_past(position) => newest,
                _ = ended => Err(StoreError::closed()),
            }
        }
        .boxed()
    }

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        async move {
            self.open()?;
            let mut head = self.inner.head().await?;
            match self.defect {
                HeadIsLate => head.newest = Position(head.newest.0.saturating_sub(1)),
                HeadHasItsOwnClock => head.time -= chrono::TimeDelta::hours(1),
                HeldBackByNobody => head.held_back = Duration::from_secs(1),
                _ => {}
            }
            Ok(head)
        }
        .boxed()
    }

    fn feed(&self) -> &Feed {
        self.inner.feed()
    }

    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        match (self.defect, snapshot.encode()) {
            (LosesOfferedSnapshots, _) => {}
            (CountsOnEncoding, None) => panic!("a snapshot could not be encoded"),
            (_, None) => {}
            (_, Some(snapshot)) => drop(self.save_snapshot(snapshot).now_or_never()),
        }
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.open()?;
            self.shared().snapshots.push(snapshot.clone());
            if self.defect == NewestSnapshotWins {
                let mark = &snapshot.mark;
                let newer = |kept: &Snapshot| kept.mark.stream == mark.stream && kept.mark.version > mark.version;
                if self.shared().snapshots.iter().any(newer) {
                    return Ok(());
                }
            }
            self.inner.save_snapshot(snapshot).await
        }
        .boxed()
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        async move {
            match self.defect {
                // Any stream with a snapshot will do.
                FindsAllSnapshots => Ok(self.shared().snapshots.iter().map(|kept| kept.mark.stream.clone()).collect()),
                _ => self.inner.snapshot_streams(category, kind, limit).await,
            }
        }
        .boxed()
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        async move {
            self.open()?;
            let mut held = self.inner.held_types().await?;
            match self.defect {
                // The name alone is the key of its table.
                HoldsOneVersionOfAName => held.dedup_by(|a, b| a.name == b.name),
                ForgetsHeldTypes => held.clear(),
                _ => {}
            }
            Ok(held)
        }
        .boxed()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        async move {
            self.open()?;
            let key = self.checkpoint_key(key);
            let found = self.inner.load_checkpoint(&key).await?;
            Ok(found.map(|found| if self.defect == CheckpointLosesItsId { without_id(found) } else { found }))
        }
        .boxed()
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.open()?;
            let key = self.checkpoint_key(key);
            let before = self.inner.load_checkpoint(&key).await?;
            if self.defect == CheckpointOnlyForward
                && before.is_some_and(|before| before.cursor.position > checkpoint.cursor.position)
            {
                return Ok(());
            }
            match self.inner.save_checkpoint(&key, checkpoint).await {
                Err(error) if error.is_fenced() && self.defect == FencesNobody => Ok(()),
                saved => saved,
            }
        }
        .boxed()
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        async move {
            self.open()?;
            self.claim_broken(&self.checkpoint_key(key), owner, lease).await
        }
        .boxed()
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.open()?;
            self.release_broken(&self.checkpoint_key(key), owner).await
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            if self.defect == NeverCloses {
                return Ok(());
            }
            let before = self.closed.send_replace(true);
            if before && self.defect == ClosesOnce { Err(StoreError::closed()) } else { Ok(()) }
        }
        .boxed()
    }
}

impl Broken {
    fn checkpoint_key(&self, key: &CheckpointKey) -> CheckpointKey {
        match self.defect {
            CheckpointByNameAlone => CheckpointKey::new(key.name.clone()),
            CheckpointOfAnyPart => key.clone().partition(0),
            _ => key.clone(),
        }
    }
}

fn without_id(mut checkpoint: Checkpoint) -> Checkpoint {
    checkpoint.cursor.event_id = Uuid::nil();
    checkpoint
}
