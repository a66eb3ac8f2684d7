//! Numbers, texts, and what std wraps around a single value.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use eventsource_schema::{Field, Shape, Struct, Tagging, Variant};

use super::EventSchema;

macro_rules! texts {
    ($($text:literal: $($ty:ty),+;)+) => {$($(
        impl EventSchema for $ty {
            const SHAPE: &'static Shape = &Shape::Text($text);
        }
    )+)+};
}
pub(super) use texts;

texts! {
    "bool": bool;
    "i8": i8, NonZero<i8>;
    "i16": i16, NonZero<i16>;
    "i32": i32, NonZero<i32>;
    "i64": i64, NonZero<i64>;
    "i128": i128, NonZero<i128>;
    "isize": isize, NonZero<isize>;
    "u8": u8, NonZero<u8>;
    "u16": u16, NonZero<u16>;
    "u32": u32, NonZero<u32>;
    "u64": u64, NonZero<u64>;
    "u128": u128, NonZero<u128>;
    "usize": usize, NonZero<usize>;
    "f32": f32;
    "f64": f64;
    "char": char;
    "null": ();
    "string": str, String, Path, PathBuf;
    "string(ip)": IpAddr, Ipv4Addr, Ipv6Addr;
    "string(socket)": SocketAddr, SocketAddrV4, SocketAddrV6;
}

/// What is written as the value inside.
macro_rules! transparent {
    ($([$($generics:tt)*] $ty:ty => $inner:ty;)+) => {$(
        impl<$($generics)*> EventSchema for $ty {
            const SHAPE: &'static Shape = <$inner>::SHAPE;
        }
    )+};
}

transparent! {
    ['a, T: EventSchema + ?Sized] &'a T => T;
    [T: EventSchema + ?Sized] Box<T> => T;
    [T: EventSchema + ?Sized] Rc<T> => T;
    [T: EventSchema + ?Sized] Arc<T> => T;
    ['a, T: EventSchema + ToOwned + ?Sized] Cow<'a, T> => T;
    [T: EventSchema] Wrapping<T> => T;
    [T: EventSchema] Saturating<T> => T;
    [T: EventSchema] Reverse<T> => T;
}

impl<T: EventSchema> EventSchema for Option<T> {
    const SHAPE: &'static Shape = &Shape::Option(T::SHAPE);
}

impl<T: ?Sized> EventSchema for PhantomData<T> {
    const SHAPE: &'static Shape = &Shape::Text("null");
}

impl<T: EventSchema, E: EventSchema> EventSchema for Result<T, E> {
    const SHAPE: &'static Shape = &Shape::Enum {
        tagging: Tagging::External,
        variants: &[Variant { name: "Ok", payload: Some(T::SHAPE) }, Variant { name: "Err", payload: Some(E::SHAPE) }],
    };
}

const fn field(name: &'static str, shape: &'static Shape) -> Field {
    Field { name, optional: false, flatten: false, shape }
}

impl EventSchema for Duration {
    const SHAPE: &'static Shape =
        &Shape::Struct(&Struct { fields: &[field("secs", u64::SHAPE), field("nanos", u32::SHAPE)], strict: false });
}

impl EventSchema for SystemTime {
    const SHAPE: &'static Shape = &Shape::Struct(&Struct {
        fields: &[field("secs_since_epoch", u64::SHAPE), field("nanos_since_epoch", u32::SHAPE)],
        strict: false,
    });
}

impl<T: EventSchema> EventSchema for Range<T> {
    const SHAPE: &'static Shape =
        &Shape::Struct(&Struct { fields: &[field("start", T::SHAPE), field("end", T::SHAPE)], strict: false });
}

impl<T: EventSchema> EventSchema for RangeInclusive<T> {
    const SHAPE: &'static Shape = Range::<T>::SHAPE;
}
