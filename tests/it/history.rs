//! Attributes on fields that say what older versions were: their payloads are read as a chain of structs would read them.

use std::num::ParseIntError;

use eventsource::{DecodeError, DomainEvent, Position, RawEvent, Recorded, Version, decode_recorded};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod chain;
mod surroundings;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Money {
    minor: i64,
    currency: String,
}

fn eur(minor: i64) -> Money {
    Money { minor, currency: "EUR".into() }
}

// Version 1 was stored by a program in another language, and is read as raw JSON.
// 2 -> 3: `cents` became `amount`, a text became a number; the teller went; the channel came.
// 3 -> 4: nothing that a reader would see.
// 4 -> 5: the amount has a currency, the channel another name.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(
    name = "account.deposited", version = 5,
    upcast(from = 1, with = cents_of_dollars), upcast(from = 3, same), removed(field = "teller", in = 3),
)]
#[serde(rename_all = "camelCase")]
struct Deposited {
    #[event(renamed(from = "cents", in = 3), changed(in = 3, from = String, with = parse), changed(in = 5, from = i64, with = eur))]
    amount: Money,
    #[event(added = 3, default = "unknown", renamed(from = "channel", in = 5))]
    sales_channel: String,
    #[event(added = 5)]
    paid_in_by: Option<String>,
    #[event(added = 5, default = vec![1, 2])]
    notes: Vec<u8>,
    owner_name: String,
}

fn cents_of_dollars(value: Value) -> Result<Value, &'static str> {
    let dollars = value["dollars"].as_i64().ok_or("there are no dollars")?;
    Ok(json!({ "cents": (dollars * 100).to_string(), "teller": "nobody", "ownerName": value["ownerName"] }))
}

fn parse(cents: String) -> Result<i64, ParseIntError> {
    cents.parse()
}

fn stored<E: DomainEvent + Serialize>(version: u32, payload: &Value) -> Result<Recorded<E>, DecodeError> {
    let data = payload.to_string();
    let raw = RawEvent {
        position: Position(7),
        version: Version(3),
        ..RawEvent::new("account-alice", E::NAME, version, data.as_bytes())
    };
    let mut events = Vec::new();
    decode_recorded(&raw, |event| events.push(event))?;
    Ok(events.remove(0))
}

#[track_caller]
fn read<E: DomainEvent + Serialize>(version: u32, payload: Value) -> E {
    stored(version, &payload).unwrap().event
}

#[track_caller]
fn refusal<E: DomainEvent + Serialize + std::fmt::Debug>(version: u32, payload: Value) -> String {
    stored::<E>(version, &payload).unwrap_err().to_string()
}

fn deposited(minor: i64, channel: &str) -> Deposited {
    Deposited {
        amount: eur(minor),
        sales_channel: channel.into(),
        paid_in_by: None,
        notes: vec![1, 2],
        owner_name: "Alice".into(),
    }
}

#[test]
fn every_version_is_read() {
    assert_eq!(read::<Deposited>(1, json!({ "dollars": 5, "ownerName": "Alice" })), deposited(500, "unknown"));
    let second = json!({ "cents": "500", "teller": { "any": ["thing"] }, "ownerName": "Alice" });
    assert_eq!(read::<Deposited>(2, second), deposited(500, "unknown"));
    for version in [3, 4] {
        let payload = json!({ "amount": 500, "channel": "branch", "ownerName": "Alice" });
        assert_eq!(read::<Deposited>(version, payload), deposited(500, "branch"));
    }
    let current = Deposited { paid_in_by: Some("Bob".into()), notes: vec![], ..deposited(7, "web") };
    assert_eq!(read::<Deposited>(5, serde_json::to_value(&current).unwrap()), current);
}

#[test]
fn a_removed_field_may_be_missing() {
    assert_eq!(read::<Deposited>(2, json!({ "cents": "1", "ownerName": "Alice" })), deposited(1, "unknown"));
}

