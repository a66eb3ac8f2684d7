//! Types of other libraries, as they are written unless a field says otherwise.

use chrono::{DateTime, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Weekday};
use eventsource_schema::Shape;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::EventSchema;
use super::plain::texts;

texts! {
    "string(date)": NaiveDate;
    "string(time)": NaiveTime;
    "string(datetime)": NaiveDateTime;
    "string(weekday)": Weekday;
    "string(month)": Month;
    "string(uuid)": Uuid;
    "json": Value;
    "map<string, json>": Map<String, Value>;
}

impl<Z: TimeZone> EventSchema for DateTime<Z> {
    const SHAPE: &'static Shape = &Shape::Text("string(rfc3339)");
}

#[cfg(feature = "rust_decimal")]
texts! {
    "string(decimal)": rust_decimal::Decimal;
}
