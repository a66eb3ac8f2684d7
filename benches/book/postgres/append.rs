//! Appends.

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::Database;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{BEST_OF, raw, raw_bytes, server};
use crate::book::by_hand::encode;
use crate::book::domain::nth;
use crate::book::owner;
use crate::book::scenario::Bound::{self, AtLeast, Unsaid};
use crate::book::scenario::{Round, Scale, Scenario};
use crate::book::sides::{Side, Sides, best};
use crate::book::work::{self, APPENDS, TASKS};

pub fn all() -> Vec<Scenario> {
    let appends = [1, 10].into_iter().flat_map(|events| TASKS.map(|tasks| append(events, tasks)));
    let mut all: Vec<Scenario> = appends.collect();
    all.extend([
        alone(8),
        alone(32),
        Scenario::new("postgres/floor", APPENDS, AtLeast(0.92), "the same `INSERT` without the floor", floor),
        group_commit(1, AtLeast(0.95), "the same without group commit"),
        group_commit(32, AtLeast(2.0), "without group commit, on the best of 8, 16 and 32 connections"),
        group_commit(256, AtLeast(4.0), "without group commit, on the best of 8, 16 and 32 connections"),
        Scenario::new(
            "postgres/group-commit-slow-disk@32",
            APPENDS,
            AtLeast(0.90),
            "without group commit, on 32 connections; a flush takes 1 ms more on both sides",
            slow_disk,
        ),
        Scenario::new(
            "postgres/group-commit-copy@256",
            APPENDS,
            AtLeast(0.45),
            "`COPY`, 20,000 rows a commit",
            beside_copy,
        ),
    ]);
    all
}

/// As a store is opened, beside as many connections as there are tasks, or as serve best.
fn append(events: u64, tasks: usize) -> Scenario {
    let bound = if (events, tasks) == (1, 1) { AtLeast(0.72) } else { Unsaid };
    let beside = match tasks {
        256 => "an `INSERT` for each, on the best of 8, 16 and 32 connections",
        _ => "an `INSERT` for each, on as many connections",
    };
    let name = format!("postgres/append-{events}@{tasks}");
    let run = move |scale| beside_inserts(scale, Group::Commits, tasks, events);
    Scenario::new(name, APPENDS, bound, beside, run).counted()
}

/// Without group commit, on as many connections on both sides.
fn alone(tasks: usize) -> Scenario {
    let beside = "an `INSERT` for each, on as many connections; no group commit on either side";
    let run = move |scale| beside_inserts(scale, Group::None, tasks, 1);
    Scenario::new(format!("postgres/append-alone@{tasks}"), APPENDS, AtLeast(0.80), beside, run)
}

fn group_commit(tasks: usize, bound: Bound, beside: &'static str) -> Scenario {
    let name = format!("postgres/group-commit@{tasks}");
    Scenario::new(name, APPENDS, bound, beside, move |scale| beside_alone(scale, tasks))
}

#[derive(Clone, Copy, PartialEq)]
enum Group {
    Commits,
    None,
}

async fn beside_inserts(scale: Scale, group: Group, tasks: usize, events: u64) -> Sides {
    let database = server::database().await;
    let options = match group {
        Group::Commits => PgOptions::default(),
        Group::None => PgOptions::default().connections(tasks as u32).group_commit(false),
    };
    let store = server::store(&database, options.listen(false)).await;
    // What could be done by hand as well, where many wait.
    let is_batching = group == Group::Commits && tasks > 8;
    raw::create_tables(database.url()).await;
    let counts = if tasks == 256 { BEST_OF.to_vec() } else { vec![tasks] };
    let mut pg = raw::connect(database.url()).await;
    let connections = raw::connections(database.url(), counts[counts.len() - 1]).await;
    let writer = raw_bytes::writer(raw::connect(database.url()).await);
    let mut ours = Side::rate();
    let mut raw: Vec<Side> = counts.iter().map(|_| Side::rate()).collect();
    let mut batching = Side::rate();
    for round in scale.rounds() {
        work::appends(&mut ours, round, &store, ("", tasks), events).await;
        for (side, count) in raw.iter_mut().zip(&counts) {
            let by_hand = side.on(round, &connections[..*count], |mut pg, task, mut laps| {
                let stream = format!("account-raw-{count}-{}-{task}", round.number);
                async move {
                    for n in laps.by_ref() {
                        raw_bytes::insert(&mut pg, &stream, n * events, events).await;
                    }
                    laps
                }
            });
            by_hand.await;
        }
        if is_batching {
            owner::appends(&mut batching, round, &writer, ("", tasks), events).await;
        }
    }
    let inserted: u64 = raw.iter().map(|side| side.operations * events).sum();
    assert_eq!(raw::rows(&mut pg, "eventsource.events").await, ours.operations * events + inserted);
    assert_eq!(raw::rows(&mut pg, "raw_bytes").await, batching.operations * events);
    let others =
        is_batching.then_some(("a task that writes what waits by one `INSERT`", batching)).into_iter().collect();
    Sides { ours, raw: best(raw), others }
}

