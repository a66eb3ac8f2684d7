//! New events as rows.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use eventsource_core::backend::NewRow;
use eventsource_core::{AppendRequest, StoreError, Version};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, query};

use crate::error::explain;

/// A row with its place, waiting for its statement.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The request and the write to which it belongs, and its place in the write.
    pub(crate) request: usize,
    pub(crate) write: usize,
    pub(crate) ordinal: u64,
    pub(crate) version: Version,
    pub(crate) position: i64,
    pub(crate) recorded_at: i64,
}

/// Rows of one statement at most. Statements have powers of two of rows, so there are nine of them to prepare.
const SIZES: usize = 9;

const COLUMNS: &str = "INSERT INTO events (position, stream, version, category, event_id, name, schema_version, \
     encoding, data, meta, correlation_id, causation_id, occurred_at, recorded_at, command_key) VALUES ";
const ROW: &str = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/// Inserts rows in order. Versions and positions were fixed while the write lock is held.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    file: &str,
    requests: &[&AppendRequest],
    mut rows: &[Placed],
) -> Result<(), StoreError> {
    let mut texts = Texts::default();
    while !rows.is_empty() {
        let exponent = (rows.len().ilog2() as usize).min(SIZES - 1);
        let (chunk, rest) = rows.split_at(1 << exponent);
        let mut statement = query(AssertSqlSafe(STATEMENTS[exponent].clone()));
        let mut at = chunk;
        // Rows of one write follow each other, so its iterator is made once for each run of them.
        while let Some(first) = at.first() {
            let same = at.iter().take_while(|row| (row.request, row.write) == (first.request, first.write)).count();
            let (run, others) = at.split_at(same);
            let request = requests[first.request];
            let new_rows = request.rows(first.write).skip(first.ordinal as usize - 1);
            for (placed, new) in run.iter().zip(new_rows) {
                statement = bind(statement, request, placed, new, &mut texts);
            }
            at = others;
        }
        statement.execute(&mut *connection).await.map_err(|error| explain(file, error))?;
        rows = rest;
    }
    Ok(())
}

static STATEMENTS: LazyLock<[Arc<str>; SIZES]> =
    LazyLock::new(|| std::array::from_fn(|exponent| sql(1 << exponent).into()));

fn sql(rows: usize) -> String {
    let mut sql = String::with_capacity(COLUMNS.len() + rows * (ROW.len() + 1));
    sql.push_str(COLUMNS);
    sql.push_str(ROW);
    for _ in 1..rows {
        sql.push(',');
        sql.push_str(ROW);
    }
    sql
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

fn bind<'q>(
    statement: Statement<'q>,
    request: &AppendRequest,
    placed: &Placed,
    row: NewRow<'_>,
    texts: &mut Texts,
) -> Statement<'q> {
    let stream = &request.writes[placed.write].stream;
    let event = row.event;
    statement
        .bind(placed.position)
        .bind(stream.to_shared())
        .bind(placed.version.0 as i64)
        .bind(texts.shared(stream.category()))
        .bind(event.id.as_bytes().to_vec())
        .bind(texts.shared(&event.name))
        .bind(event.schema_version)
        .bind(event.encoding)
        .bind(event.data.clone())
        .bind(row.meta)
        .bind(event.metadata.correlation_id.map(|id| id.as_bytes().to_vec()))
        .bind(event.metadata.causation_id.map(|id| id.as_bytes().to_vec()))
        .bind(event.occurred_at.map_or(placed.recorded_at, |time: DateTime<Utc>| time.timestamp_micros()))
        .bind(placed.recorded_at)
        .bind(row.command_key.map(|key| key.into_owned()))
}

/// Categories and names that come again and again, so that they are not copied for each row.
#[derive(Default)]
struct Texts(Vec<Arc<str>>);

/// Enough for what one batch brings; more would be searched for longer than copied.
const TEXTS: usize = 16;

impl Texts {
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        if self.0.len() < TEXTS {
            self.0.push(text.clone());
        }
        text
    }
}
