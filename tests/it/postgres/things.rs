//! What the tests append, and what a store has of it afterwards.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{
    AppendOutcome, AppendRequest, Appended, EventStore, ExpectedVersion, NewEvent, Position, Read, StoreError,
    StreamId, Version,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, raw_sql};
use uuid::Uuid;

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Fails the test instead of letting it hang.
pub(super) async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Waits until something holds.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    in_time(what, async {
        while !holds().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
    .await;
}

pub(super) fn thing(id: impl Display) -> StreamId {
    StreamId::new("thing", &id.to_string()).unwrap()
}

pub(super) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| NewEvent::new("thing.done", 1, b"{}".to_vec())).collect()
}

/// So many events for one stream.
pub(super) fn request(id: impl Display, expected: ExpectedVersion, count: usize) -> Arc<AppendRequest> {
    AppendRequest::new(thing(id), expected, events(count)).into()
}

/// One event, whatever the stream's version.
pub(super) fn any(id: impl Display) -> Arc<AppendRequest> {
    request(id, ExpectedVersion::Any, 1)
}

pub(super) fn exact(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(Version(version))
}

#[track_caller]
pub(super) fn stored(outcome: Result<AppendOutcome, StoreError>) -> Appended {
    match outcome {
        Ok(AppendOutcome::Stored(appended)) => appended,
        other => panic!("not stored: {other:?}"),
    }
}

/// The version that the stream really had.
#[track_caller]
pub(super) fn conflict(outcome: Result<AppendOutcome, StoreError>) -> Version {
    match outcome {
        Ok(AppendOutcome::Conflict(conflict)) => conflict.actual,
        other => panic!("not a conflict: {other:?}"),
    }
}

/// An event as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) position: Position,
    pub(super) stream: String,
    pub(super) version: Version,
    pub(super) id: Uuid,
}

/// One page behind a position.
pub(super) async fn page(store: &PgStore, after: Position) -> Result<(Vec<Seen>, Position), StoreError> {
    let mut seen = Vec::new();
    let page = store
        .read(&Read::all().after(after), &mut |event| {
            let stream = event.stream.to_owned();
            seen.push(Seen { position: event.position, stream, version: event.version, id: event.id });
            Ok(())
        })
        .await?;
    Ok((seen, page.next.position))
}

/// Everything, in order.
pub(super) async fn everything(store: &PgStore) -> Vec<Seen> {
    let (mut all, mut after) = (Vec::new(), Position(0));
    loop {
        let (seen, next) = page(store, after).await.expect("reads");
        if seen.is_empty() {
            return all;
        }
        all.extend(seen);
        after = next;
    }
}

/// The ids of one stream's events, in order.
pub(super) async fn ids_of(store: &PgStore, id: impl Display) -> Vec<Uuid> {
    let stream = thing(id);
    everything(store).await.into_iter().filter(|seen| seen.stream == stream.as_str()).map(|seen| seen.id).collect()
}

/// Whether the streams are without holes and in the order of positions, and no event is there twice.
pub(super) fn check_order(all: &[Seen]) {
    let (mut versions, mut ids) = (HashMap::<&str, u64>::new(), HashSet::new());
    for seen in all {
        let version = versions.entry(&seen.stream).or_default();
        *version += 1;
        assert_eq!(seen.version, Version(*version), "at position {}", seen.position);
        assert!(ids.insert(seen.id), "event {} is there twice", seen.id);
    }
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position), "positions go back");
}

/// Whether all of a request's events are there exactly once and side by side, or none of them; answers which.
pub(super) fn is_whole(request: &AppendRequest, all: &HashMap<Uuid, Seen>) -> bool {
    let found: Vec<Vec<&Seen>> = request
        .writes
        .iter()
        .map(|write| write.events.iter().filter_map(|event| all.get(&event.id)).collect())
        .collect();
    let count: usize = found.iter().map(Vec::len).sum();
    assert!(count == 0 || count == request.event_count(), "{count} of {} events: {request:?}", request.event_count());
    for (write, found) in request.writes.iter().zip(&found) {
        assert!(found.iter().all(|seen| seen.stream == write.stream.as_str()));
        assert!(found.windows(2).all(|pair| pair[0].version.next() == pair[1].version), "{found:?}");
    }
    count > 0
}

/// A shell: what people do with psql.
pub(super) async fn shell(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("connects")
}

/// Runs statements, one after the other.
pub(super) async fn run(shell: &mut PgConnection, sql: impl Into<String>) -> Result<u64, sqlx::Error> {
    Ok(raw_sql(AssertSqlSafe(sql.into())).execute(shell).await?.rows_affected())
}

/// The first row's first column, which the statement makes a number.
pub(super) async fn number(shell: &mut PgConnection, sql: impl Into<String>) -> i64 {
    sqlx::query(AssertSqlSafe(sql.into())).fetch_one(shell).await.expect("a number").get(0)
}

/// The same for text.
pub(super) async fn text(shell: &mut PgConnection, sql: impl Into<String>) -> String {
    sqlx::query(AssertSqlSafe(sql.into())).fetch_one(shell).await.expect("a text").get(0)
}
