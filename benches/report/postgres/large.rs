//! Ten million rows: whether size costs anything.

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::Database;

use super::append::appends;
use super::{raw, server};
use crate::measure::{self, Bound, Rounds, Scale, Scenario, rate};
use crate::scenarios::count_typed;

const LARGE: usize = 10_000_000;
const SMALL: usize = 200_000;

pub fn all() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "append-to-10-million",
            store: "postgres",
            tasks: 8,
            unit: "events/s, raw has 200,000 rows",
            bound: Bound::RateAtLeast(0.90),
            run: |scale| Box::pin(appends_to_large(scale)),
        },
        Scenario {
            name: "memory-of-replay-of-10-million",
            store: "postgres",
            tasks: 1,
            unit: "MB, raw is the limit",
            bound: Bound::TimeAtMost(1.0),
            run: |_| Box::pin(memory_of_replay()),
        },
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
async fn appends_to_large(scale: &Scale) -> Rounds {
    let (_small_database, small) = filled(SMALL).await;
    let (_large_database, large) = filled(LARGE).await;
    let each = scale.appends / 4;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        rounds.ours.push(rate(8 * each, appends(&large, format!("{round}"), 8, each)).await);
        rounds.raw.push(rate(8 * each, appends(&small, format!("{round}"), 8, each)).await);
    }
    rounds
}

async fn memory_of_replay() -> Rounds {
    let (_database, store) = filled(LARGE).await;
    if !measure::forget_peak_memory() {
        return Rounds::default();
    }
    assert_eq!(count_typed(&store).await, LARGE);
    let ours = measure::peak_memory().into_iter().collect();
    Rounds { ours, raw: vec![200.0] }
}
