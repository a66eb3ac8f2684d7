//! Rows of views, written with their checkpoint in batches, beside the same by hand.

use std::ops::Range;

use eventsource::postgres::PgOptions;
use eventsource::sqlite::SqliteStore;
use eventsource::{Checkpoint, Column, ColumnType, Cursor, Position, Row, RowChanges, ViewStore, ViewTable};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, query, raw_sql};
use uuid::Uuid;

use super::postgres::server;
use super::scenario::Bound::AtLeast;
use super::scenario::{Scale, Scenario};
use super::sides::Sides;
use super::sqlite::raw;
use super::system::folder;

pub fn all() -> Vec<Scenario> {
    const UPSERT: &str = "one statement for the rows of a batch and the checkpoint";
    vec![
        Scenario::new("sqlite/view-rows", "rows/s", AtLeast(0.85), UPSERT, sqlite),
        Scenario::new("postgres/view-rows", "rows/s", AtLeast(0.85), UPSERT, postgres),
    ]
}

const BALANCES: ViewTable = ViewTable::new(
    "balances",
    1,
    &[Column::of::<String>("account"), Column::of::<String>("owner"), Column::of::<i64>("cents")],
    0,
);

/// Rows of one batch, batches of one round, and rows of the table.
const BATCH: usize = 500;
const BATCHES: usize = 40;
/// As many as a round writes: the first fills the table, and is not measured.
const ROWS: usize = 20_000;

/// The rows of a batch: others than those of the batch before, in order of key.
fn ids(batch: usize) -> Range<usize> {
    let first = batch * BATCH % ROWS;
    first..first + BATCH
}

fn account(id: usize) -> String {
    format!("account-{id:06}")
}

fn rows(batch: usize) -> Vec<Row> {
    let row = |id| {
        let owner = format!("owner of {id}");
        vec![account(id).into_column(), owner.into_column(), (batch as i64).into_column()]
    };
    ids(batch).map(row).collect()
}

async fn ours(store: &impl ViewStore, first: usize) {
    for batch in first..first + BATCHES {
        let cursor = Cursor::new(Position(batch as u64 + 1), Uuid::from_u128(7));
        let changes = RowChanges::new(rows(batch), Vec::new());
        let checkpoint = Checkpoint::new(cursor, store.identity());
        store.write_rows(&BALANCES, &changes, checkpoint).await.expect("writes");
    }
}

async fn postgres(scale: Scale) -> Sides {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    store.create_view(&BALANCES).await.expect("makes a view");
    let mut pg = PgConnection::connect(database.url()).await.expect("connects");
    let tables =
        "CREATE TABLE raw_view (account text COLLATE \"C\" PRIMARY KEY, owner text NOT NULL, cents bigint NOT NULL);
                  CREATE TABLE raw_checkpoint (name text PRIMARY KEY, position bigint NOT NULL);
                  INSERT INTO raw_checkpoint VALUES ('balances', 0)";
    raw_sql(tables).execute(&mut pg).await.expect("raw tables");
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let first = round.number * BATCHES;
        sides.ours.whole(round, BATCHES * BATCH, ours(&store, first)).await;
        let by_hand = async {
            for batch in first..first + BATCHES {
                raw_postgres(&mut pg, batch).await;
            }
        };
        sides.raw.whole(round, BATCHES * BATCH, by_hand).await;
    }
    sides
}

async fn raw_postgres(pg: &mut PgConnection, batch: usize) {
    let accounts: Vec<String> = ids(batch).map(account).collect();
    let owners: Vec<String> = ids(batch).map(|id| format!("owner of {id}")).collect();
    let cents = vec![batch as i64; BATCH];
    query(
        "WITH cp AS (UPDATE raw_checkpoint SET position = $4 WHERE name = 'balances') \
         INSERT INTO raw_view SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) \
         ON CONFLICT (account) DO UPDATE SET owner = excluded.owner, cents = excluded.cents",
    )
    .bind(accounts)
    .bind(owners)
    .bind(cents)
    .bind(batch as i64)
    .execute(pg)
    .await
    .expect("raw upsert");
}

async fn sqlite(scale: Scale) -> Sides {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    store.create_view(&BALANCES).await.expect("makes a view");
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    let tables = "CREATE TABLE raw_view (account TEXT PRIMARY KEY, owner TEXT NOT NULL, cents INTEGER NOT NULL) STRICT, WITHOUT ROWID;
                  CREATE TABLE raw_checkpoint (name TEXT PRIMARY KEY, position INTEGER NOT NULL);
                  INSERT INTO raw_checkpoint VALUES ('balances', 0)";
    raw_sql(tables).execute(&mut connection).await.expect("raw tables");
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let first = round.number * BATCHES;
        sides.ours.whole(round, BATCHES * BATCH, ours(&store, first)).await;
        let by_hand = async {
            for batch in first..first + BATCHES {
                raw_sqlite(&mut connection, batch).await;
            }
        };
        sides.raw.whole(round, BATCHES * BATCH, by_hand).await;
    }
    sides
}

/// All rows in one statement, which is what somebody would write for batches of one size.
async fn raw_sqlite(connection: &mut SqliteConnection, batch: usize) {
    query("BEGIN IMMEDIATE").execute(&mut *connection).await.expect("begins");
    let sql = format!(
        "INSERT INTO raw_view (account, owner, cents) VALUES {} \
         ON CONFLICT (account) DO UPDATE SET owner = excluded.owner, cents = excluded.cents",
        vec!["(?,?,?)"; BATCH].join(",")
    );
    let statement = ids(batch).fold(query(AssertSqlSafe(sql)), |statement, id| {
        statement.bind(account(id)).bind(format!("owner of {id}")).bind(batch as i64)
    });
    statement.execute(&mut *connection).await.expect("raw upsert");
    let checkpoint = query("UPDATE raw_checkpoint SET position = ?1 WHERE name = 'balances'").bind(batch as i64);
    checkpoint.execute(&mut *connection).await.expect("raw checkpoint");
    query("COMMIT").execute(connection).await.expect("commits");
}