struct Stores {
    database: Database,
    together: PgStore,
    alone: PgStore,
}

async fn stores() -> Stores {
    let database = server::database().await;
    let options = PgOptions::default().connections(32).listen(false);
    let together = server::store(&database, options.clone()).await;
    let alone = server::store(&database, options.group_commit(false)).await;
    Stores { database, together, alone }
}

/// The lock alone: the same insert with and without it.
async fn floor(scale: Scale) -> Sides {
    let stores = stores().await;
    let connection = raw::connections(stores.database.url(), 1).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        for (lock, side) in [("eventsource.take_turn()", &mut sides.ours), ("1", &mut sides.raw)] {
            let sql = format!(
                "WITH turn AS MATERIALIZED (SELECT {lock}) \
                 INSERT INTO eventsource.events (stream, version, category, event_id, name, schema_version, encoding, \
                 data, occurred_at, recorded_at) SELECT $1, $2, 'account', $3, $4, 1, 0, $5, now(), now() FROM turn"
            );
            let stream = format!("account-{lock}-{}", round.number);
            let inserts = side.on(round, &connection, |mut pg, _, mut laps| {
                let (sql, stream) = (sql.clone(), stream.clone());
                async move {
                    for n in laps.by_ref() {
                        let (name, data) = encode(&nth(n));
                        let insert = sqlx::query(AssertSqlSafe(sql.clone())).bind(&stream).bind(n as i64 + 1);
                        let insert = insert.bind(Uuid::now_v7()).bind(name).bind(data);
                        insert.execute(&mut *pg).await.expect("inserts");
                    }
                    laps
                }
            });
            inserts.await;
        }
    }
    sides
}

/// With group commit beside without; with many tasks, beside the best number of connections without.
async fn beside_alone(scale: Scale, tasks: usize) -> Sides {
    let stores = stores().await;
    let counts: &[usize] = if tasks == 1 { &[1] } else { &BEST_OF };
    let mut ours = Side::rate();
    let mut raw: Vec<Side> = counts.iter().map(|_| Side::rate()).collect();
    for round in scale.rounds() {
        work::appends(&mut ours, round, &stores.together, ("", tasks), 1).await;
        for (side, count) in raw.iter_mut().zip(counts) {
            work::appends(side, round, &stores.alone, (&format!("alone-{count}"), *count), 1).await;
        }
    }
    Sides::of(ours, best(raw))
}

/// With a millisecond added before each flush, as a disk in a cloud has it; group commit on its one connection
/// beside 32 connections, whose commits the server groups.
async fn slow_disk(scale: Scale) -> Sides {
    let stores = stores().await;
    let (name, url) = (stores.database.name(), stores.database.url());
    let mut pg = raw::connect(url).await;
    for setting in ["commit_delay = 1000", "commit_siblings = 0"] {
        let sql = format!("ALTER DATABASE {name} SET {setting}");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut pg).await.expect("a slow disk");
    }
    let options = PgOptions::default().connections(32).listen(false);
    let together = PgStore::connect_with(url, options.clone()).await.expect("connects");
    let alone = PgStore::connect_with(url, options.group_commit(false)).await.expect("connects");
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::appends(&mut sides.ours, round, &together, ("", 32), 1).await;
        work::appends(&mut sides.raw, round, &alone, ("alone", 32), 1).await;
    }
    sides
}

async fn beside_copy(scale: Scale) -> Sides {
    let copied = scale.replayed / 10;
    let stores = stores().await;
    let mut pg = raw::connect(stores.database.url()).await;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::appends(&mut sides.ours, round, &stores.together, ("", 256), 1).await;
        let copy = async { raw_bytes::copy_in(&mut pg, round.number, copied).await };
        sides.raw.whole(round, copied, copy).await;
    }
    sides
}

/// Appends to active streams, for those that ask what a large table costs.
pub async fn appends(side: &mut Side, round: Round, store: &PgStore) {
    work::appends(side, round, store, ("", 8), 1).await;
}
