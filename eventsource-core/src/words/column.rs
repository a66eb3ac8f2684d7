//! The columns of a view's table, and the values in them.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::column_type::ColumnType;

/// What a column holds, in the words that all stores share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColumnKind {
    /// True or false.
    Bool,
    /// A whole number of 64 bits with a sign.
    Int,
    /// A floating-point number of 64 bits.
    Float,
    /// Text in UTF-8. PostgreSQL refuses U+0000 in it.
    Text,
    /// A UUID.
    Uuid,
    /// A time in UTC, in microseconds.
    Time,
    /// An exact decimal number. SQLite has none and keeps its text.
    Decimal,
    /// JSON, for what is not asked for by its parts.
    Json,
}

impl ColumnKind {
    /// A number that never changes, for fingerprints; letters of names are never so small.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Bool => 1,
            Self::Int => 2,
            Self::Float => 3,
            Self::Text => 4,
            Self::Uuid => 5,
            Self::Time => 6,
            Self::Decimal => 7,
            Self::Json => 8,
        }
    }
}

/// A column of a view's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Column {
    /// Its name, that of the field.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may hold nothing.
    pub nullable: bool,
    /// Whether rows are to be found by it.
    pub indexed: bool,
}

impl Column {
    /// The column of a field of type `T`, without an index.
    ///
    /// # Panics
    ///
    /// For an `Option` of an `Option`.
    #[track_caller]
    pub const fn of<T: ColumnType>(name: &'static str) -> Self {
        Self::new(name, T::KIND, T::OPTIONS)
    }

    /// The same of what is known of the type, for the derive: it asks a type in the same words always.
    #[doc(hidden)]
    #[track_caller]
    pub const fn new(name: &'static str, kind: ColumnKind, options: usize) -> Self {
        assert!(options <= 1, "a column cannot tell `Some(None)` from `None`: write one `Option`");
        Self { name, kind, nullable: options == 1, indexed: false }
    }

    /// The column of a field that is kept as JSON, and whose `null` is kept as nothing.
    pub const fn json(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Json, nullable: true, indexed: false }
    }

    /// The same column with an index.
    ///
    /// # Panics
    ///
    /// For [`ColumnKind::Decimal`], which SQLite cannot put in order, and for [`ColumnKind::Json`].
    #[track_caller]
    pub const fn indexed(self) -> Self {
        match self.kind {
            ColumnKind::Decimal => panic!(
                "SQLite cannot put decimals in order, so none is indexed: keep the amount as an `i64` of its smallest unit"
            ),
            ColumnKind::Json => {
                panic!("JSON has no order, so it is not indexed: give what is looked for a column of its own")
            }
            _ => Self { indexed: true, ..self },
        }
    }

    /// Whether a value may stand in it.
    pub(crate) fn takes(&self, value: &ColumnValue) -> bool {
        value.kind().map_or(self.nullable, |kind| kind == self.kind)
    }
}

/// What one row holds in one column.
///
/// Values of one column are ordered as every store orders them: nothing first, `false` before `true`, numbers and times
/// by size, text and UUIDs by their bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ColumnValue {
    /// Nothing.
    Null,
    /// Of [`ColumnKind::Bool`].
    Bool(bool),
    /// Of [`ColumnKind::Int`].
    Int(i64),
    /// Of [`ColumnKind::Float`].
    Float(f64),
    /// Of [`ColumnKind::Text`].
    Text(String),
    /// Of [`ColumnKind::Uuid`].
    Uuid(Uuid),
    /// Of [`ColumnKind::Time`], in microseconds.
    Time(DateTime<Utc>),
    /// Of [`ColumnKind::Decimal`], as digits.
    Decimal(String),
    /// Of [`ColumnKind::Json`].
    Json(String),
}

impl ColumnValue {
    /// What it is a value of; `None` if it is nothing.
    pub fn kind(&self) -> Option<ColumnKind> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(_) => ColumnKind::Bool,
            Self::Int(_) => ColumnKind::Int,
            Self::Float(_) => ColumnKind::Float,
            Self::Text(_) => ColumnKind::Text,
            Self::Uuid(_) => ColumnKind::Uuid,
            Self::Time(_) => ColumnKind::Time,
            Self::Decimal(_) => ColumnKind::Decimal,
            Self::Json(_) => ColumnKind::Json,
        })
    }
}

impl Ord for ColumnValue {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) | (Self::Decimal(a), Self::Decimal(b)) | (Self::Json(a), Self::Json(b)) => {
                a.cmp(b)
            }
            // Never in one column, but for nothing beside something.
            _ => self.kind().map(ColumnKind::code).cmp(&other.kind().map(ColumnKind::code)),
        }
    }
}

impl PartialOrd for ColumnValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ColumnValue {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ColumnValue {}

/// The values of one row, in the order of the columns.
pub type Row = Vec<ColumnValue>;