#[test]
fn an_older_payload_is_read_by_the_names_and_types_of_its_own_version() {
    let newer_name = refusal::<Deposited>(2, json!({ "amount": 5, "ownerName": "Alice" }));
    assert!(
        newer_name.ends_with("the payload does not fit its type: missing field `cents` at line 1 column 32"),
        "{newer_name}"
    );
    let newer_type = refusal::<Deposited>(2, json!({ "cents": 5, "ownerName": "Alice" }));
    assert!(newer_type.contains("invalid type: integer `5`, expected a string"), "{newer_type}");
    let rust_name = refusal::<Deposited>(4, json!({ "amount": 5, "channel": "web", "owner_name": "Alice" }));
    assert!(rust_name.contains("missing field `ownerName`"), "{rust_name}");
}

#[test]
fn a_failed_step_is_named_with_event_field_and_versions() {
    let error = stored::<Deposited>(2, &json!({ "cents": "five", "ownerName": "Alice" })).unwrap_err();
    assert!(error.is_failed_step());
    assert_eq!(
        error.to_string(),
        "cannot read event `account.deposited` version 2 (stream account-alice, version 3, position 7): \
         the step from version 2 to 3 failed: field `amount`: invalid digit found in string"
    );
    let error = refusal::<Deposited>(1, json!({}));
    assert!(error.ends_with("the step from version 1 to 2 failed: there are no dollars"), "{error}");
}

#[test]
fn a_version_from_the_future_is_refused() {
    assert!(stored::<Deposited>(6, &json!({})).unwrap_err().is_newer_than_code());
}

// What serde is told of the struct and its fields holds for the older versions too.
#[allow(clippy::duplicated_attributes, reason = "clippy takes numbers in two lists of one name for the same attribute")]
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(
    name = "card.issued",
    version = 4,
    removed(field = "PIN", in = 3),
    removed(field = "colour", in = 4, added = 3)
)]
#[serde(default, deny_unknown_fields, rename_all = "SCREAMING-KEBAB-CASE")]
struct Issued {
    #[event(renamed(from = "no", in = 2))]
    #[serde(alias = "NUMBER", rename = "card")]
    number: String,
    #[serde(with = "hex")]
    #[event(changed(in = 4, from = u8, with = u32::from))]
    limit: u32,
    #[serde(with = "hex")]
    daily_limit: u32,
    #[event(added = 3)]
    holder: String,
    #[serde(skip)]
    seen: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Box<Self>>,
}

