//! Hand-written sqlx with the same settings: the least work that could be correct.

use std::path::Path;

use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, query};
use tokio::sync::mpsc;

use crate::book::by_hand::{Known, RawRow, decode};
use crate::book::owner::{self, Job};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS events (position INTEGER PRIMARY KEY AUTOINCREMENT, \
    stream TEXT NOT NULL, version INTEGER NOT NULL, event_id BLOB NOT NULL, name TEXT NOT NULL, \
    schema_version INTEGER NOT NULL, data BLOB NOT NULL, recorded_at INTEGER NOT NULL, UNIQUE (stream, version)) STRICT";

pub async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-16384")
        .row_buffer_size(1_000);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("raw connection");
    query(TABLE).execute(&mut connection).await.expect("raw table");
    connection
}

/// Inserts rows with one statement; with one row it commits by itself.
pub async fn insert(connection: &mut SqliteConnection, rows: Vec<RawRow>) {
    let mut sql =
        "INSERT INTO events (stream, version, event_id, name, schema_version, data, recorded_at) VALUES ".to_owned();
    sql.push_str(&vec!["(?,?,?,?,1,?,?)"; rows.len()].join(","));
    let mut statement = query(AssertSqlSafe(sql));
    for row in rows {
        statement = statement
            .bind(row.stream)
            .bind(row.version)
            .bind(uuid::Uuid::now_v7().as_bytes().to_vec())
            .bind(row.name)
            .bind(row.data)
            .bind(chrono::Utc::now().timestamp_micros());
    }
    statement.execute(connection).await.expect("raw insert");
}

/// A task that takes all that waits into one transaction of multi-row inserts.
pub fn writer(connection: SqliteConnection) -> mpsc::UnboundedSender<Job> {
    owner::writer(connection, async |mut connection, appends| {
        let mut rows: Vec<RawRow> = appends.into_iter().flatten().collect();
        query("BEGIN IMMEDIATE").execute(&mut connection).await.expect("begin");
        while !rows.is_empty() {
            let size = 64.min(1 << rows.len().ilog2());
            let rest = rows.split_off(size);
            insert(&mut connection, std::mem::replace(&mut rows, rest)).await;
        }
        query("COMMIT").execute(&mut connection).await.expect("commit");
        connection
    })
}

/// Fills a table with streams of `length` events, one behind the other.
pub async fn fill(connection: &mut SqliteConnection, events: usize, length: usize) {
    fill_with(connection, events, |n| (n / length, n % length)).await;
}

/// The same with events of as many accounts between each other.
pub async fn fill_spread(connection: &mut SqliteConnection, events: usize, accounts: usize) {
    fill_with(connection, events, |n| (n % accounts, n / accounts)).await;
}

/// Which stream an event is in, and how many are before it there, says `place`.
async fn fill_with(connection: &mut SqliteConnection, events: usize, place: impl Fn(usize) -> (usize, usize)) {
    query("BEGIN").execute(&mut *connection).await.expect("begin");
    for start in (0..events).step_by(50) {
        let rows = (start..(start + 50).min(events)).map(|n| {
            let (stream, before) = place(n);
            RawRow::new(format!("account-{stream}"), before as i64 + 1, n as u64)
        });
        insert(connection, rows.collect()).await;
    }
    query("COMMIT").execute(connection).await.expect("commit");
}

/// Fetches the rows of a stream without looking into them.
pub async fn fetch_stream(connection: &mut SqliteConnection, stream: &str) -> usize {
    let mut rows = query("SELECT version, name, schema_version, data FROM events WHERE stream = ? ORDER BY version")
        .bind(stream)
        .fetch(connection);
    let mut count = 0;
    while let Some(row) = rows.try_next().await.expect("raw row") {
        std::hint::black_box(&row);
        count += 1;
    }
    count
}

const SAVED: &str =
    "CREATE TABLE snapshots (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, data BLOB NOT NULL) STRICT";

/// A stream of a thousand events with a snapshot of the first 990.
pub async fn fill_saved(connection: &mut SqliteConnection) {
    fill(connection, 1_000, 1_000).await;
    query(SAVED).execute(&mut *connection).await.expect("raw table");
    let saved = query("INSERT INTO snapshots VALUES ('account-0', 990, ?)").bind(br#"{"cents":6600000}"#.as_slice());
    saved.execute(connection).await.expect("raw snapshot");
}

/// Fetches the snapshot and the events behind it in one statement, without looking into them.
pub async fn fetch_saved(connection: &mut SqliteConnection, stream: &str) -> usize {
    let rows = query(
        "SELECT version, NULL AS name, data FROM snapshots WHERE stream = ?1 UNION ALL \
         SELECT version, name, data FROM events WHERE stream = ?1 \
         AND version > (SELECT version FROM snapshots WHERE stream = ?1)",
    );
    let rows = rows.bind(stream).fetch_all(connection).await.expect("raw rows");
    std::hint::black_box(&rows).len()
}

/// Reads all events in pages and decodes them by hand.
pub async fn replay(connection: &mut SqliteConnection, mut each: impl FnMut(Known)) {
    let mut after = 0_i64;
    loop {
        let mut rows = query(
            "SELECT position, stream, version, name, schema_version, data, recorded_at FROM events \
             WHERE position > ? ORDER BY position LIMIT 1000",
        )
        .bind(after)
        .fetch(&mut *connection);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.expect("raw row") {
            let (name, data): (&str, &[u8]) = (row.get(3), row.get(5));
            let event = decode(name, data);
            after = row.get(0);
            let (stream, version, recorded_at) = (row.get(1), row.get(2), row.get(6));
            each(Known { position: after, stream, version, recorded_at, event });
            count += 1;
        }
        if count < 1_000 {
            return;
        }
    }
}

pub async fn count(connection: &mut SqliteConnection) -> u64 {
    let row = query("SELECT count(*) FROM events").fetch_one(connection).await.expect("a count");
    row.get::<i64, _>(0) as u64
}
