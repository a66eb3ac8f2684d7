//! Loads and replays.

use eventsource::postgres::{PgOptions, PgStore};
use eventsource::{EventStore, Position, RawEvent, Read, Repository};
use eventsource_test_cluster::Database;

use super::{raw, raw_bytes, server};
use crate::book::domain::snapshots;
use crate::book::scenario::Bound::{self, AtLeast};
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::Sides;
use crate::book::work::{EVENTS, LOADS, STREAMS, fill, loads, loads_saved, replay};

pub fn all() -> Vec<Scenario> {
    let undecoded = |length: usize, at_most: f64| {
        let beside = "the same rows, fetched and not decoded";
        let name = format!("postgres/load-{length}-undecoded");
        Scenario::new(name, LOADS, AtLeast(1.0 / at_most), beside, move |scale| load_undecoded(scale, length))
    };
    let by_hand = |length: usize, bound: Bound| {
        let beside = "rows with `jsonb`, decoded and applied by hand";
        let name = format!("postgres/load-{length}");
        Scenario::new(name, LOADS, bound, beside, move |scale| load_by_hand(scale, length)).counted()
    };
    vec![
        by_hand(100, AtLeast(1.05)),
        by_hand(1_000, AtLeast(1.35)),
        undecoded(100, 1.45),
        undecoded(1_000, 2.2),
        Scenario::new("postgres/load-snapshot-and-10", LOADS, AtLeast(1.0 / 1.4), "`SELECT 1`", load_snapshot)
            .counted(),
        Scenario::new("postgres/replay-untyped", EVENTS, AtLeast(0.85), "`COPY` in binary form, taken apart", untyped),
        Scenario::new(
            "postgres/replay",
            EVENTS,
            AtLeast(1.0),
            "rows with `jsonb` in one statement, not decoded",
            typed,
        )
        .counted(),
    ]
}

pub async fn side(events: usize, length: usize) -> (Database, PgStore) {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    fill(&store, events, length).await;
    raw::create_tables(database.url()).await;
    let mut pg = raw::connect(database.url()).await;
    raw::fill_json(&mut pg, events, length).await;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut pg).await.expect("vacuums");
    (database, store)
}

async fn load_undecoded(scale: Scale, length: usize) -> Sides {
    let (database, store) = side(STREAMS * length, length).await;
    let connection = raw::connections(database.url(), 1).await;
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        loads(&mut sides.ours, round, &accounts, length).await;
        let by_hand = sides.raw.on(round, &connection, |mut pg, _, mut laps| async move {
            for n in laps.by_ref() {
                let stream = format!("account-{}", n as usize % STREAMS);
                assert_eq!(raw_bytes::fetch_undecoded(&mut pg, &stream).await, length);
            }
            laps
        });
        by_hand.await;
    }
    sides
}

async fn load_by_hand(scale: Scale, length: usize) -> Sides {
    let (database, store) = side(STREAMS * length, length).await;
    let connection = raw::connections(database.url(), 1).await;
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        loads(&mut sides.ours, round, &accounts, length).await;
        let by_hand = sides.raw.on(round, &connection, |mut pg, _, mut laps| async move {
            for n in laps.by_ref() {
                let (account, version) = raw::load(&mut pg, &format!("account-{}", n as usize % STREAMS)).await;
                assert_eq!(version, length as i64);
                std::hint::black_box(account);
            }
            laps
        });
        by_hand.await;
    }
    sides
}

/// A snapshot and ten events behind it, beside a statement that asks for nothing.
async fn load_snapshot(scale: Scale) -> Sides {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    snapshots::prepare(&store).await;
    let connection = raw::connections(database.url(), 1).await;
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        loads_saved(&mut sides.ours, round, &accounts).await;
        let nothing = sides.raw.on(round, &connection, |mut pg, _, mut laps| async move {
            for _ in laps.by_ref() {
                raw::nothing(&mut pg, 1).await;
            }
            laps
        });
        nothing.await;
    }
    sides
}

/// Pages of a thousand, their bytes touched and not decoded, beside `COPY` in binary form.
async fn untyped(scale: Scale) -> Sides {
    let (database, store) = side(scale.replayed, 100).await;
    let mut pg = raw::connect(database.url()).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let pages = async { assert_eq!(count_untyped(&store).await, scale.replayed) };
        sides.ours.whole(round, scale.replayed, pages).await;
        let copied = async { assert_eq!(raw_bytes::copy_out(&mut pg).await, scale.replayed) };
        sides.raw.whole(round, scale.replayed, copied).await;
    }
    sides
}

async fn count_untyped(store: &PgStore) -> usize {
    let (mut after, mut count) = (Position(0), 0);
    loop {
        let read = Read::all().after(after).limit(1_000);
        let mut each = |event: &RawEvent<'_>| {
            std::hint::black_box(event);
            count += 1;
            Ok(())
        };
        let page = store.read(&read, &mut each).await.expect("reads");
        after = page.next.position;
        if page.at_end {
            return count;
        }
    }
}

/// Typed events, beside the rows of one statement with `jsonb` payloads that nobody decodes.
async fn typed(scale: Scale) -> Sides {
    let (database, store) = side(scale.replayed, 100).await;
    let mut pg = raw::connect(database.url()).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        replay(&mut sides.ours, round, &store, scale.replayed).await;
        let streamed = async { assert_eq!(raw::stream_json(&mut pg).await, scale.replayed) };
        sides.raw.whole(round, scale.replayed, streamed).await;
    }
    sides
}