impl Default for Issued {
    fn default() -> Self {
        Self { number: "none".into(), limit: 1, daily_limit: 2, holder: "nobody".into(), seen: true, note: None }
    }
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{number:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[test]
fn what_serde_is_told_holds_for_older_versions() {
    let empty = Issued { limit: 0, ..Issued::default() };
    assert_eq!(read::<Issued>(1, json!({})), empty, "a type that changed has the default of the older type");
    let first = json!({ "no": "17", "LIMIT": 9, "DAILY-LIMIT": "ff", "PIN": 1234 });
    let issued = Issued { number: "17".into(), limit: 9, daily_limit: 255, ..Issued::default() };
    assert_eq!(read::<Issued>(1, first), issued);
    for name in ["card", "NUMBER"] {
        assert_eq!(read::<Issued>(2, json!({ name: "17", "LIMIT": 9, "DAILY-LIMIT": "ff", "PIN": 1234 })), issued);
    }
    let third = json!({ "card": "17", "LIMIT": 9, "DAILY-LIMIT": "ff", "HOLDER": "Alice", "colour": "red" });
    assert_eq!(read::<Issued>(3, third), Issued { holder: "Alice".into(), ..issued });
}

#[test]
fn a_strict_struct_is_strict_in_every_version() {
    for (version, payload) in [
        (1, json!({ "HOLDER": "x" })),
        (1, json!({ "colour": 1 })),
        (3, json!({ "PIN": 1 })),
        (4, json!({ "colour": 1 })),
    ] {
        let error = refusal::<Issued>(version, payload);
        assert!(error.contains("unknown field"), "{error}");
    }
}

// Every way of filling a field that was not there.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "probe.measured", version = 3)]
struct Measured {
    #[event(added = 2, default = 7)]
    count: u64,
    #[event(added = 2, default = Self::unit())]
    unit: Unit,
    #[event(added = 2)]
    #[serde(default)]
    plain: u8,
    #[event(added = 2)]
    #[serde(default = "five")]
    five: u8,
    #[event(added = 2, default = "12", changed(in = 3, from = String, with = Self::number))]
    number: u32,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Unit {
    Celsius,
    Kelvin,
}

impl Measured {
    fn unit() -> Unit {
        Unit::Kelvin
    }

    fn number(text: String) -> Result<u32, String> {
        text.parse().map_err(|_| format!("{text} is no number"))
    }
}

fn five() -> u8 {
    5
}

#[test]
fn a_field_that_was_added_has_the_value_that_is_said() {
    let first = Measured { count: 7, unit: Unit::Kelvin, plain: 0, five: 5, number: 12 };
    assert_eq!(read::<Measured>(1, json!({})), first);
    let second = json!({ "count": 1, "unit": "Celsius", "number": "3" });
    assert_eq!(read::<Measured>(2, second), Measured { count: 1, unit: Unit::Celsius, number: 3, ..first });
    assert!(refusal::<Measured>(2, json!({ "count": 1, "unit": "Celsius" })).contains("missing field `number`"));
}

#[test]
fn one_field_may_have_many_steps_in_any_order() {
    #[derive(DomainEvent, Serialize, Deserialize, Debug, PartialEq)]
    #[event(name = "thing.weighed", version = 6)]
    #[allow(
        clippy::duplicated_attributes,
        reason = "clippy takes numbers in two lists of one name for the same attribute"
    )]
    struct Weighed {
        #[event(
            renamed(from = "grams", in = 5), renamed(from = "g", in = 2), renamed(from = "weight", in = 4),
            changed(in = 6, from = u32, with = doubled), changed(in = 3, from = u8, with = u16::from),
            changed(in = 5, from = u16, with = u32::from),
        )]
        kilos: u64,
    }
    fn doubled(weight: u32) -> u64 {
        u64::from(weight) * 2
    }
    for (version, name, weight) in [
        (1, "g", 255),
        (2, "weight", 255),
        (3, "weight", 65_535),
        (4, "grams", 65_535),
        (5, "kilos", 4_294_967_295_u64),
    ] {
        assert_eq!(read::<Weighed>(version, json!({ name: weight })), Weighed { kilos: weight * 2 });
        let too_large = refusal::<Weighed>(version, json!({ name: weight + 1 }));
        assert!(too_large.contains("the payload does not fit its type: invalid value"), "{too_large}");
    }
    assert_eq!(read::<Weighed>(6, json!({ "kilos": 7 })), Weighed { kilos: 7 });
}

#[test]
fn an_event_inside_a_function_has_a_history_too() {
    #[derive(DomainEvent, Serialize, Deserialize, Debug, PartialEq)]
    #[event(name = "thing.seen", version = 2)]
    struct Seen {
        #[event(renamed(from = "when", in = 2))]
        r#type: u8,
    }
    assert_eq!(read::<Seen>(1, json!({ "when": 3 })), Seen { r#type: 3 });
    assert_eq!(read::<Seen>(2, json!({ "type": 3 })), Seen { r#type: 3 });
}

/// Says what it was read from.
#[derive(Serialize, Clone, Debug, PartialEq)]
struct Source(String);

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer)?;
        Ok(Self(std::any::type_name::<D>().to_owned()))
    }
}

#[test]
fn only_a_step_on_raw_json_builds_a_json_value() {
    #[derive(DomainEvent, Serialize, Deserialize, Debug, PartialEq)]
    #[event(name = "thing.seen", version = 4, upcast(from = 1, with = as_it_is), upcast(from = 2, same))]
    struct Seen {
        #[event(renamed(from = "before", in = 4))]
        source: Source,
        #[event(added = 4, default = 0)]
        count: u8,
    }
    fn as_it_is(value: Value) -> Result<Value, String> {
        Ok(value)
    }
    let raw = read::<Seen>(1, json!({ "before": 1 })).source.0;
    assert!(raw.contains("Value"), "{raw}");
    for (version, payload) in
        [(2, json!({ "before": 1 })), (3, json!({ "before": 1 })), (4, json!({ "source": 1, "count": 0 }))]
    {
        let source = read::<Seen>(version, payload).source.0;
        assert!(source.contains("SliceRead") && !source.contains("Value"), "version {version}: {source}");
    }
}
