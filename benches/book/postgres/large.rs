//! Ten million rows: whether size costs anything.

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::Database;

use super::append::appends;
use super::{raw, server};
use crate::book::scenario::Bound::{AtLeast, AtMost};
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::{Side, Sides};
use crate::book::system;
use crate::book::work::{APPENDS, count_typed};

const LARGE: usize = 10_000_000;
const SMALL: usize = 200_000;

pub fn all() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "postgres/append-to-10-million@8",
            APPENDS,
            AtLeast(0.90),
            "the same with 200,000 rows",
            appends_to_large,
        ),
        Scenario::new("postgres/memory-of-replay-of-10-million", "MB", AtMost(1.0), "200 MB", memory_of_replay),
    ]
}

/// Rows made by the server, in streams of twenty that lie beside each other, as a store grows.
pub async fn filled(rows: usize) -> (Database, PgStore) {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().connections(8).listen(false).group_commit(false)).await;
    let mut pg = raw::connect(database.url()).await;
    let fill = format!(
        "INSERT INTO eventsource.events (stream, version, category, event_id, name, schema_version, encoding, data, \
                                         occurred_at, recorded_at) \
         SELECT 'account-old-' || n / 200000 || '-' || n % 10000, n % 200000 / 10000 + 1, 'account', \
                gen_random_uuid(), 'account.deposited', 1, 0, \
                convert_to('{{\"cents\":' || n || ',\"currency\":\"EUR\",\"reference\":\"standing order 00000001\",\
                           \"channel\":\"Online\"}}', 'UTF8'), now(), now() \
         FROM generate_series(0, {rows} - 1) AS n"
    );
    for sql in [fill.as_str(), "VACUUM ANALYZE eventsource.events", "CHECKPOINT"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut pg).await.expect("fills");
    }
    (database, store)
}

/// Active streams: new ones that grow.
async fn appends_to_large(scale: Scale) -> Sides {
    let (_small_database, small) = filled(SMALL).await;
    let (_large_database, large) = filled(LARGE).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        appends(&mut sides.ours, round, &large).await;
        appends(&mut sides.raw, round, &small).await;
    }
    sides
}

async fn memory_of_replay(_: Scale) -> Sides {
    let (_database, store) = filled(LARGE).await;
    if !system::forget_peak_memory() {
        return Sides::unknown();
    }
    assert_eq!(count_typed(&store).await, LARGE);
    system::peak_memory().map_or_else(Sides::unknown, |peak| Sides::of(Side::limit(peak), Side::limit(200.0)))
}
