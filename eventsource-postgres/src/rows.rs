//! Rows as events, borrowed from what came over the wire.

use chrono::{DateTime, Utc};
use eventsource_core::{ENCODING_JSON, Position, RawEvent, RawSnapshot, Version};
use sqlx::postgres::{PgRow, PgValueRef};
use sqlx::{Decode, Postgres, Row, ValueRef};
use uuid::Uuid;

/// The row's columns are those of `sql/columns.sql`, in that order. They are taken by number and without a look at
/// their types, which the tables fix. What the server sends costs it most, so what is usual comes as null: an
/// occurred time like the recorded one, version 1, JSON, and the `stream` that a load has asked for.
pub(crate) fn event<'r>(row: &'r PgRow, stream: Option<&'r str>) -> Result<RawEvent<'r>, sqlx::Error> {
    let row = Columns(row);
    let recorded_at = row.get::<DateTime<Utc>>(3)?;
    Ok(RawEvent {
        position: Position(row.get::<i64>(0)? as u64),
        version: Version(row.get::<i64>(1)? as u64),
        occurred_at: row.optional::<DateTime<Utc>>(2)?.unwrap_or(recorded_at),
        recorded_at,
        id: row.get::<Uuid>(4)?,
        schema_version: row.optional::<i32>(5)?.unwrap_or(1) as u32,
        encoding: row.optional::<i16>(6)?.unwrap_or(ENCODING_JSON),
        stream: match stream {
            Some(stream) => stream,
            None => row.get::<&str>(7)?,
        },
        name: row.get::<&str>(8)?,
        data: row.get::<&[u8]>(9)?,
        meta: row.optional::<&[u8]>(10)?,
        correlation_id: row.optional::<Uuid>(11)?,
        causation_id: row.optional::<Uuid>(12)?,
        command_key: row.optional::<&str>(13)?,
    })
}

/// What a row of a load is.
pub(crate) enum Loaded<'r> {
    Snapshot(RawSnapshot<'r>),
    /// The event that carries the command key: its version and metadata.
    Command(Version, Option<&'r [u8]>),
    Event(RawEvent<'r>),
}

/// Only events have a name, and a snapshot has no event id.
pub(crate) fn loaded<'r>(row: &'r PgRow, stream: &'r str) -> Result<Loaded<'r>, sqlx::Error> {
    let columns = Columns(row);
    if !columns.raw(8)?.is_null() {
        return Ok(Loaded::Event(event(row, Some(stream))?));
    }
    if !columns.raw(4)?.is_null() {
        return Ok(Loaded::Command(Version(columns.get::<i64>(1)? as u64), columns.optional(10)?));
    }
    Ok(Loaded::Snapshot(RawSnapshot {
        position: Position(columns.get::<i64>(0)? as u64),
        version: Version(columns.get::<i64>(1)? as u64),
        max_occurred_at: columns.get::<DateTime<Utc>>(2)?,
        encoding: columns.get::<i16>(6)?,
        data: columns.get::<&[u8]>(9)?,
    }))
}

struct Columns<'r>(&'r PgRow);

impl<'r> Columns<'r> {
    fn raw(&self, column: usize) -> Result<PgValueRef<'r>, sqlx::Error> {
        self.0.try_get_raw(column)
    }

    fn get<T: Decode<'r, Postgres>>(&self, column: usize) -> Result<T, sqlx::Error> {
        decode(self.raw(column)?, column)
    }

    fn optional<T: Decode<'r, Postgres>>(&self, column: usize) -> Result<Option<T>, sqlx::Error> {
        let value = self.raw(column)?;
        if value.is_null() { Ok(None) } else { decode(value, column).map(Some) }
    }
}

fn decode<'r, T: Decode<'r, Postgres>>(value: PgValueRef<'r>, column: usize) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(|source| sqlx::Error::ColumnDecode { index: column.to_string(), source })
}
