//! Stores that stumble.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource::memory::MemoryStore;
use eventsource::{
    AppendOutcome, AppendRequest, Checkpoint, CheckpointKey, Claim, Conflict, EventStore, ExecuteError, ExecuteOptions,
    Feed, HeldType, Load, LoadEnd, NewEvent, Page, PendingSnapshot, Position, Read, Repository, Retry, Snapshot,
    StoreError, StoreHead, StoreIdentity, StreamId, Version, Visit, VisitLoad,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::account::*;

/// What goes wrong with an append.
#[derive(Clone, Copy)]
enum Fault {
    /// It is stored, and the answer is lost.
    AnswerLost,
    /// It never arrives.
    NeverArrives,
    /// Somebody else always writes first.
    OthersAreFaster,
}

/// A store whose first appends go wrong.
#[derive(Clone)]
struct Stumbling {
    inner: MemoryStore,
    fault: Fault,
    left: Arc<AtomicUsize>,
}

impl Stumbling {
    fn repository(fault: Fault, times: usize) -> (Repository<Account>, Self) {
        let store = Self { inner: MemoryStore::new(), fault, left: Arc::new(AtomicUsize::new(times)) };
        (Repository::new(store.clone()), store)
    }
}

impl EventStore for Stumbling {
    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        async move {
            let stumbles = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            if !stumbles {
                return self.inner.append(request).await;
            }
            match self.fault {
                Fault::AnswerLost => {
                    self.inner.append(request).await?;
                    Err(StoreError::transient("the connection was lost"))
                }
                Fault::NeverArrives => Err(StoreError::transient("the connection was refused")),
                Fault::OthersAreFaster => {
                    let other = NewEvent::new("account.deposited", 1, br#"{"cents":1}"#.to_vec());
                    let stream = request.writes[0].stream.clone();
                    let other = AppendRequest::new(stream, eventsource::ExpectedVersion::Any, vec![other]);
                    self.inner.append(other.into()).await?;
                    self.inner.append(request).await
                }
            }
        }
        .boxed()
    }

    fn identity(&self) -> StoreIdentity {
        self.inner.identity()
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        self.inner.load(load, visit)
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.inner.read(read, visit)
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.inner.position_at(time)
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.inner.wait_past(position)
    }

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        self.inner.head()
    }

    fn feed(&self) -> &Feed {
        self.inner.feed()
    }

    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        self.inner.offer_snapshot(snapshot);
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.save_snapshot(snapshot)
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        self.inner.snapshot_streams(category, kind, limit)
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        self.inner.held_types()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        self.inner.load_checkpoint(key)
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.save_checkpoint(key, checkpoint)
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.inner.claim(key, owner, lease)
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.release(key, owner)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.close()
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_stores_nothing_twice_and_is_no_conflict() {
    for key in [None, Some("key")] {
        let (accounts, _) = Stumbling::repository(Fault::AnswerLost, 3);
        let mut options = ExecuteOptions::new();
        if let Some(key) = key {
            options = options.command_key(key);
        }
        let done = accounts.execute_with("alice", options, |_| [deposited(1), deposited(2)]).await.unwrap();
        assert_eq!((done.cents, done.version, done.events.len()), (3, Version(2), 2));
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_is_worth_a_few_attempts_and_one_that_does_not_is_an_error() {
    let (accounts, _) = Stumbling::repository(Fault::NeverArrives, 3);
    assert_eq!(accounts.execute("alice", |_| deposited(1)).await.unwrap().version, Version(1));
    let (accounts, store) = Stumbling::repository(Fault::NeverArrives, usize::MAX);
    let error = accounts.with_retry(Retry::attempts(5)).execute("alice", |_| deposited(1)).await.unwrap_err();
    assert!(matches!(&error, ExecuteError::Store(error) if error.is_transient()), "{error}");
    assert_eq!(usize::MAX - store.left.load(SeqCst), 5, "attempts");
}

#[tokio::test(start_paused = true)]
async fn losing_is_tried_again_a_bounded_number_of_times_and_then_answered_with_the_numbers() {
    let (accounts, _) = Stumbling::repository(Fault::OthersAreFaster, 4);
    let done = accounts.execute("alice", |_| deposited(1)).await.unwrap();
    assert_eq!((done.version, done.cents), (Version(5), 5));
    let (accounts, store) = Stumbling::repository(Fault::OthersAreFaster, usize::MAX);
    let error = accounts.with_retry(Retry::attempts(3)).execute("alice", |_| deposited(1)).await.unwrap_err();
    let ExecuteError::Conflict(conflict) = error else { panic!("{error}") };
    let stream = StreamId::new("account", "alice").unwrap();
    assert_eq!(conflict, Conflict::new(stream, Version(2).into(), Version(3)));
    assert_eq!(usize::MAX - store.left.load(SeqCst), 3, "attempts");
}
