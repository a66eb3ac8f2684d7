//! The events of these tests, and the stores on which they run.

use std::collections::HashMap;
use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    AppendOutcome, AppendRequest, DomainEvent, EventSet, EventStore, Events, ExpectedVersion, NewEvent, Position, Read,
    Recorded, StoreError, StreamId, Subscription, Version,
};
use serde::{Deserialize, Serialize};

use crate::postgres::patient;
use crate::wrapped::Wrapped;

#[derive(DomainEvent, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[event(name = "thing.done", version = 1)]
pub(super) struct Done {
    pub(super) n: u64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[event(name = "thing.undone", version = 1)]
pub(super) struct Undone {
    pub(super) n: u64,
}

/// What once was one event, and is two, one or none now: a part for each number.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[event(name = "thing.moved", version = 1)]
pub(super) struct Moved {
    pub(super) from: Option<u64>,
    pub(super) to: Option<u64>,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[event(name = "thing.left", version = 1, split_from("thing.moved", with = left))]
pub(super) struct Left {
    pub(super) n: u64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[event(name = "thing.arrived", version = 1, split_from("thing.moved", with = arrived))]
pub(super) struct Arrived {
    pub(super) n: u64,
}

fn left(moved: &Moved) -> Option<Left> {
    moved.from.map(|n| Left { n })
}

fn arrived(moved: &Moved) -> Option<Arrived> {
    moved.to.map(|n| Arrived { n })
}

#[derive(EventSet, Clone, Copy, Debug, PartialEq)]
pub(super) enum Thing {
    Done(Done),
    Undone(Undone),
    Left(Left),
    Arrived(Arrived),
}

pub(super) fn stream(id: impl Display) -> StreamId {
    StreamId::new("thing", &id.to_string()).unwrap()
}

pub(super) fn done(n: u64) -> NewEvent {
    NewEvent::encode(&Done { n }).unwrap()
}

/// Appends events to a stream, whatever its version, and answers the position of the last.
pub(super) async fn append(store: &dyn EventStore, stream: StreamId, events: Vec<NewEvent>) -> Position {
    let request = AppendRequest::new(stream, ExpectedVersion::Any, events);
    match store.append(request.into()).await.unwrap() {
        AppendOutcome::Stored(appended) => *appended.streams[0].positions.last().unwrap(),
        other => panic!("not stored: {other:?}"),
    }
}

pub(super) async fn append_one(store: &dyn EventStore, n: u64) -> Position {
    append(store, stream("a"), vec![done(n)]).await
}

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Fails the test instead of letting it hang.
pub(super) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}"))
}

pub(super) async fn next<E: EventSet>(subscription: &mut Subscription<E>) -> Result<Recorded<E>, StoreError> {
    Ok(in_time(subscription.next()).await?.expect("no end was asked for"))
}

/// So many events.
pub(super) async fn take<E: EventSet>(subscription: &mut Subscription<E>, count: usize) -> Vec<Recorded<E>> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(next(subscription).await.unwrap());
    }
    taken
}

/// Comes to the end of the store, where there is nothing more at the moment.
pub(super) async fn reach_the_end<E: EventSet + std::fmt::Debug>(subscription: &mut Subscription<E>) {
    let more = tokio::time::timeout(Duration::from_millis(100), subscription.next()).await;
    assert!(more.is_err(), "nothing was expected: {more:?}");
}

/// What is read page by page.
pub(super) async fn all<E: EventSet>(store: &Wrapped, read: Read) -> Vec<Recorded<E>> {
    let mut events = Events::new(store.clone(), read);
    let mut all = Vec::new();
    while let Some(event) = in_time(events.next()).await.unwrap() {
        all.push(event);
    }
    all
}

/// Fails unless positions rise, and versions rise in each stream.
#[track_caller]
pub(super) fn check_order<E>(events: &[Recorded<E>]) {
    let mut versions = HashMap::new();
    for pair in events.windows(2) {
        let (one, other) = ((pair[0].position, pair[0].part), (pair[1].position, pair[1].part));
        assert!(one < other, "{one:?} before {other:?}");
    }
    for event in events.iter().filter(|event| event.part == 1) {
        let before = versions.insert(event.stream.clone(), event.version).unwrap_or(Version(0));
        assert_eq!(event.version, before.next(), "in {}", event.stream);
    }
}

/// The same test on each store.
pub(super) async fn on_each(test: impl AsyncFn(Wrapped)) {
    test(Wrapped::new(MemoryStore::new())).await;
    let folder = tempfile::tempdir().unwrap();
    test(Wrapped::new(SqliteStore::open(folder.path().join("subscribed.db")).await.unwrap())).await;
    let database = crate::postgres::database().await;
    test(Wrapped::new(crate::postgres::store_in(&database, patient()).await)).await;
}
