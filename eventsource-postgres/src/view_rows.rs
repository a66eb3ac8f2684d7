//! Rows of views on their way to PostgreSQL and back: one array for each column.

use chrono::{DateTime, Utc};
use eventsource_core::{Column, ColumnKind, ColumnValue, Row, RowChanges, StoreError, ViewTable};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Binds a column's values as one array, with nulls in it. Decimals and JSON are sent as text.
pub(crate) fn bind_all<'q>(
    statement: Statement<'q>,
    column: &Column,
    values: impl Iterator<Item = &'q ColumnValue>,
) -> Statement<'q> {
    match column.kind {
        ColumnKind::Bool => statement.bind(values.map(as_bool).collect::<Vec<_>>()),
        ColumnKind::Int => statement.bind(values.map(as_int).collect::<Vec<_>>()),
        ColumnKind::Float => statement.bind(values.map(as_float).collect::<Vec<_>>()),
        ColumnKind::Uuid => statement.bind(values.map(as_uuid).collect::<Vec<_>>()),
        ColumnKind::Time => statement.bind(values.map(as_time).collect::<Vec<_>>()),
        _ => statement.bind(values.map(as_text).collect::<Vec<_>>()),
    }
}

/// Binds what changes in a table: the keys of deleted rows, and then column after column.
pub(crate) fn bind_changes<'q>(
    mut statement: Statement<'q>,
    table: &'q ViewTable,
    changes: &'q RowChanges,
) -> Statement<'q> {
    statement = bind_all(statement, &table.columns[table.key], changes.deleted.iter());
    for (at, column) in table.columns.iter().enumerate() {
        statement = bind_all(statement, column, changes.written.iter().map(|row| &row[at]));
    }
    statement
}

/// Binds the columns of one row.
pub(crate) fn bind_row<'q>(statement: Statement<'q>, table: &'q ViewTable, row: &'q Row) -> Statement<'q> {
    table.columns.iter().zip(row).fold(statement, |statement, (column, value)| bind_one(statement, column.kind, value))
}

/// Binds a value by which rows are found, which is never nothing, no decimal and no JSON.
pub(crate) fn bind_bound<'q>(statement: Statement<'q>, value: &'q ColumnValue) -> Statement<'q> {
    let kind = match value {
        ColumnValue::Bool(_) => ColumnKind::Bool,
        ColumnValue::Int(_) => ColumnKind::Int,
        ColumnValue::Float(_) => ColumnKind::Float,
        ColumnValue::Uuid(_) => ColumnKind::Uuid,
        ColumnValue::Time(_) => ColumnKind::Time,
        _ => ColumnKind::Text,
    };
    bind_one(statement, kind, value)
}

/// Binds one value of a column of this kind, or nothing. Decimals and JSON are sent as text.
fn bind_one<'q>(statement: Statement<'q>, kind: ColumnKind, value: &'q ColumnValue) -> Statement<'q> {
    match kind {
        ColumnKind::Bool => statement.bind(as_bool(value)),
        ColumnKind::Int => statement.bind(as_int(value)),
        ColumnKind::Float => statement.bind(as_float(value)),
        ColumnKind::Uuid => statement.bind(as_uuid(value)),
        ColumnKind::Time => statement.bind(as_time(value)),
        _ => statement.bind(as_text(value)),
    }
}

fn as_bool(value: &ColumnValue) -> Option<bool> {
    if let ColumnValue::Bool(value) = value { Some(*value) } else { None }
}

fn as_int(value: &ColumnValue) -> Option<i64> {
    if let ColumnValue::Int(value) = value { Some(*value) } else { None }
}

fn as_float(value: &ColumnValue) -> Option<f64> {
    if let ColumnValue::Float(value) = value { Some(*value) } else { None }
}

fn as_uuid(value: &ColumnValue) -> Option<uuid::Uuid> {
    if let ColumnValue::Uuid(value) = value { Some(*value) } else { None }
}

fn as_time(value: &ColumnValue) -> Option<DateTime<Utc>> {
    if let ColumnValue::Time(value) = value { Some(*value) } else { None }
}

fn as_text(value: &ColumnValue) -> Option<&str> {
    match value {
        ColumnValue::Text(text) | ColumnValue::Decimal(text) | ColumnValue::Json(text) => Some(text),
        _ => None,
    }
}

/// A row as it was selected: all columns in their order, decimals and JSON as text.
pub(crate) fn read_row(table: &ViewTable, row: &PgRow) -> Result<Row, sqlx::Error> {
    read_row_behind(0, table, row)
}

/// The same behind so many columns of something else.
pub(crate) fn read_row_behind(columns: usize, table: &ViewTable, row: &PgRow) -> Result<Row, sqlx::Error> {
    table.columns.iter().enumerate().map(|(at, column)| read(column.kind, row, columns + at)).collect()
}

fn read(kind: ColumnKind, row: &PgRow, at: usize) -> Result<ColumnValue, sqlx::Error> {
    use sqlx::Row;
    let value = match kind {
        ColumnKind::Bool => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Bool),
        ColumnKind::Int => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Int),
        ColumnKind::Float => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Float),
        ColumnKind::Uuid => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Uuid),
        ColumnKind::Time => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Time),
        ColumnKind::Decimal => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Decimal),
        ColumnKind::Json => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Json),
        _ => row.try_get::<Option<_>, _>(at)?.map(ColumnValue::Text),
    };
    Ok(value.unwrap_or(ColumnValue::Null))
}

/// The first value that PostgreSQL cannot keep, once it has said that there is one.
pub(crate) fn unfit(table: &ViewTable, changes: &RowChanges) -> Option<StoreError> {
    let of_rows = changes
        .written
        .iter()
        .flat_map(|row| table.columns.iter().zip(row).map(move |(column, value)| (table.key_of(row), column, value)));
    let of_keys = changes.deleted.iter().map(|key| (key, &table.columns[table.key], key));
    of_rows.chain(of_keys).find_map(|(key, column, value)| {
        let why = why_unfit(value)?;
        let name = table.table_name();
        let message = format!("table {name}: column {} of the row {key:?} holds {why}", column.name);
        Some(StoreError::invalid(message))
    })
}

/// The first year of PostgreSQL's times, 4713 before our era.
const FIRST_YEAR: i32 = -4712;

fn why_unfit(value: &ColumnValue) -> Option<&'static str> {
    match value {
        ColumnValue::Text(text) if text.contains('\0') => Some("U+0000, which PostgreSQL cannot keep"),
        ColumnValue::Time(time) if chrono::Datelike::year(time) < FIRST_YEAR => {
            Some("a time before those of PostgreSQL")
        }
        ColumnValue::Decimal(text) if !is_decimal(text) => Some("what is not a decimal number"),
        ColumnValue::Json(text) if serde_json::from_str::<serde_json::Value>(text).is_err() => Some("what is not JSON"),
        // In JSON a backslash stands in strings only, and two of them are one.
        ColumnValue::Json(text) if text.replace("\\\\", "").contains("\\u0000") => {
            Some("U+0000, which PostgreSQL cannot keep")
        }
        _ => None,
    }
}

/// Digits with a sign, a point and an exponent, or what PostgreSQL calls a number without being one.
fn is_decimal(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
        && text.bytes().all(|byte| !byte.is_ascii_alphabetic() || byte == b'e')
}
