//! On SQLite.

use std::collections::BTreeSet;

use eventsource::EventStore;
use eventsource::sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, query, raw_sql};

use super::{ACCOUNTS, BATCH, Balance, Rows, account, build, fill, serve_another};
use crate::book::by_hand::decode;
use crate::book::domain::AccountEvent;
use crate::book::scenario::Scale;
use crate::book::sides::Sides;
use crate::book::sqlite::raw;
use crate::book::system::folder;

pub async fn view(scale: Scale) -> Sides {
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
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        build::<Balance>(&mut sides.ours, round, &store, scale.replayed).await;
        raw_sql("DELETE FROM raw_view").execute(&mut connection).await.expect("deletes");
        sides.raw.whole(round, scale.replayed, by_hand(&mut connection)).await;
    }
    store.close().await.expect("closes");
    sides
}

async fn by_hand(connection: &mut SqliteConnection) {
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
            (account(row.get(1)), decode(row.get(2), row.get(3)))
        };
        let events: Vec<(String, AccountEvent)> = page.iter().map(event).collect();
        let keys: BTreeSet<&str> = events.iter().map(|(account, _)| account.as_str()).collect();
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
            let statement = rows.into_iter().fold(query(AssertSqlSafe(sql)), |statement, (account, row)| {
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
