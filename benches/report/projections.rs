//! Events folded into tables, beside the same work by hand: page, decode, the touched rows, a folded upsert, the checkpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::postgres::{PgOptions, PgStore};
use eventsource::sqlite::SqliteStore;
use eventsource::{
    Activity, BoxError, EventStore, Fold, Import, Projection, Projections, Recorded, View, ViewStore, ViewTable, copy,
};
use eventsource_test_cluster::Database;
use sqlx::{PgConnection, Row, SqliteConnection, query, raw_sql};
use tokio::sync::oneshot;

use crate::domain::{AccountEvent, Deposited, Withdrawn};
use crate::measure::{Bound, Rounds, Scale, Scenario, folder, rate};
use crate::postgres::{raw as by_hand, server};
use crate::raw;
use crate::scenarios::{append, stream};

pub fn all() -> Vec<Scenario> {
    let scenario = |name, store, bound, run| Scenario { name, store, tasks: 1, unit: "events/s", bound, run };
    vec![
        scenario("project-view", "sqlite", Bound::RateAtLeast(0.75), |scale| Box::pin(view_on_sqlite(scale))),
        scenario("project-view", "postgres", Bound::RateAtLeast(0.75), |scale| Box::pin(view_on_postgres(scale))),
        scenario("project-view-one-by-one", "postgres", Bound::RateAtLeast(60.0), |scale| {
            Box::pin(view_beside_one_by_one(scale))
        }),
        scenario("project-custom", "postgres", Bound::RateAtLeast(0.85), |scale| Box::pin(custom(scale))),
        Scenario {
            unit: "events/s, raw is the limit",
            ..scenario("rebuild", "postgres", Bound::RateAtLeast(1.0), |scale| Box::pin(rebuild(scale)))
        },
    ]
}

/// Accounts whose events lie between each other.
const ACCOUNTS: usize = 20_000;
/// Events of one batch, on both sides.
const BATCH: usize = 1_000;
/// Events of a round of those that send a statement for each.
const FEW: usize = 10_000;
/// And of those that commit each.
const VERY_FEW: usize = 1_000;
/// The same for a custom projection.
const CUSTOM_BATCH: usize = 500;

#[derive(View, Clone)]
#[view(name = "balances", version = 1, events(Deposited, Withdrawn))]
struct Balance {
    #[view(key = stream)]
    account: String,
    cents: i64,
    count: i64,
}

impl Balance {
    fn moved(account: &str, row: Option<Self>, cents: i64) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self { account: account.to_owned(), cents: 0, count: 0 });
        Some(Self { cents: row.cents + cents, count: row.count + 1, ..row })
    }
}

impl Fold<Deposited> for Balance {
    fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
        Self::moved(account, row, deposited.event.cents as i64)
    }
}

impl Fold<Withdrawn> for Balance {
    fn fold(account: &String, row: Option<Self>, withdrawn: &Recorded<Withdrawn>) -> Option<Self> {
        Self::moved(account, row, -(withdrawn.event.cents as i64))
    }
}

/// The view of the release after, with a column more.
#[derive(View, Clone)]
#[view(name = "balances", version = 2, events(Deposited, Withdrawn))]
struct Wider {
    #[view(key = stream)]
    account: String,
    cents: i64,
    count: i64,
    greatest: i64,
}

impl Wider {
    fn moved(account: &str, row: Option<Self>, cents: i64) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self { account: account.to_owned(), cents: 0, count: 0, greatest: 0 });
        let greatest = row.greatest.max(cents);
        Some(Self { cents: row.cents + cents, count: row.count + 1, greatest, ..row })
    }
}

impl Fold<Deposited> for Wider {
    fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
        Self::moved(account, row, deposited.event.cents as i64)
    }
}

impl Fold<Withdrawn> for Wider {
    fn fold(account: &String, row: Option<Self>, withdrawn: &Recorded<Withdrawn>) -> Option<Self> {
        Self::moved(account, row, -(withdrawn.event.cents as i64))
    }
}

/// Fills a store with events whose neighbours belong to other accounts.
async fn fill(store: &impl Import, events: usize) {
    let source = MemoryStore::new();
    for n in 0..events {
        append(&source, stream(n % ACCOUNTS), (n / ACCOUNTS) as u64, n as u64).await;
    }
    let copied = copy(&source, store).await.expect("copies");
    assert_eq!(copied.stored, events as u64);
}

