//! A process that is killed, again and again, while it appends with an inline view.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{InlineStore, Position, ViewReader};

use super::things::*;
use crate::postgres::patient;

/// Set for the child, which then appends to the store that it names until it is killed.
const STORE: &str = "EVENTSOURCE_INLINE_TEST_STORE";
const KILLS: usize = 5;
const STREAMS: u64 = 4;

/// Not a test by itself: what the child process of the test below does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_appends_with_an_inline_view_until_it_is_killed() {
    let Ok(name) = std::env::var(STORE) else { return };
    match name.starts_with("postgres") {
        true => append_for_ever(PgStore::connect(&name).await.unwrap()).await,
        false => append_for_ever(SqliteStore::open(&name).await.unwrap()).await,
    }
}

async fn append_for_ever(store: impl InlineStore) {
    let kept = inline(store).await;
    for round in 0.. {
        let (id, cents) = (round % STREAMS, round as i64);
        let events = if round % 13 == 12 { vec![closed()] } else { vec![moved(cents), noted(), moved(1)] };
        stored(&kept, id, events).await;
    }
}

fn child(name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inline::killed::child_that_appends_with_an_inline_view_until_it_is_killed", "--nocapture"])
        .env(STORE, name)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_leaves_no_event_without_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.db");
    survives(path.to_str().unwrap(), SqliteStore::open(&path).await.unwrap()).await;
    let database = crate::postgres::database().await;
    let store = crate::postgres::store_in(&database, patient()).await;
    survives(database.url(), store).await;
}

async fn survives(name: &str, store: impl InlineStore + Clone) {
    let mut stands = Position(0);
    for kill in 0..KILLS {
        let mut child = child(name);
        let more = Position(stands.0 + 20 + 7 * kill as u64);
        while store.head().await.unwrap().newest < more {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // A statement that PostgreSQL has begun it ends.
        tokio::time::sleep(Duration::from_millis(200)).await;
        stands = store.head().await.unwrap().newest;
        // No start has repaired anything.
        is_exact(&store).await;
        let rows = ViewReader::<Balance>::inline(store.clone()).list().page().await.unwrap().rows;
        assert!(!rows.is_empty(), "nothing was folded");
    }
}
