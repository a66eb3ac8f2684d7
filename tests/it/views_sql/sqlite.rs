//! Views in a SQLite file.

use std::path::Path;
use std::time::Duration;

use eventsource::sqlite::SqliteStore;
use eventsource::{
    AppendRequest, ColumnValue, EventStore, ExpectedVersion, HeldView, NewEvent, RowChanges, StreamId, ViewStore,
};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, query};

use super::tables::*;

async fn shell(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
}

async fn text(shell: &mut SqliteConnection, sql: &str) -> String {
    query(AssertSqlSafe(sql.to_owned())).fetch_one(shell).await.unwrap().get(0)
}

#[tokio::test]
async fn people_with_sqlite3_read_and_join_the_rows_of_a_view() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create_view(&ACCOUNTS).await.unwrap();
    write(&store, &ACCOUNTS, vec![account("a", Some("Ünal"), 5), account("b", None, -1)], 1).await.unwrap();
    store.serve_view(&ACCOUNTS).await.unwrap();
    let request = AppendRequest::new(
        StreamId::new("account", "a").unwrap(),
        ExpectedVersion::Any,
        vec![NewEvent::new("opened", 1, b"{}".to_vec()).with_occurred_at(since())],
    );
    store.append(request.into()).await.unwrap();
    let mut shell = shell(&path).await;
    let all = "SELECT group_concat(concat_ws('|', account, owner, cents, open, rate, tag, since, exact, extra), ' ') \
               FROM (SELECT * FROM accounts ORDER BY account)";
    let tag = "00000000-0000-0000-0000-000000000007";
    let rest = format!("1|1.5|{tag}|2024-02-29T12:00:00.000042Z|12.50|{{\"a\": [1, null]}}");
    assert_eq!(text(&mut shell, all).await, format!("a|Ünal|5|{rest} b|-1|{rest}"));
    // Times are those of `event_log`, and keys the ids of streams.
    let joined = "SELECT aggregate_id || owner FROM accounts JOIN event_log \
                  ON aggregate_id = account AND occurred_at = since";
    assert_eq!(text(&mut shell, joined).await, "aÜnal");
    let year = "SELECT strftime('%Y', since) || (extra -> 'a' ->> 0) FROM accounts WHERE owner IS NOT NULL";
    assert_eq!(text(&mut shell, year).await, "20241");
    assert!(store.verify().await.unwrap().is_sound());
}

#[tokio::test]
async fn what_sqlite_cannot_keep_is_refused_and_changes_nothing() {
    let store = SqliteStore::in_memory().await.unwrap();
    store.create_view(&ACCOUNTS).await.unwrap();
    write(&store, &ACCOUNTS, vec![account("kept", None, 5)], 1).await.unwrap();
    refuses(&store, 4, ColumnValue::Float(f64::NAN), "NaN").await;
    let late = chrono::DateTime::from_timestamp(253_402_300_800, 0).unwrap();
    refuses(&store, 6, ColumnValue::Time(late), "years 0 to 9999").await;
}

