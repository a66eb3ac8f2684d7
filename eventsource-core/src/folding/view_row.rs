//! The calls that derived rows are made of: fields to columns, and back.

use chrono::Datelike as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::words::column::{ColumnValue, Row};
use crate::words::error::BoxError;

/// A column that cannot be written, or that does not hold what its field can take.
#[derive(Debug)]
#[doc(hidden)]
pub struct ColumnFault {
    pub(crate) column: &'static str,
    pub(crate) reason: BoxError,
}

impl ColumnFault {
    fn new(column: &'static str, reason: impl Into<BoxError>) -> Self {
        Self { column, reason: reason.into() }
    }
}

/// A field as its column holds it. What some store cannot keep is refused by all.
pub fn to_column(column: &'static str, value: ColumnValue) -> Result<ColumnValue, ColumnFault> {
    match &value {
        ColumnValue::Float(number) if number.is_nan() => Err(ColumnFault::new(column, "SQLite keeps no NaN")),
        ColumnValue::Time(time) if !(0..=9999).contains(&time.year()) => {
            Err(ColumnFault::new(column, format!("SQLite keeps times of the years 0 to 9999, not {time}")))
        }
        ColumnValue::Text(text) if text.contains('\0') => {
            Err(ColumnFault::new(column, "PostgreSQL keeps no U+0000 in text"))
        }
        _ => Ok(value),
    }
}

/// A type whose values are kept as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept as JSON in a column",
    label = "serde cannot write and read it",
    note = "write above the type: #[derive(Serialize, Deserialize)]"
)]
pub trait JsonColumn: Sized {
    /// A field whose column holds JSON; `null` is kept as nothing.
    fn to_json_column(&self, column: &'static str) -> Result<ColumnValue, ColumnFault>;

    /// The field that the JSON was made of.
    fn from_json_column(json: &str) -> Result<Self, serde_json::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> JsonColumn for T {
    fn to_json_column(&self, column: &'static str) -> Result<ColumnValue, ColumnFault> {
        match serde_json::to_string(self) {
            Ok(json) if json == "null" => Ok(ColumnValue::Null),
            Ok(json) if has_nul(&json) => Err(ColumnFault::new(column, "PostgreSQL keeps no U+0000 in JSON")),
            Ok(json) => Ok(ColumnValue::Json(json)),
            Err(error) => Err(ColumnFault::new(column, error)),
        }
    }

    fn from_json_column(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// Whether an escaped U+0000 stands in the JSON, which is not the same as an escaped backslash before `u0000`.
fn has_nul(json: &str) -> bool {
    let backslashes = |text: &str| text.bytes().rev().take_while(|byte| *byte == b'\\').count();
    json.match_indices("\\u0000").any(|(at, _)| backslashes(&json[..at]) % 2 == 0)
}

/// The columns of a row, taken one after another.
#[derive(Debug)]
pub struct Columns(std::vec::IntoIter<ColumnValue>);

impl Columns {
    /// Of one row.
    pub fn of(row: Row) -> Self {
        Self(row.into_iter())
    }

    /// The next one, as the field of that name.
    pub fn take<T>(
        &mut self,
        column: &'static str,
        from_column: fn(ColumnValue) -> Result<T, ColumnValue>,
    ) -> Result<T, ColumnFault> {
        from_column(self.next(column)?).map_err(|value| ColumnFault::new(column, format!("it holds {value:?}")))
    }

    /// The next one, which holds JSON.
    pub fn take_json<T>(
        &mut self,
        column: &'static str,
        from_json: fn(&str) -> Result<T, serde_json::Error>,
    ) -> Result<T, ColumnFault> {
        let json = match self.next(column)? {
            ColumnValue::Json(json) => json,
            ColumnValue::Null => "null".to_owned(),
            other => return Err(ColumnFault::new(column, format!("it holds {other:?}"))),
        };
        from_json(&json).map_err(|error| ColumnFault::new(column, error))
    }

    fn next(&mut self, column: &'static str) -> Result<ColumnValue, ColumnFault> {
        self.0.next().ok_or_else(|| ColumnFault::new(column, "the row ends before it"))
    }
}

#[cfg(test)]
mod tests {
    use crate::words::column_type::ColumnType;

    use super::*;

    #[test]
    fn what_some_store_cannot_keep_is_refused() {
        assert!(to_column("rate", f64::NAN.into_column()).is_err());
        assert!(to_column("rate", f64::INFINITY.into_column()).is_ok());
        assert!(to_column("name", "a\0".to_owned().into_column()).is_err());
        assert!(to_column("at", chrono::DateTime::<chrono::Utc>::MAX_UTC.into_column()).is_err());
        assert!("\0".to_owned().to_json_column("names").is_err());
        assert!("\\\0".to_owned().to_json_column("names").is_err());
        assert!("\\u0000".to_owned().to_json_column("names").is_ok());
    }

    #[test]
    fn json_comes_back_and_null_is_nothing() {
        assert_eq!(None::<Vec<u8>>.to_json_column("tags").unwrap(), ColumnValue::Null);
        let row = vec![ColumnValue::Null, vec![1, 2].to_json_column("tags").unwrap(), ColumnValue::Int(1)];
        let mut columns = Columns::of(row);
        assert_eq!(columns.take_json("tags", <Option<Vec<u8>>>::from_json_column).unwrap(), None);
        assert_eq!(columns.take_json("tags", <Vec<u8>>::from_json_column).unwrap(), [1, 2]);
        let another = columns.take_json("tags", <Vec<u8>>::from_json_column).unwrap_err();
        assert_eq!(another.reason.to_string(), "it holds Int(1)");
        assert_eq!(columns.take("more", i64::from_column).unwrap_err().column, "more");
    }
}
