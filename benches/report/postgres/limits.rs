//! What the statements leave: the same work by the store's own statements, with nothing of the store around them.
//!
//! Each stands beside a scenario of the same name without `limit-`, and has its bound. Where the limit misses it, the
//! store cannot reach it.

use std::sync::Arc;

use eventsource::Apply;
use eventsource::postgres::PgOptions;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row, query};
use uuid::Uuid;

use super::{raw, read, server};
use crate::domain::{Account, Deposited, Withdrawn, snapshots};
use crate::measure::{Bound, Rounds, Scale, Scenario, micros_each, rate};

pub fn all() -> Vec<Scenario> {
    let scenario = |name, tasks, unit, bound, run| Scenario { name, store: "postgres", tasks, unit, bound, run };
    vec![
        scenario("limit-append-alone", 32, "events/s", Bound::RateAtLeast(0.80), |scale| {
            Box::pin(on_connections(scale, 32, Work::Append))
        }),
        scenario("limit-command", 1, "commands/s", Bound::RateAtLeast(1.0), |scale| {
            Box::pin(on_connections(scale, 1, Work::Command))
        }),
        scenario("limit-command", 8, "commands/s", Bound::RateAtLeast(1.0), |scale| {
            Box::pin(on_connections(scale, 8, Work::Command))
        }),
        scenario("limit-snapshot-and-10", 1, "µs", Bound::TimeAtMost(1.4), |scale| Box::pin(load_snapshot(scale))),
        scenario("limit-replay", 1, "events/s", Bound::RateAtLeast(0.85), |scale| Box::pin(replay(scale))),
    ]
}

#[derive(Clone, Copy)]
enum Work {
    Append,
    Command,
}

/// Events of a stream before the next is taken, as in `command`.
const LENGTH: usize = 10;

/// On as many connections as there are tasks, beside what the scenario itself stands beside.
async fn on_connections(scale: &Scale, tasks: usize, work: Work) -> Rounds {
    let database = server::database().await;
    server::store(&database, PgOptions::default().listen(false)).await;
    raw::create_tables(database.url()).await;
    let mut connections = Vec::new();
    for _ in 0..tasks {
        connections.push(raw::connect(database.url()).await);
    }
    let each = scale.appends * 2 / tasks;
    let statements = Arc::new(Statements::new());
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        for figures in [Side::Limit, Side::Raw] {
            let running = connections.drain(..).enumerate().map(|(task, mut pg)| {
                let statements = statements.clone();
                tokio::spawn(async move {
                    for n in 0..each {
                        let stream = format!("account-{}-{round}-{task}-{}", figures as u8, n / LENGTH);
                        let (version, n) = ((n % LENGTH) as i64 + 1, n as u64);
                        match (work, figures) {
                            (Work::Append, Side::Limit) => statements.append(&mut pg, &stream, version, n).await,
                            (Work::Append, Side::Raw) => raw::insert_bytes(&mut pg, &stream, version, n).await,
                            (Work::Command, Side::Limit) => statements.command(&mut pg, &stream, n).await,
                            (Work::Command, Side::Raw) => raw::command(&mut pg, &stream, n, 1).await,
                        }
                    }
                    pg
                })
            });
            let running: Vec<_> = running.collect();
            let all = async {
                for task in running {
                    connections.push(task.await.expect("a task of the benchmark"));
                }
            };
            let rate = rate(tasks * each, all).await;
            match figures {
                Side::Limit => rounds.ours.push(rate),
                Side::Raw => rounds.raw.push(rate),
            }
        }
    }
    rounds
}

#[derive(Clone, Copy)]
enum Side {
    Limit,
    Raw,
}

/// The store's own, for events without metadata.
struct Statements {
    append: String,
    load: String,
    page: String,
}

