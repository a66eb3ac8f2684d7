//! New events as rows.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use eventsource_core::backend::{ImportedRow, NewRow};
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
    /// Whether the columns that may be null all are.
    pub(crate) plain: bool,
}

impl Placed {
    /// Whether the row needs none of the columns that most rows leave empty.
    pub(crate) fn is_plain(row: &NewRow<'_>) -> bool {
        let metadata = &row.event.metadata;
        row.meta.is_none()
            && row.command_key.is_none()
            && metadata.correlation_id.is_none()
            && metadata.causation_id.is_none()
    }
}

/// Statements have powers of two of rows, 256 at most, so there are nine of each form to prepare.
const SIZES: usize = 9;

/// The columns of a row and as many places for values. Most rows are plain, and a value that is null costs as much
/// as another: a third of the time that it takes to bind a row.
struct Form {
    columns: &'static str,
    values: &'static str,
}

const PLAIN: Form = Form {
    columns: "position, stream, version, category, event_id, name, schema_version, encoding, data, \
              occurred_at, recorded_at",
    values: "(?,?,?,?,?,?,?,?,?,?,?)",
};
const FULL: Form = Form {
    columns: "position, stream, version, category, event_id, name, schema_version, encoding, data, \
              occurred_at, recorded_at, meta, correlation_id, causation_id, command_key",
    values: "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
};

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
        let plain = chunk.iter().all(|row| row.plain);
        let statements = if plain { &PLAIN_STATEMENTS } else { &FULL_STATEMENTS };
        let mut statement = query(AssertSqlSafe(statements[exponent].clone()));
        let mut at = chunk;
        // Rows of one write follow each other, so its iterator is made once for each run of them.
        while let Some(first) = at.first() {
            let same = at.iter().take_while(|row| (row.request, row.write) == (first.request, first.write)).count();
            let (run, others) = at.split_at(same);
            let request = requests[first.request];
            let new_rows = request.rows(first.write).skip(first.ordinal as usize - 1);
            for (placed, new) in run.iter().zip(new_rows) {
                statement = bind(statement, request, placed, &new, &mut texts);
                if !plain {
                    statement = bind_rest(statement, new);
                }
            }
            at = others;
        }
        statement.execute(&mut *connection).await.map_err(|error| explain(file, error))?;
        rows = rest;
    }
    Ok(())
}

/// The statement that inserts one row, and another one behind it in the same hop: its values are to be bound next.
pub(crate) fn insert_one_and(then: &str, requests: &[&AppendRequest], placed: &Placed) -> Statement<'static> {
    let request = requests[placed.request];
    let new = request.rows(placed.write).nth(placed.ordinal as usize - 1);
    let statements = if placed.plain { &PLAIN_STATEMENTS } else { &FULL_STATEMENTS };
    let mut statement = query(AssertSqlSafe(format!("{}; {then}", statements[0])));
    if let Some(new) = new {
        statement = bind(statement, request, placed, &new, &mut Texts::default());
        if !placed.plain {
            statement = bind_rest(statement, new);
        }
    }
    statement
}

/// Inserts another store's events, in order of position.
pub(crate) async fn insert_imported(
    connection: &mut SqliteConnection,
    file: &str,
    mut rows: &[ImportedRow<'_>],
) -> Result<(), StoreError> {
    let mut texts = Texts::default();
    while !rows.is_empty() {
        let exponent = (rows.len().ilog2() as usize).min(SIZES - 1);
        let (chunk, rest) = rows.split_at(1 << exponent);
        let mut statement = query(AssertSqlSafe(FULL_STATEMENTS[exponent].clone()));
        for row in chunk {
            statement = bind_imported(statement, row, &mut texts)?;
        }
        statement.execute(&mut *connection).await.map_err(|error| explain(file, error))?;
        rows = rest;
    }
    Ok(())
}

type Statements = LazyLock<[Arc<str>; SIZES]>;

static PLAIN_STATEMENTS: Statements = LazyLock::new(|| std::array::from_fn(|exponent| sql(&PLAIN, 1 << exponent)));
static FULL_STATEMENTS: Statements = LazyLock::new(|| std::array::from_fn(|exponent| sql(&FULL, 1 << exponent)));

fn sql(form: &Form, rows: usize) -> Arc<str> {
    let Form { columns, values } = form;
    let values = vec![*values; rows].join(",");
    // A failure ends the transaction, as it would anyway. An INSERT of several rows that could be undone alone would
    // make SQLite copy each page that it touches.
    format!("INSERT OR ROLLBACK INTO events ({columns}) VALUES {values}").into()
}

pub(crate) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

fn bind<'q>(
    statement: Statement<'q>,
    request: &AppendRequest,
    placed: &Placed,
    row: &NewRow<'_>,
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
        .bind(event.occurred_at.map_or(placed.recorded_at, |time: DateTime<Utc>| time.timestamp_micros()))
        .bind(placed.recorded_at)
}

fn bind_rest<'q>(statement: Statement<'q>, row: NewRow<'_>) -> Statement<'q> {
    let metadata = &row.event.metadata;
    statement
        .bind(row.meta)
        .bind(metadata.correlation_id.map(|id| id.as_bytes().to_vec()))
        .bind(metadata.causation_id.map(|id| id.as_bytes().to_vec()))
        .bind(row.command_key.map(|key| key.into_owned()))
}

fn bind_imported<'q>(
    statement: Statement<'q>,
    row: &ImportedRow<'_>,
    texts: &mut Texts,
) -> Result<Statement<'q>, StoreError> {
    let ImportedRow { position, stream, event } = row;
    let position = i64::try_from(position.0).map_err(|_| {
        StoreError::invalid(format!("position {position} of stream {stream} is beyond what SQLite counts"))
    })?;
    Ok(statement
        .bind(position)
        .bind(stream.to_shared())
        .bind(event.version.0 as i64)
        .bind(texts.shared(stream.category()))
        .bind(event.id.as_bytes().to_vec())
        .bind(texts.shared(event.name))
        .bind(event.schema_version)
        .bind(event.encoding)
        .bind(event.data.to_vec())
        .bind(event.occurred_at.timestamp_micros())
        .bind(event.recorded_at.timestamp_micros())
        .bind(event.meta.map(<[u8]>::to_vec))
        .bind(event.correlation_id.map(|id| id.as_bytes().to_vec()))
        .bind(event.causation_id.map(|id| id.as_bytes().to_vec()))
        .bind(event.command_key.map(str::to_owned)))
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