#[tokio::test]
async fn a_view_is_refused_where_something_else_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let events = eventsource::ViewTable::new("events", 1, ACCOUNTS.columns, 0);
    let error = store.create_view(&events).await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("of the name events"), "{error}");
    let mut shell = shell(&path).await;
    for foreign in ["TABLE Accounts (x)", "VIEW accounts AS SELECT 7 AS x"] {
        query(AssertSqlSafe(format!("CREATE {foreign}"))).execute(&mut shell).await.unwrap();
        let error = store.create_view(&ACCOUNTS).await.unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("of the name accounts"), "{error}");
        let kind = foreign.split(' ').next().unwrap();
        query(AssertSqlSafe(format!("DROP {kind} accounts"))).execute(&mut shell).await.unwrap();
    }
    // It may also come when the table is there already.
    store.create_view(&ACCOUNTS).await.unwrap();
    query("CREATE VIEW accounts AS SELECT 7 AS x").execute(&mut shell).await.unwrap();
    assert!(store.serve_view(&ACCOUNTS).await.unwrap_err().is_invalid());
    assert_eq!(text(&mut shell, "SELECT x || '' FROM accounts").await, "7");
    let table = ACCOUNTS.fingerprint();
    assert_eq!(store.held_views("accounts").await.unwrap(), [HeldView::new("accounts", 1, table, false)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_file_see_one_version_or_the_other_while_it_is_switched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for (table, cents) in [(&ACCOUNTS, 1), (&ACCOUNTS_V2, 2)] {
        store.create_view(table).await.unwrap();
        let rows = (0..100).map(|id| account(&format!("{id:03}"), None, cents)).collect();
        write(&store, table, rows, 1).await.unwrap();
        store.serve_view(table).await.unwrap();
    }
    let reader = tokio::spawn(async move {
        let mut shell = shell(&path).await;
        let (mut seen, mut reads) = (std::collections::BTreeSet::new(), 0);
        while seen.len() < 2 || reads < 200 {
            let row = query("SELECT count(*), min(cents), max(cents) FROM accounts").fetch_one(&mut shell).await;
            let (count, min, max): (i64, i64, i64) = row.map(|row| (row.get(0), row.get(1), row.get(2))).unwrap();
            assert_eq!((count, min), (100, max));
            seen.insert(min);
            reads += 1;
        }
    });
    while !reader.is_finished() {
        store.serve_view(&ACCOUNTS).await.unwrap();
        store.serve_view(&ACCOUNTS_V2).await.unwrap();
    }
    reader.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_caller_went_away_is_there_wholly_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("views.db")).await.unwrap();
    store.create_view(&ACCOUNTS).await.unwrap();
    for round in 1..60 {
        let rows = (0..300).map(|id| account(&format!("{id:03}"), None, round as i64)).collect();
        let writing = write(&store, &ACCOUNTS, rows, round);
        let _ = tokio::time::timeout(Duration::from_micros(200 * round), writing).await;
        // An append comes after the rollback, and is not lost with it.
        let event = NewEvent::new("opened", 1, b"{}".to_vec());
        let request = AppendRequest::new(StreamId::new("account", "a").unwrap(), ExpectedVersion::Any, vec![event]);
        store.append(request.into()).await.unwrap();
        let (rows, checkpoint) = state(&store, &ACCOUNTS).await;
        let position = checkpoint.map_or(0, |checkpoint| checkpoint.cursor.position.0);
        assert_eq!(rows.len(), if position == 0 { 0 } else { 300 });
        assert!(rows.iter().all(|row| row[2] == ColumnValue::Int(position as i64)), "in round {round}");
    }
    assert_eq!(store.verify().await.unwrap().events, 59);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_go_on_while_rows_are_written_without_a_break() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("views.db")).await.unwrap();
    store.create_view(&ACCOUNTS).await.unwrap();
    let rows: Vec<_> = (0..500).map(|id| account(&format!("{id:03}"), None, 1)).collect();
    let changes = RowChanges::new(rows, Vec::new());
    let (mut batches, mut appends) = (0, 0);
    let writing = async {
        for position in 1..=40 {
            store.write_rows(&ACCOUNTS, &changes, at(&store, position)).await.unwrap();
            batches += 1;
        }
    };
    let appending = async {
        loop {
            let event = NewEvent::new("opened", 1, b"{}".to_vec());
            let stream = StreamId::new("account", "a").unwrap();
            store.append(AppendRequest::new(stream, ExpectedVersion::Any, vec![event]).into()).await.unwrap();
            appends += 1;
        }
    };
    tokio::select! {
        () = writing => {}
        () = appending => {}
    }
    assert_eq!(batches, 40);
    // They take turns.
    assert!(appends >= 20, "{appends} appends beside {batches} batches");
}

#[tokio::test]
async fn a_file_whose_view_has_lost_its_table_is_not_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("views.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create_view(&ACCOUNTS).await.unwrap();
    let drop = format!("DROP TABLE {}", ACCOUNTS.table_name());
    query(AssertSqlSafe(drop)).execute(&mut shell(&path).await).await.unwrap();
    let found = store.verify().await.unwrap();
    assert_eq!(found.problems[0].to_string(), "view accounts: the table of version 1 is missing");
}
