//! Which types of Rust fit into the columns of a view.

use std::hash::Hash;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::column::{ColumnKind, ColumnValue};
use super::event::stored_precision;
use super::stream::Version;

/// A type whose values fit into one column of a view.
///
/// `bool`, the integers up to `i64` and `u32`, `f64`, `String`, `Uuid`, `DateTime<Utc>`, `Decimal` (feature
/// `rust_decimal`), [`Version`], and `Option` of these. Times are kept in microseconds.
///
/// ```
/// use eventsource::{ColumnKind, ColumnType, ColumnValue};
///
/// assert_eq!(<Option<u8>>::KIND, ColumnKind::Int);
/// assert_eq!(Some(7_u8).into_column(), ColumnValue::Int(7));
/// assert_eq!(u8::from_column(ColumnValue::Int(256)), Err(ColumnValue::Int(256)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit into a column of a view",
    label = "not a column",
    note = "columns are bool, i8 to i64, u8 to u32, f64, String, Uuid, DateTime<Utc>, Decimal, and Option of these",
    note = "for anything else that serde knows, write `#[view(json)]` above the field"
)]
pub trait ColumnType: Sized {
    /// The type without the `Option`, if it is one.
    type Plain: ColumnType;
    /// What the column holds.
    const KIND: ColumnKind;
    /// How many `Option`s are around it: none, or one if the column may hold nothing.
    const OPTIONS: usize = 0;

    /// The value as it is stored.
    fn into_column(self) -> ColumnValue;

    /// The value as it was stored; hands it back if it is of another kind or out of range.
    fn from_column(value: ColumnValue) -> Result<Self, ColumnValue>;

    /// The value as it will come back, such as a time without its nanoseconds.
    #[inline]
    fn into_stored(self) -> Self {
        self
    }
}

/// A type by whose values the rows of a view are told apart: `bool`, integers, `String`, `Uuid`, `DateTime<Utc>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a view",
    label = "not a key",
    note = "keys are bool, i8 to i64, u8 to u32, String, Uuid and DateTime<Utc>, without Option"
)]
pub trait KeyType: ColumnType<Plain = Self> + Clone + Ord + Hash + Send + Sync + 'static {}

/// The type of a key that is the id of a stream.
#[diagnostic::on_unimplemented(
    message = "the id of a stream is a `String`, and no `{Self}`",
    label = "not the id of a stream",
    note = "write `String`, or `#[view(key)]` and say in `Fold::keys` which rows an event concerns"
)]
pub trait StreamKey: KeyType {
    /// The key of a stream's row.
    fn of_stream(id: &str) -> Self;
}

impl StreamKey for String {
    fn of_stream(id: &str) -> Self {
        id.to_owned()
    }
}

/// The type of a field that says how much of its stream a row has in it.
#[diagnostic::on_unimplemented(
    message = "the version of a stream is a `Version`, and no `{Self}`",
    label = "not a version",
    note = "write `Version`, which `eventsource` has and which is kept as a whole number"
)]
pub trait VersionColumn: ColumnType {
    /// That of a stream.
    fn of_version(version: Version) -> Self;

    /// As it was.
    fn version(&self) -> Version;
}

impl VersionColumn for Version {
    fn of_version(version: Version) -> Self {
        version
    }

    fn version(&self) -> Version {
        *self
    }
}

/// No stream is so long that its version is no `i64`.
impl ColumnType for Version {
    type Plain = Self;
    const KIND: ColumnKind = ColumnKind::Int;

    fn into_column(self) -> ColumnValue {
        ColumnValue::Int(self.0.min(i64::MAX as u64) as i64)
    }

    fn from_column(value: ColumnValue) -> Result<Self, ColumnValue> {
        match value {
            ColumnValue::Int(number) => number.try_into().map(Self).map_err(|_| value),
            other => Err(other),
        }
    }
}

/// Types of which every value is a value of the column.
macro_rules! columns {
    ($($ty:ty: $kind:ident, $into_stored:expr;)+) => {$(
        impl ColumnType for $ty {
            type Plain = Self;
            const KIND: ColumnKind = ColumnKind::$kind;

            fn into_column(self) -> ColumnValue {
                ColumnValue::$kind(self.into_stored())
            }

            fn from_column(value: ColumnValue) -> Result<Self, ColumnValue> {
                match value {
                    ColumnValue::$kind(value) => Ok(value),
                    other => Err(other),
                }
            }

            #[inline]
            fn into_stored(self) -> Self {
                $into_stored(self)
            }
        }
    )+};
}

columns! {
    bool: Bool, std::convert::identity;
    i64: Int, std::convert::identity;
    // SQLite gives back no negative zero.
    f64: Float, |number: f64| number + 0.0;
    String: Text, std::convert::identity;
    Uuid: Uuid, std::convert::identity;
    DateTime<Utc>: Time, stored_precision;
}

/// Integers that are a part of the column's.
macro_rules! integers {
    ($($ty:ty)+) => {$(
        impl ColumnType for $ty {
            type Plain = Self;
            const KIND: ColumnKind = ColumnKind::Int;

            fn into_column(self) -> ColumnValue {
                ColumnValue::Int(self.into())
            }

            fn from_column(value: ColumnValue) -> Result<Self, ColumnValue> {
                match value {
                    ColumnValue::Int(number) => number.try_into().map_err(|_| value),
                    other => Err(other),
                }
            }
        }
    )+};
}

integers!(i8 i16 i32 u8 u16 u32);

macro_rules! keys {
    ($($ty:ty)+) => {$(impl KeyType for $ty {})+};
}

keys!(bool i8 i16 i32 i64 u8 u16 u32 String Uuid DateTime<Utc>);

