//! Appends.

use std::sync::Arc;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::Database;

use super::{raw, server};
use crate::measure::{Bound, Rounds, Scale, Scenario, rate};
use crate::scenarios::{append, joined, stream};

pub fn all() -> Vec<Scenario> {
    let scenario = |name, tasks, bound, run| Scenario { name, store: "postgres", tasks, unit: "events/s", bound, run };
    vec![
        scenario("append", 1, Bound::RateAtLeast(0.72), |scale| Box::pin(beside_inserts(scale, 1))),
        scenario("append-alone", 8, Bound::RateAtLeast(0.80), |scale| Box::pin(beside_inserts(scale, 8))),
        scenario("append-alone", 32, Bound::RateAtLeast(0.80), |scale| Box::pin(beside_inserts(scale, 32))),
        scenario("floor", 1, Bound::RateAtLeast(0.92), |scale| Box::pin(floor(scale))),
        scenario("group-commit", 1, Bound::RateAtLeast(0.95), |scale| Box::pin(beside_alone(scale, 1))),
        scenario("group-commit", 32, Bound::RateAtLeast(2.0), |scale| Box::pin(beside_alone(scale, 32))),
        scenario("group-commit", 256, Bound::RateAtLeast(4.0), |scale| Box::pin(beside_alone(scale, 256))),
        scenario("group-commit-slow-disk", 32, Bound::RateAtLeast(0.90), |scale| Box::pin(slow_disk(scale))),
        scenario("group-commit-copy", 256, Bound::RateAtLeast(0.45), |scale| Box::pin(beside_copy(scale))),
    ]
}

struct Side {
    database: Database,
    together: PgStore,
    alone: PgStore,
}

async fn side(connections: u32) -> Side {
    let database = server::database().await;
    let options = PgOptions::default().connections(connections).listen(false);
    let together = server::store(&database, options.clone()).await;
    let alone = server::store(&database, options.group_commit(false)).await;
    raw::create_tables(database.url()).await;
    Side { database, together, alone }
}

/// `each` appends of each of `tasks` tasks, to streams of their own.
pub async fn appends(store: &PgStore, name: String, tasks: usize, each: usize) {
    let store = Arc::new(store.clone());
    let tasks = (0..tasks).map(|task| {
        let (store, name) = (store.clone(), name.clone());
        tokio::spawn(async move {
            for n in 0..each {
                append(&*store, stream(format!("{name}-{task}")), n as u64, n as u64).await;
            }
        })
    });
    joined(tasks.collect()).await;
}

/// Without group commit, on as many connections as there are tasks, beside plain inserts on as many.
async fn beside_inserts(scale: &Scale, tasks: usize) -> Rounds {
    let side = side(tasks as u32).await;
    let store = if tasks == 1 { &side.together } else { &side.alone };
    let mut connections = Vec::new();
    for _ in 0..tasks {
        connections.push(raw::connect(side.database.url()).await);
    }
    let each = scale.appends * 2 / tasks.min(4) / if tasks > 4 { tasks / 4 } else { 1 };
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        rounds.ours.push(rate(tasks * each, appends(store, format!("{round}"), tasks, each)).await);
        let raw = connections.drain(..).enumerate().map(|(task, mut pg)| {
            tokio::spawn(async move {
                for n in 0..each {
                    raw::insert_bytes(&mut pg, &format!("account-raw-{round}-{task}"), n as i64 + 1, n as u64).await;
                }
                pg
            })
        });
        let raw: Vec<_> = raw.collect();
        let work = async {
            for task in raw {
                connections.push(task.await.expect("a task of the benchmark"));
            }
        };
        rounds.raw.push(rate(tasks * each, work).await);
    }
    rounds
}

/// The lock alone: the same insert with and without it.
async fn floor(scale: &Scale) -> Rounds {
    let side = side(1).await;
    let mut pg = raw::connect(side.database.url()).await;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        for (with, figures) in [(true, &mut rounds.ours), (false, &mut rounds.raw)] {
            let lock = if with { "eventsource.take_turn()" } else { "1" };
            let sql = format!(
                "WITH turn AS MATERIALIZED (SELECT {lock}) \
                 INSERT INTO eventsource.events (stream, version, category, event_id, name, schema_version, encoding, \
                 data, occurred_at, recorded_at) SELECT $1, $2, 'account', $3, $4, 1, 0, $5, now(), now() FROM turn"
            );
            let stream = format!("floor-{with}-{round}");
            let work = async {
                for n in 0..scale.appends {
                    let (name, data) = crate::raw::encode(n as u64);
                    sqlx::query(sqlx::AssertSqlSafe(sql.clone()))
                        .bind(&stream)
                        .bind(n as i64 + 1)
                        .bind(uuid::Uuid::now_v7())
                        .bind(name)
                        .bind(data)
                        .execute(&mut pg)
                        .await
                        .expect("inserts");
                }
            };
            figures.push(rate(scale.appends, work).await);
        }
    }
    rounds
}

/// With group commit beside without; with many tasks, beside the best number of connections without.
async fn beside_alone(scale: &Scale, tasks: usize) -> Rounds {
    const BEST_OF: [usize; 3] = [8, 16, 32];
    let side = side(32).await;
    let events = scale.appends * 4;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        let ours = appends(&side.together, format!("{round}"), tasks, events / tasks);
        rounds.ours.push(rate(events / tasks * tasks, ours).await);
        let numbers: &[usize] = if tasks == 1 { &[1] } else { &BEST_OF };
        let mut best = 0.0_f64;
        for number in numbers {
            let alone = appends(&side.alone, format!("alone-{number}-{round}"), *number, events / number);
            best = best.max(rate(events / number * number, alone).await);
        }
        rounds.raw.push(best);
    }
    rounds
}

/// With a millisecond added before each flush, as a disk in a cloud has it; group commit on its one connection
/// beside 32 connections, whose commits the server groups.
async fn slow_disk(scale: &Scale) -> Rounds {
    let side = side(32).await;
    let name = side.database.name();
    let mut pg = raw::connect(side.database.url()).await;
    for setting in ["commit_delay = 1000", "commit_siblings = 0"] {
        let sql = format!("ALTER DATABASE {name} SET {setting}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut pg).await.expect("a slow disk");
    }
    let options = PgOptions::default().connections(32).listen(false);
    let together = PgStore::connect_with(side.database.url(), options.clone()).await.expect("connects");
    let alone = PgStore::connect_with(side.database.url(), options.group_commit(false)).await.expect("connects");
    let each = scale.appends / 32;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        rounds.ours.push(rate(32 * each, appends(&together, format!("{round}"), 32, each)).await);
        rounds.raw.push(rate(32 * each, appends(&alone, format!("alone-{round}"), 32, each)).await);
    }
    rounds
}

async fn beside_copy(scale: &Scale) -> Rounds {
    const COPIED: usize = 20_000;
    let side = side(4).await;
    let mut pg = raw::connect(side.database.url()).await;
    let each = scale.appends * 8 / 256;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        rounds.ours.push(rate(256 * each, appends(&side.together, format!("{round}"), 256, each)).await);
        rounds.raw.push(rate(COPIED, raw::copy_in(&mut pg, round, COPIED)).await);
    }
    rounds
}
