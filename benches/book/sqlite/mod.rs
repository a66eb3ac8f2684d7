//! The SQLite store beside hand-written sqlx.

pub mod raw;
mod read;

use std::sync::Arc;

use eventsource::Repository;
use eventsource::sqlite::SqliteStore;
use sqlx::{Connection, Row, SqliteConnection, query};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::by_hand::RawRow;
use super::owner::{self, Owner};
use super::scenario::Bound::{AtLeast, Unsaid};
use super::scenario::{Scale, Scenario};
use super::sides::Sides;
use super::system::{Facts, folder};
use super::work::{self, APPENDS, COMMANDS, TASKS};

pub fn all() -> Vec<Scenario> {
    let appends = [1, 10].into_iter().flat_map(|events| TASKS.map(|tasks| append(events, tasks)));
    let hot = Scenario::new("sqlite/hot@8", COMMANDS, AtLeast(0.70), OWNER, |scale| hot(scale, 8));
    let mut all: Vec<Scenario> = appends.collect();
    all.push(hot.counted());
    all.extend(read::all());
    all
}

const ALONE: &str = "an `INSERT` that commits by itself";
const OWNER: &str = "a map of states, and a task that writes what waits in one transaction";

fn append(events: u64, tasks: usize) -> Scenario {
    let (bound, beside) = match (events, tasks) {
        (1, 1) => (AtLeast(0.85), ALONE),
        (_, 1) => (Unsaid, ALONE),
        _ => (AtLeast(0.70), "a task that writes what waits in one transaction"),
    };
    let name = format!("sqlite/append-{events}@{tasks}");
    Scenario::new(name, APPENDS, bound, beside, move |scale| appends(scale, events, tasks)).counted()
}

async fn open() -> (TempDir, SqliteStore) {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    (folder, store)
}

async fn appends(scale: Scale, events: u64, tasks: usize) -> Sides {
    let (folder, store) = open().await;
    let path = folder.path().join("raw.db");
    let connection = [Arc::new(Mutex::new(raw::connect(&path).await))];
    let writer = raw::writer(raw::connect(&path).await);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::appends(&mut sides.ours, round, &store, ("", tasks), events).await;
        if tasks > 1 {
            owner::appends(&mut sides.raw, round, &writer, ("", tasks), events).await;
            continue;
        }
        let by_hand = sides.raw.on(round, &connection, |mut connection, _, mut laps| async move {
            let stream = format!("account-{}", round.number);
            for n in laps.by_ref() {
                raw::insert(&mut connection, RawRow::several(&stream, n * events, events)).await;
            }
            laps
        });
        by_hand.await;
    }
    work::assert_events(&store, sides.ours.operations * events).await;
    assert_eq!(raw::count(&mut *connection[0].lock().await).await, sides.raw.operations * events);
    sides
}

/// One aggregate for all tasks.
async fn hot(scale: Scale, tasks: usize) -> Sides {
    let (folder, store) = open().await;
    let path = folder.path().join("raw.db");
    let owner = Owner::new(raw::writer(raw::connect(&path).await));
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let done = work::commands(round, &accounts, (tasks, |_, _, _| "hot".to_owned()), 1).await;
        sides.ours.add(round, &done);
        owner.commands(&mut sides.raw, round, tasks, |_| "account-hot".to_owned()).await;
    }
    work::assert_states(&accounts, ["hot".to_owned()].into_iter(), sides.ours.operations).await;
    assert_eq!(raw::count(&mut raw::connect(&path).await).await, sides.raw.operations);
    sides
}

/// What its figures depend on.
pub async fn facts() -> Facts {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.expect("connects");
    let row = query("SELECT sqlite_version()").fetch_one(&mut connection).await.expect("a version");
    vec![("SQLite", format!("{}, journal_mode wal, synchronous full, on both sides", row.get::<String, _>(0)))]
}
