//! Rows as events, borrowed from what came over the wire.

use chrono::{DateTime, Utc};
use eventsource_core::{BareEvent, BoxError, ENCODING_JSON, Position, RawEvent, RawSnapshot, Version};
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};
use uuid::Uuid;

/// The row's columns are those of `sql/columns.sql`, in that order. They are taken by number and without a look at
/// their types, which the tables fix. What the server sends costs it most, so what is usual comes as null: an
/// occurred time like the recorded one, version 1, JSON, and the `stream` that a load has asked for.
pub(crate) fn event<'r>(row: &'r PgRow, stream: Option<&'r str>) -> Result<RawEvent<'r>, sqlx::Error> {
    let row = Columns(row);
    let recorded_at = row.time(3)?;
    Ok(RawEvent {
        position: Position(row.int8(0)? as u64),
        version: Version(row.int8(1)? as u64),
        occurred_at: row.optional(2, timestamp)?.unwrap_or(recorded_at),
        recorded_at,
        id: uuid(row.required(4)?, 4)?,
        schema_version: row.optional(5, int4)?.unwrap_or(1) as u32,
        encoding: row.optional(6, int2)?.unwrap_or(ENCODING_JSON),
        stream: match stream {
            Some(stream) => stream,
            None => text(row.required(7)?, 7)?,
        },
        name: text(row.required(8)?, 8)?,
        data: row.required(9)?,
        meta: row.bytes(10)?,
        correlation_id: row.optional(11, uuid)?,
        causation_id: row.optional(12, uuid)?,
        command_key: row.optional(13, text)?,
    })
}

/// What a row of a load is; `E` is the event.
pub(crate) enum Loaded<'r, E> {
    Snapshot(RawSnapshot<'r>),
    /// The event that carries the command key: its version and metadata.
    Command(Version, Option<&'r [u8]>),
    Event(E),
}

/// Only events have a name, and a snapshot has no event id.
pub(crate) fn loaded<'r>(row: &'r PgRow, stream: &'r str) -> Result<Loaded<'r, RawEvent<'r>>, sqlx::Error> {
    let columns = Columns(row);
    if columns.bytes(8)?.is_some() {
        return Ok(Loaded::Event(event(row, Some(stream))?));
    }
    if columns.bytes(4)?.is_some() {
        return Ok(Loaded::Command(Version(columns.int8(1)? as u64), columns.bytes(10)?));
    }
    Ok(Loaded::Snapshot(RawSnapshot {
        position: Position(columns.int8(0)? as u64),
        version: Version(columns.int8(1)? as u64),
        max_occurred_at: columns.time(2)?,
        encoding: int2(columns.required(6)?, 6)?,
        data: columns.required(9)?,
    }))
}

/// A row of `sql/load_bare.sql`, of the part before it, or of `sql/load_bare_snapshot.sql`, which is `timed`. Only
/// events have a name, and what carries the command key has no form.
pub(crate) fn bare(row: &PgRow, timed: bool) -> Result<Loaded<'_, BareEvent<'_>>, sqlx::Error> {
    let row = Columns(row);
    let position = Position(row.int8(0)? as u64);
    let version = Version(row.int8(1)? as u64);
    let form = row.optional(2, int8)?;
    let Some(name) = row.bytes(3)? else {
        let Some(encoding) = form else { return Ok(Loaded::Command(version, row.bytes(4)?)) };
        let (encoding, data) = (encoding as i16, row.required(4)?);
        return Ok(Loaded::Snapshot(RawSnapshot { position, version, max_occurred_at: row.time(5)?, encoding, data }));
    };
    // Schema version and encoding in one, because each column costs the server more than its bytes.
    let (schema_version, encoding) = match form {
        Some(form) => (form as u32, (form >> 32) as i16),
        None => (1, ENCODING_JSON),
    };
    let (name, data) = (text(name, 3)?, row.required(4)?);
    let occurred_at = if timed { Some(row.time(5)?) } else { None };
    Ok(Loaded::Event(BareEvent { position, version, name, schema_version, encoding, data, occurred_at }))
}

/// The values of a row, read from their bytes: PostgreSQL's binary format, which every prepared statement answers in.
struct Columns<'r>(&'r PgRow);

impl<'r> Columns<'r> {
    fn bytes(&self, column: usize) -> Result<Option<&'r [u8]>, sqlx::Error> {
        // Looked at where it lies: a value that is moved out of the result is read in other pieces than it has just
        // been written in, for which the processor waits, in each column of each row.
        let value = self.0.try_get_raw(column);
        match &value {
            Ok(value) if value.is_null() => Ok(None),
            Ok(value) => value.as_bytes().map(Some).map_err(|source| undecoded(column, source)),
            Err(_) => value.map(|_| None),
        }
    }

    fn required(&self, column: usize) -> Result<&'r [u8], sqlx::Error> {
        self.bytes(column)?.ok_or_else(|| undecoded(column, "it is null".into()))
    }

    fn optional<T>(
        &self,
        column: usize,
        decode: impl FnOnce(&'r [u8], usize) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, sqlx::Error> {
        self.bytes(column)?.map(|bytes| decode(bytes, column)).transpose()
    }

    fn int8(&self, column: usize) -> Result<i64, sqlx::Error> {
        int8(self.required(column)?, column)
    }

    fn time(&self, column: usize) -> Result<DateTime<Utc>, sqlx::Error> {
        timestamp(self.required(column)?, column)
    }
}

fn array<const N: usize>(bytes: &[u8], column: usize) -> Result<[u8; N], sqlx::Error> {
    bytes.try_into().map_err(|_| undecoded(column, format!("it has {} bytes instead of {N}", bytes.len()).into()))
}

fn int8(bytes: &[u8], column: usize) -> Result<i64, sqlx::Error> {
    array(bytes, column).map(i64::from_be_bytes)
}

fn int4(bytes: &[u8], column: usize) -> Result<i32, sqlx::Error> {
    array(bytes, column).map(i32::from_be_bytes)
}

fn int2(bytes: &[u8], column: usize) -> Result<i16, sqlx::Error> {
    array(bytes, column).map(i16::from_be_bytes)
}

fn uuid(bytes: &[u8], column: usize) -> Result<Uuid, sqlx::Error> {
    array(bytes, column).map(Uuid::from_bytes)
}

fn text(bytes: &[u8], column: usize) -> Result<&str, sqlx::Error> {
    std::str::from_utf8(bytes).map_err(|source| undecoded(column, source.into()))
}

/// From the beginning of 1970 to that of 2000, where PostgreSQL's times begin.
const EPOCH: i64 = 946_684_800_000_000;

fn timestamp(bytes: &[u8], column: usize) -> Result<DateTime<Utc>, sqlx::Error> {
    let time = int8(bytes, column)?.checked_add(EPOCH).and_then(DateTime::from_timestamp_micros);
    time.ok_or_else(|| undecoded(column, "it is a time that no calendar here has".into()))
}

fn undecoded(column: usize, source: BoxError) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_string(), source }
}
