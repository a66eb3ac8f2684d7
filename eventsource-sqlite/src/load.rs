//! Loading one stream: snapshot, tail and command key in one statement.

use eventsource_core::backend::stored_event_count;
use eventsource_core::{
    AsOf, Load, LoadEnd, LoadRow, Position, RawSnapshot, StoreError, StoredCommand, Version, VisitLoad,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query};

use crate::chunk::Chunk;
use crate::connect::Connections;
use crate::error::explain;
use crate::frame::{time, visit_frames};

/// The tail alone, which most commands need.
const TAIL: &str = concat!(
    "SELECT 1 AS kind, group_concat(frame, '') FROM (SELECT ",
    include_str!("sql/frame.sql"),
    " AS frame ",
    include_str!("sql/load_from.sql"),
);

/// Snapshot, command key and tail, as of any moment.
const WITH_SNAPSHOT: &str = concat!(
    include_str!("sql/load_with_snapshot.sql"),
    "SELECT 1, group_concat(frame, ''), 0, 0, 0, 0 FROM (SELECT ",
    include_str!("sql/frame.sql"),
    " AS frame ",
    include_str!("sql/load_from_snapshot.sql"),
);

const SNAPSHOT: i64 = 0;
const EVENTS: i64 = 1;

/// Loads a stream in chunks. A stream only grows at its end, so chunks of several statements fit together.
pub(crate) async fn load(connections: &Connections, load: &Load, visit: VisitLoad<'_>) -> Result<LoadEnd, StoreError> {
    let mut reading = connections.read().await?;
    load_on(&connections.file, reading.connection()?, load, visit).await
}

/// The same on a connection that may be in the middle of a transaction.
pub(crate) async fn load_on(
    file: &str,
    connection: &mut SqliteConnection,
    load: &Load,
    visit: VisitLoad<'_>,
) -> Result<LoadEnd, StoreError> {
    let mut next = Next { load, after: load.after, first: true, chunk: Chunk::new() };
    let mut command = None;
    loop {
        let rows = match next.fetch(connection).await {
            Ok(rows) => rows,
            Err(Failed::Query(error)) if next.chunk.shrink_after(&error) => continue,
            Err(failed) => return Err(failed.explain(file)),
        };
        let mut count = 0;
        // Few rows: the snapshot and the key's event, if any, stand before the value of all events.
        for row in &rows {
            match row.get::<i64, _>(0) {
                SNAPSHOT => visit(LoadRow::Snapshot(snapshot(row)))?,
                EVENTS => {
                    let frames: Option<&[u8]> = row.get(1);
                    count = visit_frames(file, frames.unwrap_or_default(), |event| {
                        next.after = event.version;
                        visit(LoadRow::Event(event))
                    })?;
                }
                _ => command = Some(stored_command(row)?),
            }
        }
        if count < next.chunk.size(usize::MAX) {
            return Ok(LoadEnd::new(command));
        }
        next.first = false;
    }
}

/// The statement for the next chunk.
struct Next<'l> {
    load: &'l Load,
    after: Version,
    first: bool,
    chunk: Chunk,
}

enum Failed {
    Query(sqlx::Error),
    Request(StoreError),
}

impl Failed {
    fn explain(self, file: &str) -> StoreError {
        match self {
            Self::Query(error) => explain(file, error),
            Self::Request(error) => error,
        }
    }
}

impl Next<'_> {
    async fn fetch(&self, connection: &mut SqliteConnection) -> Result<Vec<SqliteRow>, Failed> {
        let load = self.load;
        let (snapshot, key) = if self.first { (&load.snapshot, &load.command_key) } else { (&None, &None) };
        let plain = snapshot.is_none() && key.is_none() && load.as_of.is_none();
        let statement = query(if plain { TAIL } else { WITH_SNAPSHOT })
            .bind(load.stream.as_str())
            .bind(self.after.0 as i64)
            .bind(self.chunk.size(usize::MAX) as i64);
        let statement = if plain {
            statement
        } else {
            let moment = Moment::of(load.as_of).map_err(Failed::Request)?;
            statement
                .bind(snapshot.as_ref().map(|key| key.kind))
                .bind(snapshot.as_ref().map(|key| key.fingerprint as i64))
                .bind(snapshot.as_ref().map(|key| key.revision))
                .bind(key.as_deref())
                .bind(moment.version)
                .bind(moment.position)
                .bind(moment.recorded_at)
                .bind(moment.occurred_at)
        };
        statement.fetch_all(connection).await.map_err(Failed::Query)
    }
}

/// A damaged snapshot is handed on as one without bytes, which nobody can read, so that a replay follows.
fn snapshot(row: &SqliteRow) -> RawSnapshot<'_> {
    let number = |column: usize| row.try_get::<i64, _>(column).unwrap_or_default();
    let max_occurred_at = time(number(5));
    RawSnapshot {
        data: row.try_get(1).ok().filter(|_| max_occurred_at.is_some()).unwrap_or_default(),
        version: Version(number(2) as u64),
        position: Position(number(3) as u64),
        encoding: number(4) as i16,
        max_occurred_at: max_occurred_at.unwrap_or_default(),
    }
}

fn stored_command(row: &SqliteRow) -> Result<StoredCommand, StoreError> {
    let meta: &[u8] = row.get(1);
    let events = stored_event_count(Some(meta).filter(|meta| !meta.is_empty()))?;
    Ok(StoredCommand::new(Version(row.get::<i64, _>(2) as u64), events))
}

/// The moment as four values, of which at most one is not null.
#[derive(Default)]
struct Moment {
    version: Option<i64>,
    position: Option<i64>,
    recorded_at: Option<i64>,
    occurred_at: Option<i64>,
}

impl Moment {
    fn of(as_of: Option<AsOf>) -> Result<Self, StoreError> {
        let mut moment = Self::default();
        match as_of {
            Some(AsOf::Version(version)) => moment.version = Some(version.0.min(i64::MAX as u64) as i64),
            Some(AsOf::Position(position)) => moment.position = Some(position.0.min(i64::MAX as u64) as i64),
            Some(AsOf::RecordedAt(time)) => moment.recorded_at = Some(time.timestamp_micros()),
            Some(AsOf::OccurredAt(time)) => moment.occurred_at = Some(time.timestamp_micros()),
            // A moment that only a later core knows.
            Some(other) => return Err(StoreError::invalid(format!("this store cannot load as of {other:?}"))),
            None => {}
        }
        Ok(moment)
    }
}
