//! Loads and replays.

use std::sync::Arc;

use eventsource::Repository;
use tokio::sync::Mutex;

use super::{open, raw};
use crate::book::domain::snapshots;
use crate::book::scenario::Bound::{AtLeast, AtMost, Unsaid};
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::{Side, Sides};
use crate::book::system;
use crate::book::work::{self, EVENTS, LOADS, STREAMS};

pub fn all() -> Vec<Scenario> {
    const ROWS: &str = "the same rows, fetched and not decoded";
    vec![
        Scenario::new("sqlite/load-100", LOADS, Unsaid, ROWS, |scale| load(scale, 100)).counted(),
        Scenario::new("sqlite/load-1000", LOADS, AtLeast(1.0 / 1.6), ROWS, |scale| load(scale, 1_000)).counted(),
        Scenario::new("sqlite/load-snapshot-and-10", LOADS, Unsaid, ROWS, load_saved).counted(),
        Scenario::new("sqlite/replay", EVENTS, AtLeast(0.80), "rows in pages, decoded by hand", replay).counted(),
        Scenario::new(
            "sqlite/memory-of-replay",
            "MB",
            AtMost(1.0),
            "200 MB, however much is replayed",
            memory_of_replay,
        ),
    ]
}

async fn load(scale: Scale, length: usize) -> Sides {
    let (folder, store) = open().await;
    work::fill(&store, STREAMS * length, length).await;
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    raw::fill(&mut connection, STREAMS * length, length).await;
    let connection = [Arc::new(Mutex::new(connection))];
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::loads(&mut sides.ours, round, &accounts, length).await;
        let by_hand = sides.raw.on(round, &connection, |mut connection, _, mut laps| async move {
            for n in laps.by_ref() {
                let stream = format!("account-{}", n as usize % STREAMS);
                assert_eq!(raw::fetch_stream(&mut connection, &stream).await, length);
            }
            laps
        });
        by_hand.await;
    }
    sides
}

async fn load_saved(scale: Scale) -> Sides {
    let (folder, store) = open().await;
    snapshots::prepare(&store).await;
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    raw::fill_saved(&mut connection).await;
    let connection = [Arc::new(Mutex::new(connection))];
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::loads_saved(&mut sides.ours, round, &accounts).await;
        let by_hand = sides.raw.on(round, &connection, |mut connection, _, mut laps| async move {
            for _ in laps.by_ref() {
                assert_eq!(raw::fetch_saved(&mut connection, "account-0").await, 11);
            }
            laps
        });
        by_hand.await;
    }
    sides
}

async fn replay(scale: Scale) -> Sides {
    let (folder, store) = open().await;
    work::fill(&store, scale.replayed, 100).await;
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    raw::fill(&mut connection, scale.replayed, 100).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::replay(&mut sides.ours, round, &store, scale.replayed).await;
        let by_hand = async {
            let mut count = 0;
            raw::replay(&mut connection, |known| {
                std::hint::black_box(&known);
                count += 1;
            })
            .await;
            assert_eq!(count, scale.replayed);
        };
        sides.raw.whole(round, scale.replayed, by_hand).await;
    }
    sides
}

/// The greatest memory of this process while it replays five times as many events as others, against 200 MB.
async fn memory_of_replay(scale: Scale) -> Sides {
    let events = 5 * scale.replayed;
    let (_folder, store) = open().await;
    work::fill(&store, events, 1_000).await;
    if !system::forget_peak_memory() {
        return Sides::unknown();
    }
    assert_eq!(work::count_typed(&store).await, events);
    system::peak_memory().map_or_else(Sides::unknown, |peak| Sides::of(Side::limit(peak), Side::limit(200.0)))
}
