//! Money without floats: a whole number of hundredths of a crown.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::str::FromStr;

use eventsource::{ColumnKind, ColumnType, ColumnValue, EventSchema};
use serde::{Deserialize, Serialize, Serializer};

/// An amount or a balance in hundredths of a crown, the integer that is stored.
///
/// `{}` writes `-1234.50`, `{:#}` what a person reads: `-1,234.50`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, EventSchema, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Money(i64);

/// Digits before the point: a sum over any ledger of such amounts stays far inside 64 bits.
const MAX_DIGITS: usize = 12;

impl Money {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) const fn hundredths(hundredths: i64) -> Self {
        Self(hundredths)
    }

    pub(crate) const fn crowns(crowns: i64) -> Self {
        Self(crowns * 100)
    }

    pub(crate) const fn nine_tenths(self) -> Self {
        Self(self.0 / 10 * 9)
    }

    /// Writes money as text in JSON, so that no reader makes a float of it.
    pub(crate) fn as_text<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    pub(crate) fn difference(self, other: Self) -> Self {
        Self((self.0 - other.0).abs())
    }
}

/// In a view it is what it is in an event: a whole number of hundredths, which every store adds up and puts in order.
impl ColumnType for Money {
    type Plain = Self;
    const KIND: ColumnKind = <i64 as ColumnType>::KIND;

    fn into_column(self) -> ColumnValue {
        self.0.into_column()
    }

    fn from_column(value: ColumnValue) -> Result<Self, ColumnValue> {
        i64::from_column(value).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (crowns, hundredths) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        if f.alternate() {
            f.pad(&format!("{sign}{}.{hundredths:02}", grouped(crowns)))
        } else {
            f.pad(&format!("{sign}{crowns}.{hundredths:02}"))
        }
    }
}

/// Reads `-1234.50`: an optional sign, digits, and at most two decimals.
impl FromStr for Money {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (crowns, decimals) = digits.split_once('.').unwrap_or((digits, "00"));
        if !is_number(crowns) || !is_number(decimals) || decimals.len() > 2 {
            return Err("is not a number with two decimals");
        }
        if crowns.len() > MAX_DIGITS {
            return Err("has more than 12 digits before the point");
        }
        let number = |text: &str| text.bytes().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        let tenths_only = if decimals.len() == 1 { 10 } else { 1 };
        let hundredths = number(crowns) * 100 + number(decimals) * tenths_only;
        Ok(Self(if negative { -hundredths } else { hundredths }))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A whole number with commas between the thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}
