//! Rows of views on their way to SQLite and back.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use eventsource_core::{ColumnKind, ColumnValue, Row, RowChanges, StoreError, ViewTable};
use serde_json::Value;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite};
use uuid::Uuid;

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// `2024-02-29T12:00:00.000042Z`: as in `event_log`, and in order as text.
fn time_text(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) fn bind<'q>(statement: Statement<'q>, value: &'q ColumnValue) -> Statement<'q> {
    match value {
        ColumnValue::Bool(value) => statement.bind(i64::from(*value)),
        ColumnValue::Int(value) => statement.bind(*value),
        ColumnValue::Float(value) => statement.bind(*value),
        ColumnValue::Text(text) | ColumnValue::Decimal(text) | ColumnValue::Json(text) => statement.bind(&**text),
        ColumnValue::Uuid(id) => statement.bind(id.hyphenated().to_string()),
        ColumnValue::Time(time) => statement.bind(time_text(time)),
        _ => statement.bind(None::<i64>),
    }
}

/// Keys as one JSON array, with the values that they have in the table.
pub(crate) fn keys_json(keys: &[ColumnValue]) -> String {
    let key = |key: &ColumnValue| match key {
        ColumnValue::Bool(value) => Value::from(i64::from(*value)),
        ColumnValue::Int(value) => Value::from(*value),
        ColumnValue::Text(text) => Value::from(&**text),
        ColumnValue::Uuid(id) => Value::from(id.hyphenated().to_string()),
        ColumnValue::Time(time) => Value::from(time_text(time)),
        _ => Value::Null,
    };
    Value::Array(keys.iter().map(key).collect()).to_string()
}

/// A row whose columns are all those of the table, in their order.
pub(crate) fn read_row(file: &str, table: &ViewTable, row: &SqliteRow) -> Result<Row, StoreError> {
    let read = |(at, column): (usize, &eventsource_core::Column)| {
        read(column.kind, row, at).ok_or_else(|| {
            let name = table.table_name();
            StoreError::corrupt(format!("{file}: table {name}: a value of column {} is damaged", column.name))
        })
    };
    table.columns.iter().enumerate().map(read).collect()
}

fn read(kind: ColumnKind, row: &SqliteRow, at: usize) -> Option<ColumnValue> {
    if let ColumnKind::Bool | ColumnKind::Int = kind {
        let Some(number) = row.try_get::<Option<i64>, _>(at).ok()? else { return Some(ColumnValue::Null) };
        return Some(if kind == ColumnKind::Int { ColumnValue::Int(number) } else { ColumnValue::Bool(number != 0) });
    }
    if kind == ColumnKind::Float {
        return Some(row.try_get::<Option<f64>, _>(at).ok()?.map_or(ColumnValue::Null, ColumnValue::Float));
    }
    let Some(text) = row.try_get::<Option<String>, _>(at).ok()? else { return Some(ColumnValue::Null) };
    Some(match kind {
        ColumnKind::Uuid => ColumnValue::Uuid(Uuid::try_parse(&text).ok()?),
        ColumnKind::Time => ColumnValue::Time(DateTime::parse_from_rfc3339(&text).ok()?.to_utc()),
        ColumnKind::Decimal => ColumnValue::Decimal(text),
        ColumnKind::Json => ColumnValue::Json(text),
        _ => ColumnValue::Text(text),
    })
}

/// Fails for a value that would not come back as it was.
pub(crate) fn check(table: &ViewTable, changes: &RowChanges) -> Result<(), StoreError> {
    let refuse = |key: &ColumnValue, at: usize, why: &str| {
        let (name, column) = (table.table_name(), table.columns[at].name);
        Err(StoreError::invalid(format!("table {name}: column {column} of the row {key:?} holds {why}")))
    };
    for row in &changes.written {
        for (at, value) in row.iter().enumerate() {
            match value {
                ColumnValue::Float(number) if number.is_nan() => {
                    return refuse(table.key_of(row), at, "NaN, which SQLite cannot keep");
                }
                ColumnValue::Time(time) if !(0..=9999).contains(&time.year()) => {
                    return refuse(
                        table.key_of(row),
                        at,
                        "a time outside of the years 0 to 9999, which are kept as text",
                    );
                }
                _ => {}
            }
        }
    }
    Ok(())
}
