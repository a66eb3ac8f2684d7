//! Finds the values that serde_json writes as `null` without a word and that do not come back.

use std::fmt;

use serde::Serialize;
use serde::ser;

/// Refuses NaN, the infinities and `Some` of something that is written as `null`.
pub(crate) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), String> {
    value.serialize(Walk).map(|_| ()).map_err(|Lost(reason)| reason)
}

/// Walks over a value without writing it; the answer is whether it would be written as `null`.
struct Walk;

type IsNull = bool;

#[derive(Debug)]
struct Lost(String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

impl ser::Error for Lost {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn finite(value: f64) -> Result<IsNull, Lost> {
    if value.is_finite() { Ok(false) } else { Err(Lost(format!("JSON has no {value}"))) }
}

fn walk<T: Serialize + ?Sized>(value: &T) -> Result<(), Lost> {
    value.serialize(Walk).map(|_| ())
}

macro_rules! never_null {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<IsNull, Lost> { Ok(false) })*
    };
}

impl ser::Serializer for Walk {
    type Ok = IsNull;
    type Error = Lost;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    never_null! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
    }

    fn serialize_f32(self, value: f32) -> Result<IsNull, Lost> {
        finite(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<IsNull, Lost> {
        finite(value)
    }

    fn serialize_none(self) -> Result<IsNull, Lost> {
        Ok(true)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<IsNull, Lost> {
        if value.serialize(Walk)? {
            return Err(Lost("`Some` of a value that JSON writes as null reads back as `None`".to_owned()));
        }
        Ok(false)
    }

    fn serialize_unit(self) -> Result<IsNull, Lost> {
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<IsNull, Lost> {
        Ok(true)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<IsNull, Lost> {
        Ok(false)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<IsNull, Lost> {
        value.serialize(Walk)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<IsNull, Lost> {
        walk(value).map(|()| false)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Lost> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Lost> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Lost> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Lost> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Lost> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Lost> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Lost> {
        Ok(self)
    }
}

macro_rules! compound {
    ($($trait:ident: $method:ident),* $(,)?) => {
        $(impl ser::$trait for Walk {
            type Ok = IsNull;
            type Error = Lost;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lost> { walk(value) }
            fn end(self) -> Result<IsNull, Lost> { Ok(false) }
        })*
    };
}

compound! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! compound_with_names {
    ($($trait:ident),* $(,)?) => {
        $(impl ser::$trait for Walk {
            type Ok = IsNull;
            type Error = Lost;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Lost> {
                walk(value).map_err(|Lost(reason)| Lost(format!("field `{name}`: {reason}")))
            }
            fn end(self) -> Result<IsNull, Lost> { Ok(false) }
        })*
    };
}

compound_with_names!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Walk {
    type Ok = IsNull;
    type Error = Lost;

    // Keys were already accepted by serde_json, which refuses all that is no text.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Lost> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lost> {
        walk(value)
    }

    fn end(self) -> Result<IsNull, Lost> {
        Ok(false)
    }
}
