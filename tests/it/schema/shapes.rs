//! One type for each thing that serde can be told.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZero, Wrapping};
use std::time::{Duration, SystemTime};

use eventsource::schema::{LockedField, LockedVersion};
use eventsource::{EventSchema, schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{Chance, matches};

/// As [`fits`], and the samples of the shape are written again as they were read.
#[track_caller]
fn agrees<T: EventSchema + Serialize + DeserializeOwned + Debug>(text: &str, values: impl IntoIterator<Item = T>) {
    fits(text, values);
    #[derive(Serialize, Deserialize)]
    struct Event<T> {
        value: T,
    }
    let field = LockedField { optional: false, shape: text.to_owned() };
    let version = LockedVersion { strict: false, fields: BTreeMap::from([("value".to_owned(), field)]) };
    let samples = schema::samples(&version);
    assert!(samples.first().is_some_and(|(label, _)| label == "minimal"), "{text}: {samples:?}");
    for (label, sample) in samples {
        let read = serde_json::from_str::<Event<T>>(&sample);
        let read = read.unwrap_or_else(|error| panic!("{label} of {text}: {sample} is not read: {error}"));
        let again = serde_json::to_value(&read).unwrap();
        let sample: Value = serde_json::from_str(&sample).unwrap();
        // What may be absent is so in the minimal one.
        let is_same = if label == "minimal" { holds(&again, &sample) } else { again == sample };
        assert!(is_same, "{label} of {text}: {sample} is written as {again}");
    }
}

/// Whether a value has everything that another one has.
fn holds(value: &Value, other: &Value) -> bool {
    match (value, other) {
        (Value::Object(value), Value::Object(other)) => {
            other.iter().all(|(key, other)| value.get(key).is_some_and(|value| holds(value, other)))
        }
        (Value::Array(value), Value::Array(other)) => {
            value.len() == other.len() && value.iter().zip(other).all(|(value, other)| holds(value, other))
        }
        _ => value == other,
    }
}

/// The values are written in the shape; and 200 values of the shape are read, and are written in it again.
#[track_caller]
fn fits<T: EventSchema + Serialize + DeserializeOwned + Debug>(text: &str, values: impl IntoIterator<Item = T>) {
    assert_eq!(schema::text(T::SHAPE), text);
    assert_eq!(schema::check_shape(text), Ok(()));
    let fits = |value: &T| {
        let json = serde_json::to_value(value).unwrap();
        if let Err(error) = matches(T::SHAPE, &json, T::SHAPE) {
            panic!("{value:?} is written as {json}: {error}");
        }
    };
    values.into_iter().for_each(|value| fits(&value));
    let mut chance = Chance(7);
    for _ in 0..200 {
        let json = chance.value(T::SHAPE, 0);
        let read = serde_json::from_str::<T>(&json.to_string());
        fits(&read.unwrap_or_else(|error| panic!("{json} is not read: {error}")));
    }
}

macro_rules! stored {
    ($($item:item)+) => {$(
        #[derive(EventSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        $item
    )+};
}

#[test]
fn types_of_std_and_of_libraries() {
    agrees("(bool, char, f32, f64)", [(true, 'ä', 1.5f32, -2.5f64)]);
    agrees("(i8, i16, i32, i64, isize)", [(-1i8, -1i16, -1i32, i64::MIN, -1isize)]);
    agrees("(u8, u16, u32, u64, usize)", [(1u8, 1u16, 1u32, u64::MAX, 1usize)]);
    agrees("(i128, u128)", [(1i128, 1u128)]);
    agrees("(u8, i64)", [(NonZero::new(1u8).unwrap(), Wrapping(5i64))]);
    agrees("(string, string, string)", [("a".to_owned(), Cow::Borrowed("b"), Box::<str>::from("c"))]);
    agrees("{ nanos: u32, secs: u64 }", [Duration::from_millis(1500)]);
    agrees("{ nanos_since_epoch: u32, secs_since_epoch: u64 }", [SystemTime::UNIX_EPOCH]);
    agrees("{ end: i64, start: i64 }", Some(1i64..5));
    agrees("{ end: i64, start: i64 }", Some(1i64..=5));
    agrees("enum { Err: string, Ok: i64 }", [Ok(5i64), Err("no".to_owned())]);
    agrees("string(ip)", ["10.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()].map(Some).map(Option::unwrap));
    agrees("string(socket)", ["10.0.0.1:80".parse::<SocketAddr>().unwrap()]);
    agrees("null", [()]);
    agrees("[i64]", [vec![1i64], vec![]]);
    agrees("[i64]", [VecDeque::from([1i64])]);
    agrees("[i64]", [BTreeSet::from([1i64])]);
    agrees("[[u8; 2]; 3]", [[[1u8, 2]; 3]]);
    agrees("(i64)", [(1i64,)]);
    agrees("map<string, i64?>", [BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), Some(1i64))])]);
    agrees("map<u8, [i64]>", [HashMap::from([(1u8, vec![1i64])])]);
    agrees("json", [serde_json::json!({ "a": [1, null] })]);
    agrees("map<string, json>", [serde_json::Map::from_iter([("a".to_owned(), Value::Null)])]);
    agrees("string(uuid)", [uuid::Uuid::now_v7()]);
    let now = chrono::Utc::now();
    agrees("string(rfc3339)", [now]);
    agrees("string(date)", [now.date_naive()]);
    agrees("string(time)", [now.time()]);
    agrees("string(datetime)", [now.naive_utc()]);
    agrees("string(weekday)", [chrono::Weekday::Mon, chrono::Weekday::Sun]);
    agrees("string(decimal)", [rust_decimal::Decimal::new(1250, 2)]);
    agrees("string(month)", [chrono::Month::January]);
}

