//! What the rules say to a store, and what they keep of its answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use uuid::Uuid;

use crate::contract::append::{AppendOutcome, AppendRequest, Appended};
use crate::contract::load::{Load, LoadEnd, LoadRow};
use crate::contract::owned::OwnedEvent;
use crate::contract::read::{Page, Read};
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::stream::{Conflict, Position, StreamId, Version};

use super::rule::{Broken, Checked};

/// More pages than any rule has need of: a reader that never comes to the end stops there.
const MOST_PAGES: usize = 100_000;
/// How often a store may answer that it stumbled.
const MOST_STUMBLES: u32 = 100;

/// An event as it was read.
pub(super) type Row = OwnedEvent;

/// What a load handed out.
#[derive(Debug, PartialEq)]
pub(super) struct Loaded {
    /// Version and state of the snapshot.
    pub(super) snapshot: Option<(Version, Vec<u8>)>,
    pub(super) events: Vec<Row>,
    pub(super) end: LoadEnd,
}

impl Loaded {
    pub(super) fn versions(&self) -> Vec<u64> {
        self.events.iter().map(|row| row.version.0).collect()
    }
}

pub(super) fn stream(text: &str) -> StreamId {
    StreamId::parse(text).expect("the book's own names are valid")
}

pub(super) fn event() -> NewEvent {
    named("thing.happened")
}

pub(super) fn named(name: &'static str) -> NewEvent {
    NewEvent::new(name, 1, br#"{"n":1}"#.to_vec())
}

pub(super) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

/// The answer, whatever it is. A store that stumbles is asked again, as its users do.
pub(super) async fn append(store: &dyn EventStore, request: &AppendRequest) -> Result<AppendOutcome, StoreError> {
    let request = Arc::new(request.clone());
    let mut stumbles = 0;
    loop {
        match store.append(request.clone()).await {
            Err(error) if error.is_transient() && stumbles < MOST_STUMBLES => {
                stumbles += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            outcome => return outcome,
        }
    }
}

/// Appends what must be stored now.
pub(super) async fn store_now(store: &dyn EventStore, request: &AppendRequest) -> Checked<Appended> {
    match append(store, request).await? {
        AppendOutcome::Stored(appended) => Ok(appended),
        other => Err(Broken(format!("an append that must be stored was answered with {other:?}"))),
    }
}

/// Appends what must have been stored before.
pub(super) async fn stored_before(store: &dyn EventStore, request: &AppendRequest) -> Checked<Appended> {
    match append(store, request).await? {
        AppendOutcome::AlreadyStored(appended) => Ok(appended),
        other => Err(Broken(format!("an append that was stored before was answered with {other:?}"))),
    }
}

/// Appends what must be in conflict.
pub(super) async fn conflict(store: &dyn EventStore, request: &AppendRequest) -> Checked<Conflict> {
    match append(store, request).await? {
        AppendOutcome::Conflict(conflict) => Ok(conflict),
        other => Err(Broken(format!("an append that must be a conflict was answered with {other:?}"))),
    }
}

/// Appends what must be refused as it is.
pub(super) async fn refused(
    store: &dyn EventStore,
    request: &AppendRequest,
    (kind, right): (&str, fn(&StoreError) -> bool),
    what: &str,
) -> Checked {
    match append(store, request).await {
        Err(error) => ensure!(right(&error), "{what} was refused, but not as {kind}: {error}"),
        Ok(outcome) => ensure!(false, "{what} was not refused: {}", outcome_in_short(&outcome)),
    }
    Ok(())
}

pub(super) const INVALID: (&str, fn(&StoreError) -> bool) = ("invalid", StoreError::is_invalid);
pub(super) const TOO_LARGE: (&str, fn(&StoreError) -> bool) = ("too large", StoreError::is_too_large);

fn outcome_in_short(outcome: &AppendOutcome) -> &'static str {
    match outcome {
        AppendOutcome::Stored(_) => "it was answered as stored",
        AppendOutcome::AlreadyStored(_) => "it was answered as already stored",
        AppendOutcome::Conflict(_) => "it was answered with a conflict",
    }
}

/// All requests at the same moment, each from a task of its own, spread over the handles.
pub(super) async fn race(handles: &[Arc<dyn EventStore>], requests: Vec<AppendRequest>) -> Checked<Vec<AppendOutcome>> {
    let barrier = Arc::new(Barrier::new(requests.len()));
    let tasks: Vec<_> = requests
        .into_iter()
        .zip(handles.iter().cycle().cloned())
        .map(|(request, store)| {
            let barrier = barrier.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                append(&*store, &request).await
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.map_err(|panic| Broken(format!("an append panicked: {panic}")))??);
    }
    Ok(outcomes)
}

/// One page.
pub(super) async fn page(store: &dyn EventStore, read: &Read) -> Checked<(Vec<Row>, Page)> {
    let mut rows = Vec::new();
    let page = store
        .read(read, &mut |raw| {
            rows.push(Row::from(raw));
            Ok(())
        })
        .await?;
    ensure_eq!(page.count, rows.len(), "the count of a page");
    ensure!(rows.len() <= read.limit, "a page of at most {} events has {}", read.limit, rows.len());
    Ok((rows, page))
}

/// All pages, one after the other.
pub(super) async fn pages(store: &dyn EventStore, mut read: Read) -> Checked<Vec<Row>> {
    let mut all: Vec<Row> = Vec::new();
    for _ in 0..MOST_PAGES {
        let (rows, page) = page(store, &read).await?;
        for row in rows {
            let last = all.last().map_or(Position(0), |last| last.position);
            ensure!(row.position > last, "position {} was read after position {last}", row.position);
            all.push(row);
        }
        // Who asks from behind the newest event is brought back to it.
        let from = read.after.min(page.watermark);
        ensure!(page.next.position >= from, "a cursor went back from {} to {:?}", read.after, page.next);
        if page.at_end {
            return Ok(all);
        }
        read.after = page.next.position;
    }
    Err(Broken(format!("after {MOST_PAGES} pages there is no end")))
}

/// The events of a stream.
pub(super) async fn of(store: &dyn EventStore, stream: &StreamId) -> Checked<Vec<Row>> {
    pages(store, Read::stream(stream)).await
}

/// How many events the whole store has.
pub(super) async fn count(store: &dyn EventStore) -> Checked<usize> {
    Ok(pages(store, Read::all()).await?.len())
}

pub(super) async fn load(store: &dyn EventStore, load: Load) -> Checked<Loaded> {
    let mut snapshot = None;
    let mut events = Vec::new();
    let (mut late, mut bare) = (false, false);
    let end = store
        .load(&load, &mut |row| {
            match row {
                LoadRow::Snapshot(raw) => {
                    late |= snapshot.is_some() || !events.is_empty();
                    snapshot = Some((raw.version, raw.data.to_owned()));
                }
                LoadRow::Event(raw) => events.push(Row::from(raw)),
                LoadRow::Bare(raw) => {
                    bare = true;
                    events.push(Row::from(&raw.of_stream(load.stream.as_str())));
                }
            }
            Ok(())
        })
        .await?;
    ensure!(!late, "a snapshot was handed out behind other rows");
    ensure!(!bare || load.bare, "bare events were handed out where nobody had asked for them");
    Ok(Loaded { snapshot, events, end })
}

pub(super) fn ids(rows: &[Row]) -> Vec<Uuid> {
    rows.iter().map(|row| row.id).collect()
}

pub(super) fn new_ids(events: &[NewEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

/// Long enough that the next event has a later recorded time.
pub(super) async fn tick() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}
