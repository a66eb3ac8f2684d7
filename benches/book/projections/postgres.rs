//! On PostgreSQL.

use std::time::Duration;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource::{Activity, BoxError, Projection, Projections, Recorded};
use eventsource_test_cluster::Database;
use sqlx::{PgConnection, Row, query, raw_sql};
use tokio::sync::oneshot;

use super::{BATCH, Balance, Rows, Wider, account, build, cents, fill, serve_another};
use crate::book::by_hand::decode;
use crate::book::domain::AccountEvent;
use crate::book::postgres::{raw, server};
use crate::book::scenario::Scale;
use crate::book::sides::{Side, Sides};

/// Events of a round of those that send a statement for each.
fn few(scale: Scale) -> usize {
    scale.replayed / 20
}

/// And of those that commit each.
fn very_few(scale: Scale) -> usize {
    scale.replayed / 200
}

/// Events of a batch where each has a statement.
const CUSTOM_BATCH: usize = 500;

async fn filled(events: usize) -> (Database, PgStore, PgConnection) {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    fill(&store, events).await;
    let mut pg = raw::connect(database.url()).await;
    let tables =
        "CREATE TABLE raw_view (account text COLLATE \"C\" PRIMARY KEY, cents bigint NOT NULL, count bigint NOT NULL);
                  CREATE TABLE raw_checkpoint (name text PRIMARY KEY, position bigint NOT NULL);
                  INSERT INTO raw_checkpoint VALUES ('balances', 0)";
    raw_sql(tables).execute(&mut pg).await.expect("raw tables");
    raw_sql("VACUUM ANALYZE").execute(&mut pg).await.expect("vacuums");
    (database, store, pg)
}

pub async fn view(scale: Scale) -> Sides {
    let (_database, store, mut pg) = filled(scale.replayed).await;
    serve_another(&store).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        build::<Balance>(&mut sides.ours, round, &store, scale.replayed).await;
        raw_sql("TRUNCATE raw_view").execute(&mut pg).await.expect("truncates");
        sides.raw.whole(round, scale.replayed, by_hand(&mut pg)).await;
    }
    sides
}

/// The events behind a position that an account has, decoded.
async fn page(pg: &mut PgConnection, after: &mut i64, limit: usize) -> Vec<(String, AccountEvent)> {
    let rows = query(
        "SELECT position, stream, name, data FROM eventsource.events WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(*after)
    .bind(limit as i64)
    .fetch_all(pg)
    .await
    .expect("a raw page");
    let event = |row: &sqlx::postgres::PgRow| {
        *after = row.get(0);
        (account(row.get(1)), decode(row.get(2), row.get(3)))
    };
    rows.iter().map(event).collect()
}

async fn by_hand(pg: &mut PgConnection) {
    let mut after = 0;
    loop {
        let events = page(pg, &mut after, BATCH).await;
        if events.is_empty() {
            return;
        }
        let mut keys: Vec<&str> = events.iter().map(|(account, _)| account.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let there = query("SELECT account, cents, count FROM raw_view WHERE account = ANY($1)")
            .bind(&keys)
            .fetch_all(&mut *pg)
            .await
            .expect("raw rows");
        let mut rows = Rows(there.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect());
        rows.fold(events);
        let (mut cents, mut counts) = (Vec::new(), Vec::new());
        rows.0.values().for_each(|row| {
            cents.push(row.0);
            counts.push(row.1);
        });
        query(
            "WITH cp AS (UPDATE raw_checkpoint SET position = $4 WHERE name = 'balances') \
             INSERT INTO raw_view SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) \
             ON CONFLICT (account) DO UPDATE SET cents = excluded.cents, count = excluded.count",
        )
        .bind(rows.0.into_keys().collect::<Vec<_>>())
        .bind(cents)
        .bind(counts)
        .bind(after)
        .execute(&mut *pg)
        .await
        .expect("raw upsert");
    }
}

const ADD: &str = "INSERT INTO raw_view VALUES ($1, $2, 1) \
     ON CONFLICT (account) DO UPDATE SET cents = raw_view.cents + excluded.cents, count = raw_view.count + 1";

/// A transaction for each event, or for so many.
async fn raw_one_by_one(pg: &mut PgConnection, events: usize, in_a_transaction: usize) {
    let (mut after, mut done) = (0, 0);
    while done < events {
        let page = page(pg, &mut after, CUSTOM_BATCH).await;
        done += page.len();
        for part in page.chunks(in_a_transaction) {
            raw_sql("BEGIN").execute(&mut *pg).await.expect("begins");
            for (account, event) in part {
                query(ADD).bind(account).bind(cents(event)).execute(&mut *pg).await.expect("raw upsert");
            }
            let checkpoint = query("UPDATE raw_checkpoint SET position = $1 WHERE name = 'balances'").bind(after);
            checkpoint.execute(&mut *pg).await.expect("raw checkpoint");
            raw_sql("COMMIT").execute(&mut *pg).await.expect("commits");
        }
    }
}

pub async fn view_beside_one_by_one(scale: Scale) -> Sides {
    let (_database, store, mut pg) = filled(scale.replayed).await;
    serve_another(&store).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        build::<Balance>(&mut sides.ours, round, &store, scale.replayed).await;
        let events = very_few(scale);
        sides.raw.whole(round, events, raw_one_by_one(&mut pg, events, 1)).await;
    }
    sides
}

/// One statement for each event.
struct Adding;

impl Projection<PgConnection> for Adding {
    type Event = AccountEvent;
    const NAME: &'static str = "adding";
    const VERSION: u32 = 1;

    async fn handle(&self, events: &[Recorded<AccountEvent>], pg: &mut PgConnection) -> Result<(), BoxError> {
        for event in events {
            query(ADD).bind(event.stream.id()).bind(cents(&event.event)).execute(&mut *pg).await?;
        }
        Ok(())
    }
}

pub async fn custom(scale: Scale) -> Sides {
    let events = few(scale);
    let (_database, store, mut pg) = filled(events).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let forget = "DELETE FROM eventsource.checkpoints WHERE name = 'adding'";
        raw_sql(forget).execute(&mut pg).await.expect("forgets");
        let projections = Projections::new(&store).projection(Adding).batch(CUSTOM_BATCH);
        let statuses = projections.statuses();
        let (stop, stopped) = oneshot::channel::<()>();
        let ours = async {
            let running = tokio::spawn(projections.run(async {
                let _ = stopped.await;
            }));
            while statuses.all()[0].handled < events as u64 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(stop);
            running.await.expect("does not panic").expect("runs");
        };
        sides.ours.whole(round, events, ours).await;
        sides.raw.whole(round, events, raw_one_by_one(&mut pg, events, CUSTOM_BATCH)).await;
    }
    sides
}

/// A view is built beside the one that serves and is kept current.
pub async fn rebuild(scale: Scale) -> Sides {
    const LIMIT: f64 = 100_000.0;
    let (_database, store, _) = filled(scale.replayed).await;
    let old = Projections::new(&store).view::<Balance>();
    let statuses = old.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(old.run(async {
        let _ = stopped.await;
    }));
    while statuses.all()[0].activity != Activity::Live {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut ours = Side::rate();
    for round in scale.rounds() {
        build::<Wider>(&mut ours, round, &store, scale.replayed).await;
    }
    drop(stop);
    running.await.expect("does not panic").expect("runs");
    Sides::of(ours, Side::limit(LIMIT))
}
