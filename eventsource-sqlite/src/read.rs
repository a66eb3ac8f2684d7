//! Reading a page of events.

use std::pin::pin;

use chrono::{DateTime, Utc};
use eventsource_core::{Cursor, Page, Position, Read, Scope, StoreError, Visit};
use futures::FutureExt;
use futures::future::FusedFuture;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Row, SqliteConnection, query, query_with};
use uuid::Uuid;

use crate::chunk::Chunk;
use crate::connect::Connections;
use crate::error::explain;
use crate::frame::visit_frames;

/// Reads a page. The head is read first: everything at or below it is visible to the page's own statements.
pub(crate) async fn read(connections: &Connections, read: &Read, visit: Visit<'_>) -> Result<Page, StoreError> {
    let file = &*connections.file;
    let mut reading = connections.read().await?;
    let connection = reading.connection()?;
    let head = cursor_at_or_below(connection, file, Position(i64::MAX as u64)).await?;
    let until = read.until.unwrap_or(head.position).min(head.position);
    let mut last = None;
    let mut count = 0;
    let mut chunks = Chunks { read, until, chunk: Chunk::new() };
    let mut next = chunks.fetch(connection, read.after, read.limit).await.map_err(|error| explain(file, error))?;
    while let Some(fetched) = next.take() {
        count += fetched.events;
        // The next chunk is put together in SQLite's thread while this one is taken apart here.
        let mut ahead = pin!(chunks.fetch(connection, fetched.last, read.limit - count).fuse());
        if fetched.is_full {
            next = (&mut ahead).now_or_never().transpose().map_err(|error| explain(file, error))?.flatten();
        }
        visit_frames(file, fetched.frames(), |event| {
            last = Some(Cursor::new(event.position, event.id));
            visit(event)
        })?;
        if fetched.is_full && next.is_none() && !ahead.is_terminated() {
            next = ahead.await.map_err(|error| explain(file, error))?;
        }
    }
    let at_end = count < read.limit;
    let next = match last {
        // A short page has seen everything up to the head, so the next begins there.
        _ if at_end && until == head.position => head,
        Some(last) => last,
        None => cursor_at_or_below(connection, file, until.max(read.after)).await?,
    };
    Ok(Page::new(next, head.position, count, at_end))
}

/// The last event at or below a position.
async fn cursor_at_or_below(
    connection: &mut SqliteConnection,
    file: &str,
    position: Position,
) -> Result<Cursor, StoreError> {
    let row = query("SELECT position, event_id FROM events WHERE position <= ?1 ORDER BY position DESC LIMIT 1")
        .bind(position.0.min(i64::MAX as u64) as i64)
        .fetch_optional(connection)
        .await
        .map_err(|error| explain(file, error))?;
    let Some(row) = row else { return Ok(Cursor::START) };
    let position: i64 = row.get(0);
    let id = Uuid::from_slice(row.get(1))
        .map_err(|_| StoreError::corrupt(format!("{file}: the event id of position {position} is damaged")))?;
    Ok(Cursor::new(Position(position as u64), id))
}

const FRAMES: &str = concat!(
    "SELECT group_concat(frame, ''), max(position), count(*) FROM (SELECT position, ",
    include_str!("sql/frame.sql"),
    " AS frame FROM events",
);

/// The chunks of a page.
struct Chunks<'r> {
    read: &'r Read,
    until: Position,
    chunk: Chunk,
}

/// A chunk as it comes from SQLite.
struct Fetched {
    row: SqliteRow,
    last: Position,
    events: usize,
    /// Whether there may be more behind it.
    is_full: bool,
}

impl Fetched {
    fn frames(&self) -> &[u8] {
        self.row.get::<Option<&[u8]>, _>(0).unwrap_or_default()
    }
}

impl Chunks<'_> {
    /// The chunk behind a position, if any event is wanted and can be there.
    async fn fetch(
        &mut self,
        connection: &mut SqliteConnection,
        after: Position,
        wanted: usize,
    ) -> Result<Option<Fetched>, sqlx::Error> {
        while after < self.until && wanted > 0 {
            let asked = self.chunk.size(wanted);
            let Statement { sql, arguments } = Statement::new(self.read, after, self.until, asked)?;
            match query_with(AssertSqlSafe(sql), arguments).fetch_one(&mut *connection).await {
                Ok(row) => {
                    let events = row.get::<i64, _>(2) as usize;
                    let last = Position(row.get::<Option<i64>, _>(1).unwrap_or_default() as u64);
                    return Ok(Some(Fetched { row, last, events, is_full: events == asked }));
                }
                Err(error) if self.chunk.shrink_after(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// A page's statement: fixed texts and numbered values, so there are few statements and each is prepared once.
struct Statement {
    sql: String,
    arguments: SqliteArguments,
}

impl Statement {
    fn new(read: &Read, after: Position, until: Position, limit: usize) -> Result<Self, sqlx::Error> {
        let mut statement = Self { sql: FRAMES.to_owned(), arguments: SqliteArguments::default() };
        statement.and(" WHERE position > ", after.0 as i64)?;
        statement.and(" AND position <= ", until.0 as i64)?;
        match &read.scope {
            Scope::All => {}
            Scope::Category(category) => statement.and(" AND category = ", category.to_string())?,
            Scope::Stream(stream) => statement.and(" AND stream = ", stream.as_str().to_owned())?,
        }
        if read.after_version.0 > 0 {
            statement.and(" AND version > ", read.after_version.0.min(i64::MAX as u64) as i64)?;
        }
        if !read.names.is_empty() {
            statement.and(" AND name IN (SELECT value FROM json_each(", serde_json::json!(read.names).to_string())?;
            statement.sql.push_str("))");
        }
        let ranges = [
            (" AND recorded_at >= ", read.recorded.from),
            (" AND recorded_at < ", read.recorded.until),
            (" AND occurred_at >= ", read.occurred.from),
            (" AND occurred_at < ", read.occurred.until),
        ];
        for (clause, time) in ranges {
            if let Some(time) = time {
                statement.and(clause, time.timestamp_micros())?;
            }
        }
        // Versions and positions rise together in a stream; ordering by version lets SQLite use the stream's index.
        let of_stream = matches!(read.scope, Scope::Stream(_));
        statement.sql.push_str(if of_stream { " ORDER BY version" } else { " ORDER BY position" });
        statement.and(" LIMIT ", limit as i64)?;
        statement.sql.push(')');
        Ok(statement)
    }

    fn and<'q, T>(&mut self, clause: &str, value: T) -> Result<(), sqlx::Error>
    where
        T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        self.sql.push_str(clause);
        self.sql.push_str(&format!("?{}", self.arguments.len()));
        Ok(())
    }
}

/// The position before the first event that was recorded after `time`; reads the table in order until it finds one.
pub(crate) async fn position_at(connections: &Connections, time: DateTime<Utc>) -> Result<Position, StoreError> {
    let mut reading = connections.read().await?;
    let row = query(
        "SELECT coalesce((SELECT position - 1 FROM events WHERE recorded_at > ?1 ORDER BY position LIMIT 1), \
                         (SELECT max(position) FROM events), 0)",
    )
    .bind(time.timestamp_micros())
    .fetch_one(reading.connection()?)
    .await
    .map_err(|error| explain(&connections.file, error))?;
    Ok(Position(row.get::<i64, _>(0) as u64))
}