#[cfg(feature = "rust_decimal")]
impl ColumnType for rust_decimal::Decimal {
    type Plain = Self;
    const KIND: ColumnKind = ColumnKind::Decimal;

    fn into_column(self) -> ColumnValue {
        ColumnValue::Decimal(self.to_string())
    }

    fn from_column(value: ColumnValue) -> Result<Self, ColumnValue> {
        match &value {
            ColumnValue::Decimal(digits) => digits.parse().map_err(|_| value),
            _ => Err(value),
        }
    }
}

impl<T: ColumnType> ColumnType for Option<T> {
    type Plain = T::Plain;
    const KIND: ColumnKind = T::KIND;
    const OPTIONS: usize = T::OPTIONS + 1;

    fn into_column(self) -> ColumnValue {
        self.map_or(ColumnValue::Null, T::into_column)
    }

    fn from_column(value: ColumnValue) -> Result<Self, ColumnValue> {
        match value {
            ColumnValue::Null => Ok(None),
            value => T::from_column(value).map(Some),
        }
    }

    #[inline]
    fn into_stored(self) -> Self {
        self.map(T::into_stored)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn comes_back<T: ColumnType + Clone + PartialEq + Debug>(values: impl IntoIterator<Item = T>) {
        for value in values {
            let column = value.clone().into_column();
            assert_eq!(column.kind(), Some(T::KIND), "{value:?}");
            assert_eq!(T::from_column(column), Ok(value.clone()));
            assert_eq!(<Option<T>>::from_column(Some(value.clone()).into_column()), Ok(Some(value.clone())));
            assert_eq!(value.clone().into_stored(), value);
        }
        assert_eq!(None::<T>.into_column(), ColumnValue::Null);
        assert_eq!(<Option<T>>::from_column(ColumnValue::Null), Ok(None));
        assert_eq!(T::from_column(ColumnValue::Null).ok(), None, "nothing is no value");
        assert_eq!((<Option<T>>::KIND, T::OPTIONS, <Option<T>>::OPTIONS), (T::KIND, 0, 1));
    }

    #[test]
    fn values_of_every_type_come_back() {
        comes_back([true, false]);
        comes_back([i8::MIN, 0, i8::MAX]);
        comes_back([i16::MIN, 0, i16::MAX]);
        comes_back([i32::MIN, 0, i32::MAX]);
        comes_back([i64::MIN, 0, i64::MAX]);
        comes_back([u8::MIN, u8::MAX]);
        comes_back([u16::MIN, u16::MAX]);
        comes_back([u32::MIN, u32::MAX]);
        comes_back([Version(0), Version(i64::MAX as u64)]);
        comes_back([f64::MIN, -0.1, 0.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY]);
        comes_back(["".to_owned(), "Zoë 🚲".to_owned()]);
        comes_back([Uuid::nil(), Uuid::max()]);
        comes_back([DateTime::UNIX_EPOCH, stored_precision(DateTime::<Utc>::MAX_UTC)]);
        #[cfg(feature = "rust_decimal")]
        comes_back([rust_decimal::Decimal::MIN, "1.50".parse().unwrap(), rust_decimal::Decimal::MAX]);
    }

    #[test]
    fn a_number_out_of_range_is_handed_back() {
        fn out_of_range<T: ColumnType>(numbers: [i64; 2]) {
            for number in numbers.map(ColumnValue::Int) {
                assert_eq!(T::from_column(number.clone()).err(), Some(number));
            }
        }
        out_of_range::<i8>([-129, 128]);
        out_of_range::<i16>([-32_769, 32_768]);
        out_of_range::<i32>([-(1 << 31) - 1, 1 << 31]);
        out_of_range::<u8>([-1, 256]);
        out_of_range::<u16>([-1, 65_536]);
        out_of_range::<u32>([-1, 1 << 32]);
    }

    #[test]
    fn a_value_of_another_kind_is_handed_back() {
        let text = ColumnValue::Text("1".to_owned());
        assert_eq!(i64::from_column(text.clone()), Err(text.clone()));
        assert_eq!(bool::from_column(ColumnValue::Int(1)), Err(ColumnValue::Int(1)));
        assert_eq!(<Option<f64>>::from_column(text.clone()), Err(text));
        #[cfg(feature = "rust_decimal")]
        {
            let words = ColumnValue::Decimal("a lot".to_owned());
            assert_eq!(rust_decimal::Decimal::from_column(words.clone()), Err(words));
        }
    }

    #[test]
    fn what_no_store_keeps_is_cut_off() {
        let time = DateTime::from_timestamp_nanos(1_234_567_891);
        assert_eq!(time.into_column(), ColumnValue::Time(DateTime::from_timestamp_micros(1_234_567).unwrap()));
        assert_eq!(Some(time).into_stored(), DateTime::from_timestamp_micros(1_234_567));
        assert_eq!((-0.0).into_column(), ColumnValue::Float(0.0));
    }

    #[test]
    fn values_are_in_the_order_of_stores() {
        let ordered = |values: &[ColumnValue]| assert!(values.is_sorted_by(|a, b| a < b), "{values:?}");
        ordered(&[None, Some(false), Some(true)].map(ColumnType::into_column));
        ordered(&[None, Some(i64::MIN), Some(-1), Some(0), Some(i64::MAX)].map(ColumnType::into_column));
        ordered(&[f64::NEG_INFINITY, -1.0, 0.0, 1.0, f64::INFINITY].map(ColumnType::into_column));
        ordered(&["", "A", "B", "a", "ä", "🚲"].map(|text| text.to_owned().into_column()));
    }
}