/// Serves an empty table, so that those that are built beside it can be dropped.
async fn serve_another(store: &impl ViewStore) {
    let ViewTable { name, columns, key, .. } = Balance::TABLE;
    let other = ViewTable::new(name, 9, columns, key);
    store.create_view(&other).await.expect("makes a view");
    store.serve_view(&other).await.expect("serves");
}

/// Builds a view from the first event to the last, and drops it again.
async fn build<V: View>(store: &(impl ViewStore + Clone), events: usize) -> f64 {
    let projections = Projections::new(store).view::<V>().batch(BATCH).switch_by_hand();
    let statuses = projections.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let built = rate(events, async {
        let running = tokio::spawn(projections.run(async {
            let _ = stopped.await;
        }));
        while statuses.all().iter().any(|status| status.activity != Activity::Live) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(statuses.all()[0].handled, events as u64);
        drop(stop);
        running.await.expect("does not panic").expect("runs");
    });
    let built = built.await;
    for held in store.held_views(V::TABLE.name).await.expect("lists").iter().filter(|held| held.is(&V::TABLE)) {
        store.drop_view(held).await.expect("drops");
    }
    built
}

/// What the rows of a view become by a page of events.
#[derive(Default)]
struct Rows(BTreeMap<String, (i64, i64)>);

fn cents(event: &AccountEvent) -> i64 {
    match event {
        AccountEvent::Deposited(event) => event.cents as i64,
        AccountEvent::Withdrawn(event) => -(event.cents as i64),
    }
}

impl Rows {
    fn fold(&mut self, events: Vec<(String, AccountEvent)>) {
        for (account, event) in events {
            let row = self.0.entry(account).or_default();
            *row = (row.0 + cents(&event), row.1 + 1);
        }
    }
}

fn account(stream: &str) -> String {
    stream.strip_prefix("account-").expect("an account").to_owned()
}

async fn store_on_postgres(events: usize) -> (Database, PgStore, PgConnection) {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    fill(&store, events).await;
    let mut pg = by_hand::connect(database.url()).await;
    let tables =
        "CREATE TABLE raw_view (account text COLLATE \"C\" PRIMARY KEY, cents bigint NOT NULL, count bigint NOT NULL);
                  CREATE TABLE raw_checkpoint (name text PRIMARY KEY, position bigint NOT NULL);
                  INSERT INTO raw_checkpoint VALUES ('balances', 0)";
    raw_sql(tables).execute(&mut pg).await.expect("raw tables");
    raw_sql("VACUUM ANALYZE").execute(&mut pg).await.expect("vacuums");
    (database, store, pg)
}

async fn view_on_postgres(scale: &Scale) -> Rounds {
    let (_database, store, mut pg) = store_on_postgres(scale.replayed).await;
    serve_another(&store).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        rounds.ours.push(build::<Balance>(&store, scale.replayed).await);
        raw_sql("TRUNCATE raw_view").execute(&mut pg).await.expect("truncates");
        rounds.raw.push(rate(scale.replayed, raw_postgres(&mut pg)).await);
    }
    rounds
}

/// The events behind a position that an account has, decoded.
async fn page_of_postgres(pg: &mut PgConnection, after: &mut i64, limit: usize) -> Vec<(String, AccountEvent)> {
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
        (account(row.get(1)), raw::decode(row.get(2), row.get(3)))
    };
    rows.iter().map(event).collect()
}