stored! {
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Named { first_name: String, #[serde(rename = "type")] kind: u8, r#in: bool, #[serde(skip)] skipped: u8 }

    struct Optional {
        maybe: Option<i64>,
        #[serde(default)] with_default: i64,
        #[serde(skip_serializing_if = "Option::is_none")] left_out: Option<String>,
        wrapped: Maybe,
        boxed: Box<Option<i64>>,
    }

    struct Maybe(Option<i64>);

    #[serde(transparent)]
    struct Transparent { #[serde(skip)] nothing: u8, inner: Option<i64> }

    struct Holder { clear: Transparent }

    struct Pair(i64, String);

    struct Unit;

    #[serde(default)]
    struct AllDefault { a: i64, b: Named2 }

    struct Named2 { x: i64 }
}

impl Default for AllDefault {
    fn default() -> Self {
        Self { a: 1, b: Named2 { x: 2 } }
    }
}

#[test]
fn structs_of_every_kind() {
    agrees(
        "strict { firstName: string, in: bool, type: u8 }",
        [Named { first_name: "a".into(), kind: 1, r#in: true, skipped: 3 }],
    );
    let optional =
        Optional { maybe: None, with_default: 1, left_out: None, wrapped: Maybe(None), boxed: Box::new(None) };
    agrees(
        "{ boxed?: i64?, left_out?: string?, maybe?: i64?, with_default?: i64, wrapped: i64? }",
        [optional.clone(), Optional { left_out: Some("x".into()), maybe: Some(1), ..optional }],
    );
    agrees("i64?", [Transparent { nothing: 0, inner: None }, Transparent { nothing: 0, inner: Some(1) }]);
    agrees("{ clear?: i64? }", [Holder { clear: Transparent { nothing: 0, inner: None } }]);
    agrees("(i64, string)", [Pair(1, "a".into())]);
    agrees("null", [Unit]);
    agrees("{ a?: i64, b?: { x: i64 } }", [AllDefault::default()]);
}

macro_rules! cases {
    ($($case:literal $name:ident: $text:literal;)+) => {
        $(
            mod $name {
                use super::*;
                stored! {
                    #[serde(rename_all = $case)]
                    pub(super) struct Fields { pub(super) a: u8, pub(super) two_words: u8, pub(super) x1_y2: u8 }

                    #[serde(rename_all = $case, rename_all_fields = $case)]
                    pub(super) enum Variants { A, TwoWords, HTTPCode { inner_field: u8 } }
                }
            }
        )+

        #[test]
        fn names_in_every_case_of_serde() {
            $(
                let fields = $name::Fields { a: 1, two_words: 2, x1_y2: 3 };
                let variants =
                    [$name::Variants::A, $name::Variants::TwoWords, $name::Variants::HTTPCode { inner_field: 1 }];
                let text = format!("{} {}", schema::text($name::Fields::SHAPE), schema::text($name::Variants::SHAPE));
                assert_eq!(text, $text);
                agrees(&schema::text($name::Fields::SHAPE), [fields]);
                agrees(&schema::text($name::Variants::SHAPE), variants);
            )+
        }
    };
}

cases! {
    "lowercase" lower: "{ a: u8, two_words: u8, x1_y2: u8 } enum { a, httpcode: { inner_field: u8 }, twowords }";
    "UPPERCASE" upper: "{ A: u8, TWO_WORDS: u8, X1_Y2: u8 } enum { A, HTTPCODE: { INNER_FIELD: u8 }, TWOWORDS }";
    "PascalCase" pascal: "{ A: u8, TwoWords: u8, X1Y2: u8 } enum { A, HTTPCode: { InnerField: u8 }, TwoWords }";
    "camelCase" camel: "{ a: u8, twoWords: u8, x1Y2: u8 } enum { a, hTTPCode: { innerField: u8 }, twoWords }";
    "snake_case" snake: "{ a: u8, two_words: u8, x1_y2: u8 } enum { a, h_t_t_p_code: { inner_field: u8 }, two_words }";
    "SCREAMING_SNAKE_CASE" scream: "{ A: u8, TWO_WORDS: u8, X1_Y2: u8 } enum { A, H_T_T_P_CODE: { INNER_FIELD: u8 }, TWO_WORDS }";
    "kebab-case" kebab: "{ a: u8, two-words: u8, x1-y2: u8 } enum { a, h-t-t-p-code: { inner-field: u8 }, two-words }";
    "SCREAMING-KEBAB-CASE" kebabs: "{ A: u8, TWO-WORDS: u8, X1-Y2: u8 } enum { A, H-T-T-P-CODE: { INNER-FIELD: u8 }, TWO-WORDS }";
}

stored! {
    enum External { Unit, New(i64), Pair(i64, String), Named { a_b: i64 }, #[serde(rename = "x y")] Renamed, #[serde(skip)] Never }

    #[serde(tag = "t", rename_all = "snake_case")]
    enum Internal { Unit, New(Named2), #[serde(rename_all = "UPPERCASE")] Named { a_b: i64 }, #[serde(other)] Other }

    #[serde(tag = "t", content = "c")]
    enum Adjacent { Unit, New(i64), Pair(i64, String), Named { a: Option<i64> } }

    #[serde(untagged)]
    enum Untagged { Number(i64), Pair(i64, String), Named { a: i64 }, Unit }

    enum Key { One, Two }

    struct Flat { id: i64, #[serde(flatten)] inner: Inner, #[serde(flatten)] tagged: Tagged }

    struct Inner { b: i64, #[serde(flatten)] deeper: Named2 }

    #[serde(tag = "kind")]
    enum Tagged { A { a: i64 }, B }

    struct Open { id: i64, #[serde(flatten)] rest: BTreeMap<String, i64> }

    #[serde(try_from = "String", into = "String")]
    struct Iban(String);

    struct Page<T> { items: Vec<T>, next: Option<Box<T>> }

    struct Node { value: i64, #[event(schema = "[^Node]")] children: Vec<Node> }

    struct Hidden { #[serde(with = "text")] #[event(schema = "string")] number: u64 }

    #[event(schema = "string")]
    #[serde(from = "String", into = "String")]
    struct Whole(String);
}

impl TryFrom<String> for Iban {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Ok(Self(text))
    }
}

impl From<Iban> for String {
    fn from(iban: Iban) -> Self {
        iban.0
    }
}

impl From<String> for Whole {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<Whole> for String {
    fn from(whole: Whole) -> Self {
        whole.0
    }
}

mod text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&number.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer).map(|text| text.len() as u64)
    }
}

#[test]
fn enums_in_every_tagging() {
    let pair = |a, b: &str| (a, b.to_owned());
    assert!(serde_json::to_value(External::Never).is_err(), "what is skipped is never stored");
    let (a, b) = pair(1, "x");
    agrees(
        "enum { Named: { a_b: i64 }, New: i64, Pair: (i64, string), Unit, \"x y\" }",
        [External::Unit, External::New(1), External::Pair(a, b), External::Named { a_b: 1 }, External::Renamed],
    );
    agrees(
        "enum(tag \"t\") { named: { A_B: i64 }, new: { x: i64 }, other, unit }",
        [Internal::Unit, Internal::New(Named2 { x: 1 }), Internal::Named { a_b: 1 }, Internal::Other],
    );
    let (a, b) = pair(1, "x");
    agrees(
        "enum(tag \"t\", content \"c\") { Named: { a?: i64? }, New: i64, Pair: (i64, string), Unit }",
        [Adjacent::Unit, Adjacent::New(1), Adjacent::Pair(a, b), Adjacent::Named { a: None }],
    );
    let (a, b) = pair(1, "x");
    agrees(
        "enum(untagged) { i64, (i64, string), { a: i64 }, null }",
        [Untagged::Number(1), Untagged::Pair(a, b), Untagged::Named { a: 1 }, Untagged::Unit],
    );
    agrees("map<enum { One, Two }, i64>", [BTreeMap::from([(Key::One, 1i64), (Key::Two, 2)])]);
}

#[test]
fn what_is_flattened_converted_generic_recursive_or_hidden() {
    let inner = || Inner { b: 1, deeper: Named2 { x: 2 } };
    agrees(
        "{ b: i64, id: i64, x: i64, ..enum(tag \"kind\") { A: { a: i64 }, B } }",
        [Flat { id: 1, inner: inner(), tagged: Tagged::A { a: 1 } }, Flat { id: 1, inner: inner(), tagged: Tagged::B }],
    );
    agrees("{ id: i64, ..map<string, i64> }", [Open { id: 1, rest: BTreeMap::from([("a".into(), 1)]) }]);
    agrees("string", [Iban("DE".into())]);
    agrees("{ items: [{ x: i64 }], next?: { x: i64 }? }", [Page { items: vec![Named2 { x: 1 }], next: None }]);
    let leaf = Node { value: 1, children: vec![] };
    agrees("{ children: [^Node], value: i64 }", [Node { value: 2, children: vec![leaf.clone(), leaf] }]);
    // What reads and writes this field does not give back what it was given.
    fits("{ number: string }", [Hidden { number: 5 }]);
    agrees("string", [Whole("x".into())]);
}

#[test]
fn samples_are_the_least_the_most_and_each_variant() {
    let samples = |fields: &str| {
        let lock = format!("format 1\nevent a\n  version 1\n    {}\nend\n", fields.replace('|', "\n    "));
        let lock = schema::Lock::parse(&lock).unwrap();
        let samples = schema::samples(&lock.events["a"].versions[&1]);
        samples.into_iter().map(|(label, json)| format!("{label} {json}")).collect::<Vec<_>>()
    };
    assert_eq!(
        samples("id: u8|note?: string?|of: enum { A: { deep: enum { X, Y } }, B }"),
        [
            r#"minimal {"id":1,"of":{"A":{"deep":"X"}}}"#,
            r#"full {"id":7,"note":"text","of":{"A":{"deep":"X"}}}"#,
            r#"of.A.deep.Y {"id":7,"note":"text","of":{"A":{"deep":"Y"}}}"#,
            r#"of.B {"id":7,"note":"text","of":"B"}"#,
        ]
    );
    assert_eq!(
        samples("all: [enum { A, B }; 2]|by: map<string, enum { C, D }>"),
        [
            r#"minimal {"all":["A","A"],"by":{}}"#,
            r#"full {"all":["A","A"],"by":{"text":"C"}}"#,
            r#"all.B {"all":["B","B"],"by":{"text":"C"}}"#,
            r#"by.D {"all":["A","A"],"by":{"text":"D"}}"#,
        ]
    );
    // A label becomes the name of a file, on file systems that take `a` for `A` too, and is never that of a result.
    let labels = samples("\"as-v1\": enum { \"a/b\", \"a b\", \"a\\\\b\", A, a }");
    let labels: Vec<_> = labels.iter().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(labels, ["minimal", "as~v1.a~b", "as~v1.a~b~2", "as~v1.A", "as~v1.a~2"]);
    assert_eq!(samples("at: string(uuid)").len(), 1, "the least is the most");
    // What holds itself ends at once.
    assert_eq!(
        samples("children: [^Node]|next?: ^Node?|value: i64"),
        [r#"minimal {"children":[],"value":1}"#, r#"full {"children":[],"next":null,"value":7}"#]
    );
}
