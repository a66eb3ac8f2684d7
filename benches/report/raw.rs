//! Hand-written sqlx with the same settings: the least work that could be correct.

use std::path::Path;

use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, query};
use tokio::sync::{mpsc, oneshot};

use crate::domain::{Account, Deposited, Withdrawn, nth};
use eventsource::Apply;

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

pub struct Row1 {
    pub stream: String,
    pub version: i64,
    pub name: &'static str,
    pub data: Vec<u8>,
}

impl Row1 {
    pub fn new(stream: String, version: i64, n: u64) -> Self {
        let (name, data) = encode(n);
        Self { stream, version, name, data }
    }
}

/// Encodes by hand what `nth` makes.
pub fn encode(n: u64) -> (&'static str, Vec<u8>) {
    use crate::domain::AccountEvent::{Deposited, Withdrawn};
    match nth(n) {
        Deposited(event) => ("account.deposited", serde_json::to_vec(&event).expect("encodes")),
        Withdrawn(event) => ("account.withdrawn", serde_json::to_vec(&event).expect("encodes")),
    }
}

/// Inserts rows with one statement; with one row it commits by itself.
pub async fn insert(connection: &mut SqliteConnection, rows: Vec<Row1>) {
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

type Job = (Row1, oneshot::Sender<()>);

/// A task that takes all that waits into one transaction of multi-row inserts.
pub fn writer(mut connection: SqliteConnection) -> mpsc::Sender<Job> {
    let (sender, mut receiver) = mpsc::channel::<Job>(1_024);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while receiver.recv_many(&mut waiting, 512).await > 0 {
            let (mut rows, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
            query("BEGIN IMMEDIATE").execute(&mut connection).await.expect("begin");
            while !rows.is_empty() {
                let size = 64.min(1 << rows.len().ilog2());
                let rest = rows.split_off(size);
                insert(&mut connection, std::mem::replace(&mut rows, rest)).await;
            }
            query("COMMIT").execute(&mut connection).await.expect("commit");
            for answer in answers {
                let _ = answer.send(());
            }
        }
    });
    sender
}

/// Fills a table with streams of `length` events.
pub async fn fill(connection: &mut SqliteConnection, events: usize, length: usize) {
    query("BEGIN").execute(&mut *connection).await.expect("begin");
    for start in (0..events).step_by(50) {
        let rows = (start..(start + 50).min(events))
            .map(|n| Row1::new(format!("account-{}", n / length), (n % length) as i64 + 1, n as u64));
        insert(connection, rows.collect()).await;
    }
    query("COMMIT").execute(connection).await.expect("commit");
}

/// The same with events of as many accounts between each other.
pub async fn fill_spread(connection: &mut SqliteConnection, events: usize, accounts: usize) {
    query("BEGIN").execute(&mut *connection).await.expect("begin");
    for start in (0..events).step_by(50) {
        let rows = (start..(start + 50).min(events))
            .map(|n| Row1::new(format!("account-{}", n % accounts), (n / accounts) as i64 + 1, n as u64));
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

/// An event with what a reader must know of it, decoded by hand.
#[allow(dead_code)]
pub struct Known {
    pub position: i64,
    pub stream: String,
    pub version: i64,
    pub recorded_at: i64,
    pub event: crate::domain::AccountEvent,
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

pub fn decode(name: &str, data: &[u8]) -> crate::domain::AccountEvent {
    match name {
        "account.deposited" => serde_json::from_slice::<Deposited>(data).expect("decodes").into(),
        "account.withdrawn" => serde_json::from_slice::<Withdrawn>(data).expect("decodes").into(),
        other => panic!("unknown event {other}"),
    }
}

/// Decodes and applies by hand.
pub fn fold(events: &[(&'static str, Vec<u8>)]) -> Account {
    let mut account = Account::default();
    for (name, data) in events {
        match *name {
            "account.deposited" => {
                account.apply(&serde_json::from_slice::<Deposited>(data).expect("decodes"));
            }
            "account.withdrawn" => {
                account.apply(&serde_json::from_slice::<Withdrawn>(data).expect("decodes"));
            }
            other => panic!("unknown event {other}"),
        }
    }
    account
}

pub fn encoded(count: u64) -> Vec<(&'static str, Vec<u8>)> {
    (0..count).map(encode).collect()
}