impl Statements {
    fn new() -> Self {
        let fill = |text: &str| text.replace("{es}", "eventsource").replace("{keyed}", "");
        let columns = include_str!("../../../eventsource-postgres/src/sql/columns.sql").replace("{stream}", "stream");
        Self {
            append: fill(include_str!("../../../eventsource-postgres/src/sql/append_one.sql")),
            load: fill(include_str!("../../../eventsource-postgres/src/sql/load_bare.sql")),
            page: format!("SELECT {columns} FROM eventsource.events WHERE position > $1 ORDER BY position LIMIT $2"),
        }
    }

    async fn append(&self, pg: &mut PgConnection, stream: &str, version: i64, n: u64) {
        let (name, data) = crate::raw::encode(n);
        query(AssertSqlSafe(&*self.append))
            .bind(stream)
            .bind("account")
            .bind(version - 1)
            .bind(Uuid::now_v7())
            .bind(name)
            .bind(1_i32)
            .bind(0_i16)
            .bind(data)
            .bind(None::<&[u8]>)
            .bind(None::<Uuid>)
            .bind(None::<Uuid>)
            .bind(None::<chrono::DateTime<chrono::Utc>>)
            .bind(None::<chrono::DateTime<chrono::Utc>>)
            .bind(None::<&str>)
            .bind("1000ms")
            .fetch_one(pg)
            .await
            .expect("a row");
    }

    async fn command(&self, pg: &mut PgConnection, stream: &str, n: u64) {
        let (mut account, mut version) = (Account::default(), 0);
        {
            let mut rows = query(AssertSqlSafe(&*self.load)).bind(stream).bind(0_i64).fetch(&mut *pg);
            while let Some(row) = rows.try_next().await.expect("a row") {
                version = row.get(1);
                let data: &[u8] = row.get(4);
                match row.get(3) {
                    "account.deposited" => account.apply(&serde_json::from_slice::<Deposited>(data).expect("decodes")),
                    "account.withdrawn" => account.apply(&serde_json::from_slice::<Withdrawn>(data).expect("decodes")),
                    other => panic!("unknown event {other}"),
                }
            }
        }
        std::hint::black_box(account.cents);
        self.append(pg, stream, version + 1, n).await;
    }

    /// Every event, page by page, not decoded.
    async fn replay(&self, pg: &mut PgConnection) -> usize {
        const PAGE: usize = 1_000;
        let (mut after, mut all) = (0_i64, 0);
        loop {
            let mut rows = query(AssertSqlSafe(&*self.page)).bind(after).bind(PAGE as i64).fetch(&mut *pg);
            let mut count = 0;
            while let Some(row) = rows.try_next().await.expect("a row") {
                after = row.get(0);
                std::hint::black_box(&row);
                count += 1;
            }
            all += count;
            if count < PAGE {
                return all;
            }
        }
    }
}

async fn replay(scale: &Scale) -> Rounds {
    let (database, _store) = read::side(scale.replayed, 100).await;
    let mut pg = raw::connect(database.url()).await;
    let statements = Statements::new();
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            assert_eq!(statements.replay(&mut pg).await, scale.replayed);
        };
        rounds.ours.push(rate(scale.replayed, ours).await);
        let raw = async {
            assert_eq!(raw::copy_out(&mut pg).await, scale.replayed);
        };
        rounds.raw.push(rate(scale.replayed, raw).await);
    }
    rounds
}

/// The same rows by the shortest statement there is for them, not decoded: what the server and the driver leave.
async fn load_snapshot(scale: &Scale) -> Rounds {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    snapshots::prepare(&store).await;
    let mut pg = raw::connect(database.url()).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let rows = async {
            for _ in 0..scale.loads {
                assert_eq!(fetch_snapshot_and_tail(&mut pg, "account-0").await, 11);
            }
        };
        rounds.ours.push(micros_each(scale.loads, rows).await);
        rounds.raw.push(micros_each(scale.loads, raw::nothing(&mut pg, scale.loads)).await);
    }
    rounds
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
