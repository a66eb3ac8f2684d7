//! What the statements leave: the same work by the store's own statements, with nothing of the store around them.
//!
//! Each stands beside a scenario of the same name without `limit-`, and has its bound. Where the limit misses it, the
//! store cannot reach it.

use std::sync::Arc;

use eventsource::postgres::PgOptions;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row, query};
use uuid::Uuid;

use super::command::LENGTH;
use super::{raw, raw_bytes, read, server};
use crate::book::by_hand::{apply, encode};
use crate::book::domain::{Account, nth, snapshots};
use crate::book::scenario::Bound::AtLeast;
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::Sides;
use crate::book::work::{APPENDS, COMMANDS, EVENTS, LOADS};

pub fn all() -> Vec<Scenario> {
    const COMMAND: &str = "`SELECT` and `INSERT`; ours: the store's statements alone, on as many connections";
    const APPEND: &str = "an `INSERT` for each; ours: the store's statement alone, on as many connections";
    const SNAPSHOT: &str = "`SELECT 1`; ours: the shortest statement that fetches these rows";
    const REPLAY: &str = "`COPY` in binary form; ours: the store's statement alone";
    let command = |tasks: usize| {
        let name = format!("postgres/limit-command-1@{tasks}");
        Scenario::new(name, COMMANDS, AtLeast(1.0), COMMAND, move |scale| on_connections(scale, tasks, Work::Command))
    };
    let append = |scale| on_connections(scale, 32, Work::Append);
    vec![
        Scenario::new("postgres/limit-append-alone@32", APPENDS, AtLeast(0.80), APPEND, append),
        command(1),
        command(8),
        Scenario::new("postgres/limit-load-snapshot-and-10", LOADS, AtLeast(1.0 / 1.4), SNAPSHOT, load_snapshot),
        Scenario::new("postgres/limit-replay", EVENTS, AtLeast(0.85), REPLAY, replay),
    ]
}

#[derive(Clone, Copy)]
enum Work {
    Append,
    Command,
}

/// On as many connections as there are tasks, beside what the scenario itself stands beside.
async fn on_connections(scale: Scale, tasks: usize, work: Work) -> Sides {
    let database = server::database().await;
    server::store(&database, PgOptions::default().listen(false)).await;
    raw::create_tables(database.url()).await;
    let connections = raw::connections(database.url(), tasks).await;
    let statements = Arc::new(Statements::new());
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let limit = sides.ours.on(round, &connections, |mut pg, task, mut laps| {
            let (statements, label) = (statements.clone(), format!("account-limit-{}-{task}", round.number));
            async move {
                for n in laps.by_ref() {
                    let stream = format!("{label}-{}", n / LENGTH);
                    match work {
                        Work::Append => statements.append(&mut pg, &stream, n % LENGTH, n).await,
                        Work::Command => statements.command(&mut pg, &stream, n).await,
                    }
                }
                laps
            }
        });
        limit.await;
        let by_hand = sides.raw.on(round, &connections, |mut pg, task, mut laps| {
            let label = format!("account-{}-{task}", round.number);
            async move {
                for n in laps.by_ref() {
                    let stream = format!("{label}-{}", n / LENGTH);
                    match work {
                        Work::Append => raw_bytes::insert(&mut pg, &stream, n % LENGTH, 1).await,
                        Work::Command => raw::command(&mut pg, &stream, n, 1).await,
                    }
                }
                laps
            }
        });
        by_hand.await;
    }
    sides
}

/// The store's own, for events without metadata.
struct Statements {
    append: String,
    load: String,
    page: String,
}

impl Statements {
    fn new() -> Self {
        let form = include_str!("../../../eventsource-postgres/src/sql/form.sql").trim();
        let as_found = include_str!("../../../eventsource-postgres/src/sql/as_found.sql").trim();
        let fill = |text: &str| {
            let text = text.replace("{form}", form).replace("{as_found}", as_found);
            text.replace("{es}", "eventsource").replace("{keyed}", "")
        };
        let columns = include_str!("../../../eventsource-postgres/src/sql/columns.sql").replace("{stream}", "stream");
        Self {
            append: fill(include_str!("../../../eventsource-postgres/src/sql/append_one.sql")),
            load: fill(include_str!("../../../eventsource-postgres/src/sql/load_bare.sql")),
            page: format!("SELECT {columns} FROM eventsource.events WHERE position > $1 ORDER BY position LIMIT $2"),
        }
    }

    /// Behind so many events of the stream.
    async fn append(&self, pg: &mut PgConnection, stream: &str, before: u64, n: u64) {
        let (name, data) = encode(&nth(n));
        query(AssertSqlSafe(&*self.append))
            .bind(stream)
            .bind("account")
            .bind(before as i64)
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
        let (mut account, mut version) = (Account::default(), 0_i64);
        {
            let mut rows = query(AssertSqlSafe(&*self.load)).bind(stream).bind(0_i64).fetch(&mut *pg);
            while let Some(row) = rows.try_next().await.expect("a row") {
                version = row.get(1);
                apply(&mut account, row.get(3), row.get(4));
            }
        }
        std::hint::black_box(account.cents);
        self.append(pg, stream, version as u64, n).await;
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