async fn raw_postgres(pg: &mut PgConnection) {
    let mut after = 0;
    loop {
        let events = page_of_postgres(pg, &mut after, BATCH).await;
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
        let page = page_of_postgres(pg, &mut after, CUSTOM_BATCH).await;
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

async fn view_beside_one_by_one(scale: &Scale) -> Rounds {
    let (_database, store, mut pg) = store_on_postgres(scale.replayed).await;
    serve_another(&store).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        rounds.ours.push(build::<Balance>(&store, scale.replayed).await);
        rounds.raw.push(rate(VERY_FEW, raw_one_by_one(&mut pg, VERY_FEW, 1)).await);
    }
    rounds
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

async fn custom(scale: &Scale) -> Rounds {
    let (_database, store, mut pg) = store_on_postgres(FEW).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let forget = "DELETE FROM eventsource.checkpoints WHERE name = 'adding'";
        raw_sql(forget).execute(&mut pg).await.expect("forgets");
        let projections = Projections::new(&store).projection(Adding).batch(CUSTOM_BATCH);
        let statuses = projections.statuses();
        let (stop, stopped) = oneshot::channel::<()>();
        let ours = rate(FEW, async {
            let running = tokio::spawn(projections.run(async {
                let _ = stopped.await;
            }));
            while statuses.all()[0].handled < FEW as u64 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(stop);
            running.await.expect("does not panic").expect("runs");
        });
        rounds.ours.push(ours.await);
        rounds.raw.push(rate(FEW, raw_one_by_one(&mut pg, FEW, CUSTOM_BATCH)).await);
    }
    rounds
}

/// A view is built beside the one that serves and is kept current.
async fn rebuild(scale: &Scale) -> Rounds {
    const LIMIT: f64 = 100_000.0;
    let (_database, store, _) = store_on_postgres(scale.replayed).await;
    let old = Projections::new(&store).view::<Balance>();
    let statuses = old.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(old.run(async {
        let _ = stopped.await;
    }));
    while statuses.all()[0].activity != Activity::Live {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        rounds.ours.push(build::<Wider>(&store, scale.replayed).await);
        rounds.raw.push(LIMIT);
    }
    drop(stop);
    running.await.expect("does not panic").expect("runs");
    rounds
}

async fn view_on_sqlite(scale: &Scale) -> Rounds {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    fill(&store, scale.replayed).await;
    serve_another(&store).await;
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    raw::fill_spread(&mut connection, scale.replayed, ACCOUNTS).await;
    let tables = "CREATE TABLE raw_view (account TEXT PRIMARY KEY, cents INTEGER NOT NULL, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
                  CREATE TABLE raw_checkpoint (name TEXT PRIMARY KEY, position INTEGER NOT NULL);
                  INSERT INTO raw_checkpoint VALUES ('balances', 0)";
    raw_sql(tables).execute(&mut connection).await.expect("raw tables");
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        rounds.ours.push(build::<Balance>(&store, scale.replayed).await);
        raw_sql("DELETE FROM raw_view").execute(&mut connection).await.expect("deletes");
        rounds.raw.push(rate(scale.replayed, raw_sqlite(&mut connection)).await);
    }
    store.close().await.expect("closes");
    rounds
}

async fn raw_sqlite(connection: &mut SqliteConnection) {
    let mut after: i64 = 0;
    loop {
        let page =
            query("SELECT position, stream, name, data FROM events WHERE position > ?1 ORDER BY position LIMIT ?2");
        let page = page.bind(after).bind(BATCH as i64).fetch_all(&mut *connection).await.expect("a raw page");
        if page.is_empty() {
            return;
        }
        let event = |row: &sqlx::sqlite::SqliteRow| {
            after = row.get(0);
            (account(row.get(1)), raw::decode(row.get(2), row.get(3)))
        };
        let events: Vec<(String, AccountEvent)> = page.iter().map(event).collect();
        let keys: std::collections::BTreeSet<&str> = events.iter().map(|(account, _)| account.as_str()).collect();
        let keys = serde_json::to_string(&keys).expect("keys");
        query("BEGIN IMMEDIATE").execute(&mut *connection).await.expect("begins");
        let there =
            query("SELECT account, cents, count FROM raw_view WHERE account IN (SELECT value FROM json_each(?1))");
        let there = there.bind(keys).fetch_all(&mut *connection).await.expect("raw rows");
        let mut rows = Rows(there.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect());
        rows.fold(events);
        let mut rows: Vec<(String, (i64, i64))> = rows.0.into_iter().collect();
        while !rows.is_empty() {
            let rest = rows.split_off(256.min(1 << rows.len().ilog2()));
            let sql = format!(
                "INSERT INTO raw_view (account, cents, count) VALUES {} \
                 ON CONFLICT (account) DO UPDATE SET cents = excluded.cents, count = excluded.count",
                vec!["(?,?,?)"; rows.len()].join(",")
            );
            let statement = rows.into_iter().fold(query(sqlx::AssertSqlSafe(sql)), |statement, (account, row)| {
                statement.bind(account).bind(row.0).bind(row.1)
            });
            statement.execute(&mut *connection).await.expect("raw upsert");
            rows = rest;
        }
        let checkpoint = query("UPDATE raw_checkpoint SET position = ?1 WHERE name = 'balances'").bind(after);
        checkpoint.execute(&mut *connection).await.expect("raw checkpoint");
        query("COMMIT").execute(&mut *connection).await.expect("commits");
    }
}
