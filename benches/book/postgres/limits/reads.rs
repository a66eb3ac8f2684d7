//! Loads and replays, on one connection.

use eventsource::postgres::PgOptions;
use sqlx::{PgConnection, query};

use super::statements::Statements;
use super::{raw, raw_bytes, server};
use crate::book::domain::snapshots;
use crate::book::postgres::read;
use crate::book::scenario::Bound::AtLeast;
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::Sides;
use crate::book::work::{EVENTS, LOADS};

pub fn all() -> Vec<Scenario> {
    const SNAPSHOT: &str = "`SELECT 1`; ours: the shortest statement that fetches these rows";
    const REPLAY: &str = "`COPY` in binary form; ours: the store's statement alone";
    vec![
        Scenario::new("postgres/limit-load-snapshot-and-10", LOADS, AtLeast(1.0 / 1.4), SNAPSHOT, load_snapshot),
        Scenario::new("postgres/limit-replay", EVENTS, AtLeast(0.85), REPLAY, replay),
    ]
}

async fn replay(scale: Scale) -> Sides {
    let (database, _store) = read::side(scale.replayed, 100).await;
    let mut pg = raw::connect(database.url()).await;
    let statements = Statements::new();
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let pages = async { assert_eq!(statements.replay(&mut pg).await, scale.replayed) };
        sides.ours.whole(round, scale.replayed, pages).await;
        let copied = async { assert_eq!(raw_bytes::copy_out(&mut pg).await, scale.replayed) };
        sides.raw.whole(round, scale.replayed, copied).await;
    }
    sides
}

/// The same rows by the shortest statement there is for them, not decoded: what the server and the driver leave.
async fn load_snapshot(scale: Scale) -> Sides {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    snapshots::prepare(&store).await;
    let connection = raw::connections(database.url(), 1).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let rows = sides.ours.on(round, &connection, |mut pg, _, mut laps| async move {
            for _ in laps.by_ref() {
                assert_eq!(fetch_snapshot_and_tail(&mut pg, "account-0").await, 11);
            }
            laps
        });
        rows.await;
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

/// A snapshot and the events behind it, by the parts that nobody can do without.
async fn fetch_snapshot_and_tail(pg: &mut PgConnection, stream: &str) -> usize {
    let rows = query(
        "WITH snapshot AS MATERIALIZED (SELECT version, data FROM eventsource.snapshots WHERE stream = $1) \
         SELECT version, NULL AS name, data FROM snapshot UNION ALL \
         (SELECT version, name, data FROM eventsource.events \
          WHERE stream = $1 AND version > (SELECT version FROM snapshot) ORDER BY version)",
    )
    .bind(stream)
    .fetch(pg);
    raw::count(rows).await
}
