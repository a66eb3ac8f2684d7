//! A process that is killed, again and again, while it builds a view anew.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{Checkpoint, EventStore, Position, Projections, View, ViewReader, ViewStore};

use super::rebuilt::Doubled;
use super::things::*;
use crate::postgres::patient;
use crate::wrapped::Wrapped;

/// Set for the child, which then builds the view in the store that it names until it is killed.
const STORE: &str = "EVENTSOURCE_REBUILD_TEST_STORE";
const KILLS: usize = 4;
const ROUNDS: u64 = 100;

async fn open(name: &str) -> Arc<dyn ViewStore> {
    match name.starts_with("postgres") {
        true => Arc::new(PgStore::connect(name).await.unwrap()),
        false => Arc::new(SqliteStore::open(name).await.unwrap()),
    }
}

fn rebuilding(store: &Wrapped) -> Projections<Wrapped> {
    Projections::new(store).lease(Duration::from_secs(1)).batch(5).view::<Doubled>()
}

/// Not a test by itself: what the child process of the test below does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_builds_a_view_until_it_is_killed() {
    let Ok(name) = std::env::var(STORE) else { return };
    let store = Wrapped::new(open(&name).await);
    rebuilding(&store).run(std::future::pending()).await.unwrap();
}

fn child(name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "projections::killed::child_that_builds_a_view_until_it_is_killed", "--nocapture"])
        .env(STORE, name)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_goes_on_where_it_was_killed_and_ends_exact() {
    let folder = tempfile::tempdir().unwrap();
    is_rebuilt(folder.path().join("killed.db").to_str().unwrap()).await;
    let database = crate::postgres::database().await;
    drop(crate::postgres::store_in(&database, patient()).await);
    is_rebuilt(database.url()).await;
}

async fn is_rebuilt(name: &str) {
    let store = Wrapped::new(open(name).await);
    for round in 0..ROUNDS {
        append(&store, round % 10, (0..20).map(|_| moved(1)).collect()).await;
    }
    let old = Running::start(balances(&store));
    until("the old one serves", async || store.held_views("balances").await.unwrap().iter().any(|held| held.serving))
        .await;
    let head = store.head().await.unwrap().newest;
    let mut stands = Position(0);
    for kill in 0..KILLS {
        let mut child = child(name);
        until("the child has come further", async || position(&store).await.is_some_and(|now| now > stands)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let now = position(&store).await.unwrap();
        assert!(now > stands && now < head, "killed at {now} of {head} for the {kill}th time: too late");
        stands = now;
        let held = store.held_views("balances").await.unwrap();
        let serving: Vec<u32> = held.iter().filter(|held| held.serving).map(|held| held.version).collect();
        assert_eq!(serving, [1], "a half-built table is served");
    }
    append(&store, 0, vec![moved(1)]).await;
    let last = Running::start(rebuilding(&store));
    let switched =
        async || store.held_views("balances").await.unwrap().iter().any(|held| held.serving && held.version == 2);
    until("the new one serves", switched).await;
    // It did not begin anew.
    assert!(last.status().handled <= head.0 - stands.0 + 1, "{:?} after {stands}", last.status());
    let rows = ViewReader::<Doubled>::new(store.clone()).list().page().await.unwrap().rows;
    assert_eq!(rows.len(), 10);
    let each = (ROUNDS * 20 / 10) as i64;
    let events: Vec<_> = rows.iter().map(|row| (row.events, row.cents / 2)).collect();
    assert_eq!(events[0], (each + 1, each + 1));
    assert!(events[1..].iter().all(|events| *events == (each, each)), "{events:?}");
    last.stop().await.unwrap();
    old.stop().await.unwrap();
}

async fn position(store: &Wrapped) -> Option<Position> {
    let checkpoint: Option<Checkpoint> = store.load_checkpoint(&Doubled::TABLE.checkpoint_key()).await.unwrap();
    checkpoint.map(|checkpoint| checkpoint.cursor.position)
}
