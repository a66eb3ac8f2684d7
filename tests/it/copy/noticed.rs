//! Negative controls: targets that lose or change something, and the comparison that must notice it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use eventsource::memory::MemoryStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    AppendOutcome, AppendRequest, Checkpoint, CheckpointKey, Claim, EventStore, ExpectedVersion, Feed, HeldType,
    Import, Load, LoadEnd, NewEvent, Page, PendingSnapshot, Position, Positions, RawEvent, Read, Snapshot, StoreError,
    StoreHead, StoreIdentity, StreamId, Version, Visit, VisitLoad, copy,
};
use futures::future::BoxFuture;
use sqlx::query;
use uuid::Uuid;

use super::history::{append, batch, rich, stream};

/// What is left of an event on its way into the target.
type Fault = for<'e> fn(RawEvent<'e>) -> Option<RawEvent<'e>>;

/// A memory store that takes events over with a fault. It can do what a copy needs, and no more.
struct Faulty {
    inner: MemoryStore,
    fault: Fault,
    largest: AtomicUsize,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { inner: MemoryStore::new(), fault, largest: AtomicUsize::new(0) }
    }
}

impl Import for Faulty {
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.inner.count_missing(events)
    }

    fn import<'a>(
        &'a self,
        events: &'a [RawEvent<'a>],
        positions: Positions,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.largest.fetch_max(events.iter().map(|event| event.data.len()).sum(), Ordering::Relaxed);
        let events: Vec<_> = events.iter().filter_map(|event| (self.fault)(*event)).collect();
        Box::pin(async move { self.inner.import(&events, positions).await })
    }
}

impl EventStore for Faulty {
    fn identity(&self) -> StoreIdentity {
        self.inner.identity()
    }
    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.inner.read(read, visit)
    }
    fn append(&self, _: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        unreachable!()
    }
    fn load<'a>(&'a self, _: &'a Load, _: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        unreachable!()
    }
    fn position_at(&self, _: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        unreachable!()
    }
    fn wait_past(&self, _: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        unreachable!()
    }
    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        unreachable!()
    }
    fn feed(&self) -> &Feed {
        self.inner.feed()
    }

    fn offer_snapshot(&self, _: PendingSnapshot) {
        unreachable!()
    }
    fn save_snapshot(&self, _: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        unreachable!()
    }
    fn snapshot_streams<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        unreachable!()
    }
    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        unreachable!()
    }
    fn load_checkpoint<'a>(&'a self, _: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        unreachable!()
    }
    fn save_checkpoint<'a>(&'a self, _: &'a CheckpointKey, _: Checkpoint) -> BoxFuture<'a, Result<(), StoreError>> {
        unreachable!()
    }
    fn claim<'a>(&'a self, _: &'a CheckpointKey, _: Uuid, _: Duration) -> BoxFuture<'a, Result<Claim, StoreError>> {
        unreachable!()
    }
    fn release<'a>(&'a self, _: &'a CheckpointKey, _: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        unreachable!()
    }
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        unreachable!()
    }
}

/// The fault strikes the second event, which has something in every field.
const FAULTS: [(&str, Fault); 12] = [
    ("is missing", |e| (e.version != Version(2)).then_some(e)),
    ("event id", |e| Some(RawEvent { id: Uuid::max(), ..e })),
    ("name", |e| Some(RawEvent { name: "thing.renamed", ..e })),
    ("schema version", |e| Some(RawEvent { schema_version: 8, ..e })),
    ("encoding", |e| Some(RawEvent { encoding: 1, ..e })),
    ("payload", |e| Some(RawEvent { data: b"{\"text\":\"x\",\"n\":1.50}", ..e })),
    ("metadata", |e| Some(RawEvent { meta: None, ..e })),
    ("correlation id", |e| Some(RawEvent { correlation_id: e.causation_id, ..e })),
    ("causation id", |e| Some(RawEvent { causation_id: None, ..e })),
    ("occurred time", |e| Some(RawEvent { occurred_at: e.occurred_at + TimeDelta::microseconds(1), ..e })),
    ("recorded time", |e| Some(RawEvent { recorded_at: e.recorded_at + TimeDelta::microseconds(1), ..e })),
    ("command key", |e| Some(RawEvent { command_key: Some("another"), ..e })),
];

/// Two events of one stream, of which the second has something in every field.
async fn source() -> MemoryStore {
    let rich = rich().await;
    let (short, mut events) = (MemoryStore::new(), 0);
    let first_two: Fault = |e| (e.position <= Position(2)).then_some(e);
    let taken = Faulty { inner: short.clone(), fault: first_two, largest: AtomicUsize::new(0) };
    assert!(copy(&rich, &taken).on_progress(|so_far| events = so_far.stored).await.is_err());
    assert_eq!(events, 2);
    short
}

#[tokio::test]
async fn whatever_is_lost_or_changed_on_the_way_is_noticed_and_named() {
    let source = source().await;
    for (field, fault) in FAULTS {
        for others in [0, 1] {
            let target = Faulty::new(fault);
            if others > 0 {
                append(&target.inner, batch(&stream("other", "1"), others)).await;
            }
            let Err(error) = copy(&source, &target).await else { panic!("{field}: nothing was noticed") };
            assert!(error.is_corrupt(), "{field}: {error}");
            let text = error.to_string();
            for part in ["version ", "stream thing-1", "position ", field] {
                assert!(text.contains(part), "{field}, beside {others} others: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_position_that_was_not_kept_is_noticed() {
    let target = Faulty::new(|e| Some(RawEvent { position: Position(e.position.0 * 2), ..e }));
    let error = copy(&source().await, &target).await.unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("its position differs"), "{error}");
}

#[tokio::test]
async fn a_payload_that_was_changed_in_the_copy_is_found_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    for (index, others) in [0, 2].into_iter().enumerate() {
        let source = rich().await;
        let target = SqliteStore::open(folder.path().join(format!("{index}.db"))).await.unwrap();
        if others > 0 {
            append(&target, batch(&stream("other", "1"), others)).await;
        }
        copy(&source, &target).await.unwrap();
        let change = "UPDATE events SET data = CAST('{}' AS BLOB) WHERE stream = 'thing-2' AND version = 3";
        target.maintenance("anna", "test", async |c| Ok(query(change).execute(c).await?)).await.unwrap();
        let error = copy(&source, &target).batch(5).await.unwrap_err().to_string();
        assert!(error.contains("version 3 of stream thing-2, position 10") && error.contains("payload"), "{error}");
    }
}

#[tokio::test]
async fn big_events_are_copied_in_pages_that_fit_into_memory() {
    let source = MemoryStore::new();
    for n in 0..60 {
        let event = NewEvent::new("thing.done", 1, vec![b' '; 1 << 20]);
        append(&source, AppendRequest::new(stream("thing", &n.to_string()), ExpectedVersion::NoStream, vec![event]))
            .await;
    }
    let target = Faulty::new(|e| Some(e));
    let mut reports = Vec::new();
    let done =
        copy(&source, &target).on_progress(|so_far| reports.push((so_far.stored, so_far.compared))).await.unwrap();
    assert_eq!((done.stored, done.compared), (60, 60));
    assert!(target.largest.load(Ordering::Relaxed) <= 17 << 20);
    assert!(reports.is_sorted() && reports.contains(&(60, 0)) && reports.last() == Some(&(60, 60)), "{reports:?}");
}
