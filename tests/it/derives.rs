//! What derived code does at run time: stored bytes to events, events to bytes, events to state.

use std::convert::Infallible;

use eventsource::DomainEvent as Fact;
use eventsource::{
    Aggregate, Apply, BoxError, DecodeError, Decoding, DomainEvent, EventSet, IntoEvents, NewEvent, Position, RawEvent,
    Recorded, UpcastFrom, Version, decode_recorded, stored_names,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

// Version 1 stored whole dollars, version 2 dollars as text, version 3 cents.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "account.deposited", version = 3, previous = DepositedV2)]
struct Deposited {
    cents: u64,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 2, previous = DepositedV1)]
struct DepositedV2 {
    dollars: String,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct DepositedV1 {
    dollars: u64,
}

impl From<DepositedV1> for DepositedV2 {
    fn from(old: DepositedV1) -> Self {
        Self { dollars: old.dollars.to_string() }
    }
}

impl UpcastFrom<DepositedV2> for Deposited {
    fn upcast_from(old: DepositedV2) -> Result<Self, BoxError> {
        Ok(Self { cents: old.dollars.parse::<u64>()? * 100 })
    }
}

// Raw steps of both signatures, declared in the wrong order.
#[derive(Fact, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(
    name = "account.opened", version = 3, alias = "account.created", alias = "konto.angelegt",
    upcast(from = 2, with = name_the_stream), upcast(from = 1, with = steps::owner_from_name),
)]
struct Opened {
    owner: String,
    stream: String,
}

mod steps {
    use super::*;

    pub(super) fn owner_from_name(value: Value) -> Result<Value, String> {
        let name = value["name"].as_str().ok_or("there is no name")?;
        Ok(json!({ "owner": name }))
    }
}

fn name_the_stream(mut value: Value, decoding: &Decoding<'_>) -> Result<Value, BoxError> {
    value["stream"] = decoding.stream().into();
    Ok(value)
}

// Nothing before version 4 was ever stored.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "account.closed", version = 5, oldest = 4, upcast(from = 4, with = as_it_is))]
struct Closed {}

fn as_it_is(value: Value) -> Result<Value, Infallible> {
    Ok(value)
}

// A transfer was one event once; it is a debit, a credit, or both.
#[derive(DomainEvent, Deserialize)]
#[event(name = "account.transferred", version = 2, alias = "account.moved", previous = TransferredV1)]
struct Transferred {
    debit: Option<u64>,
    credit: Option<u64>,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.transferred", version = 1)]
struct TransferredV1 {
    cents: u64,
}

impl From<TransferredV1> for Transferred {
    fn from(old: TransferredV1) -> Self {
        Self { debit: Some(old.cents), credit: Some(old.cents) }
    }
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(
    name = "account.debited", version = 1,
    split_from("account.transferred", with = debit), split_from("account.moved", with = debit),
)]
struct Debited {
    cents: u64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "account.credited", version = 1, split_from("account.transferred", with = Credited::part))]
struct Credited {
    cents: u64,
}

fn debit(old: &Transferred) -> Option<Debited> {
    old.debit.map(|cents| Debited { cents })
}

impl Credited {
    fn part(old: &Transferred) -> Option<Self> {
        old.credit.map(|cents| Self { cents })
    }
}

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(
    name = "account",
    events(Opened, Deposited, Debited, Credited, Closed),
    retired("account.pinged", "account.poked"),
    derive(Clone, Debug, PartialEq)
)]
struct Account {
    owner: Option<String>,
    cents: u64,
    log: Vec<String>,
}

impl Apply<Opened> for Account {
    fn apply(&mut self, event: &Opened) {
        self.owner = Some(event.owner.clone());
        self.log.push("opened".to_owned());
    }
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, event: &Deposited) {
        self.cents += event.cents;
        self.log.push("deposited".to_owned());
    }
}

impl Apply<Debited> for Account {
    fn apply(&mut self, event: &Debited) {
        self.cents -= event.cents;
    }
}

impl Apply<Credited> for Account {
    fn apply(&mut self, event: &Credited) {
        self.cents += event.cents;
    }
}

impl Apply<Closed> for Account {
    fn apply(&mut self, _: &Closed) {
        self.log.push("closed".to_owned());
    }
}

// Events of another aggregate beside one of this: what a view consumes.
#[derive(DomainEvent, Serialize, Deserialize, Debug, PartialEq)]
#[event(name = "card.measured", version = 1)]
struct Measured {
    celsius: f64,
    #[serde(default)]
    note: Option<Note>,
}

/// Stands for a type of another crate that JSON may write as null.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(transparent)]
struct Note(Option<String>);

#[derive(EventSet, Debug, PartialEq)]
#[event_set(retired("card.pinged"))]
enum View {
    Deposited(Deposited),
    Measured(Measured),
}

fn raw<'r>(name: &'r str, schema_version: u32, data: &'r [u8]) -> RawEvent<'r> {
    RawEvent {
        position: Position(41),
        version: Version(7),
        id: Uuid::from_u128(1),
        ..RawEvent::new("account-alice", name, schema_version, data)
    }
}

fn recorded<S: EventSet>(raw: &RawEvent<'_>) -> Result<Vec<Recorded<S>>, DecodeError> {
    let mut events = Vec::new();
    decode_recorded::<S>(raw, |event| events.push(event))?;
    Ok(events)
}

fn decoded(name: &str, schema_version: u32, data: &str) -> Result<Vec<AccountEvent>, DecodeError> {
    let events = recorded::<AccountEvent>(&raw(name, schema_version, data.as_bytes()))?;
    Ok(events.into_iter().map(|recorded| recorded.event).collect())
}

#[track_caller]
fn refused(name: &str, schema_version: u32, data: &str) -> DecodeError {
    let error = decoded(name, schema_version, data).unwrap_err();
    assert_eq!((error.stream(), error.version(), error.position()), ("account-alice", Version(7), Position(41)));
    assert_eq!((error.name(), error.schema_version()), (name, schema_version));
    let text = error.to_string();
    let place =
        format!("cannot read event `{name}` version {schema_version} (stream account-alice, version 7, position 41): ");
    assert!(text.starts_with(&place), "{text}");
    error
}

#[test]
fn the_derive_states_what_is_stored() {
    assert_eq!((Deposited::NAME, Deposited::VERSION), ("account.deposited", 3));
    assert_eq!(Opened::ALIASES, ["account.created", "konto.angelegt"]);
    assert_eq!(Account::NAME, "account");
}

#[test]
fn the_current_version_is_read() {
    let events = decoded("account.deposited", 3, r#"{"cents":500}"#).unwrap();
    assert_eq!(events, [AccountEvent::Deposited(Deposited { cents: 500 })]);
    assert_eq!(decoded("account.closed", 5, "{}").unwrap(), [AccountEvent::Closed(Closed {})]);
}

#[test]
fn every_older_version_comes_through_its_structs() {
    let five_dollars = [AccountEvent::Deposited(Deposited { cents: 500 })];
    assert_eq!(decoded("account.deposited", 2, r#"{"dollars":"5"}"#).unwrap(), five_dollars);
    assert_eq!(decoded("account.deposited", 1, r#"{"dollars":5}"#).unwrap(), five_dollars);
}

#[test]
fn every_older_version_comes_through_its_raw_steps() {
    let opened = [AccountEvent::Opened(Opened { owner: "Alice".into(), stream: "account-alice".into() })];
    assert_eq!(decoded("account.opened", 1, r#"{"name":"Alice"}"#).unwrap(), opened);
    assert_eq!(decoded("account.opened", 2, r#"{"owner":"Alice"}"#).unwrap(), opened);
    assert_eq!(decoded("account.opened", 3, r#"{"owner":"Alice","stream":"account-alice"}"#).unwrap(), opened);
}

#[test]
fn an_alias_is_read_as_the_event() {
    let opened = decoded("account.opened", 1, r#"{"name":"Alice"}"#).unwrap();
    assert_eq!(decoded("account.created", 1, r#"{"name":"Alice"}"#).unwrap(), opened);
    assert_eq!(decoded("konto.angelegt", 2, r#"{"owner":"Alice"}"#).unwrap(), opened);
    let events = recorded::<AccountEvent>(&raw("account.created", 1, br#"{"name":"Alice"}"#)).unwrap();
    assert_eq!((&*events[0].name, events[0].schema_version), ("account.created", 1), "it says what is stored");
}

#[test]
fn an_oldest_version_begins_the_chain() {
    assert_eq!(decoded("account.closed", 4, "{}").unwrap(), [AccountEvent::Closed(Closed {})]);
    let error = refused("account.closed", 3, "{}");
    assert!(!error.is_newer_than_code() && !error.is_malformed() && !error.is_failed_step());
    assert!(error.to_string().ends_with("this program reads no version before 4"), "{error}");
}

#[test]
fn a_split_event_is_read_as_its_parts_in_declared_order() {
    let parts = recorded::<AccountEvent>(&raw("account.transferred", 2, br#"{"debit":7,"credit":9}"#)).unwrap();
    let events: Vec<_> = parts.iter().map(|part| part.event.clone()).collect();
    assert_eq!(events, [AccountEvent::Debited(Debited { cents: 7 }), AccountEvent::Credited(Credited { cents: 9 })]);
    let places: Vec<_> = parts.iter().map(|part| (part.part, part.parts, part.version, part.position)).collect();
    assert_eq!(places, [(1, 2, Version(7), Position(41)), (2, 2, Version(7), Position(41))]);
}

#[test]
fn an_older_version_of_a_split_event_is_split_too() {
    let events = decoded("account.transferred", 1, r#"{"cents":3}"#).unwrap();
    assert_eq!(events, [AccountEvent::Debited(Debited { cents: 3 }), AccountEvent::Credited(Credited { cents: 3 })]);
}

#[test]
fn a_split_event_may_have_one_part_or_none() {
    let parts = recorded::<AccountEvent>(&raw("account.transferred", 2, br#"{"credit":9}"#)).unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].part, parts[0].parts), (1, 1));
    assert_eq!(parts[0].event, AccountEvent::Credited(Credited { cents: 9 }));
    assert_eq!(decoded("account.transferred", 2, "{}").unwrap(), []);
    assert_eq!(decoded("account.moved", 2, r#"{"debit":1,"credit":1}"#).unwrap().len(), 1, "one event takes the alias");
}

#[test]
fn a_single_event_is_a_set_that_takes_its_part() {
    let parts = recorded::<Debited>(&raw("account.transferred", 2, br#"{"debit":7,"credit":9}"#)).unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!((&parts[0].event, parts[0].parts), (&Debited { cents: 7 }, 1));
    assert!(recorded::<Debited>(&raw("account.opened", 1, b"{}")).unwrap_err().is_unknown_name());
}

#[test]
fn a_retired_event_means_nothing() {
    assert_eq!(decoded("account.pinged", 1, "not even JSON").unwrap(), []);
    assert_eq!(decoded("account.poked", 99, "").unwrap(), []);
    assert!(recorded::<View>(&raw("card.pinged", 1, b"")).unwrap().is_empty());
}

#[test]
fn an_unknown_name_is_its_own_error() {
    let error = refused("account.exploded", 1, "{}");
    assert!(error.is_unknown_name());
    let known = "known are account.opened, account.deposited, account.debited, account.credited, account.closed";
    assert!(error.to_string().ends_with(known), "{error}");
}

#[test]
fn a_version_from_the_future_is_its_own_error() {
    let error = refused("account.deposited", 4, r#"{"cents":1}"#);
    assert!(error.is_newer_than_code());
    assert!(error.to_string().ends_with("this program reads up to version 3"), "{error}");
    assert!(refused("account.closed", u32::MAX, "{}").is_newer_than_code());
    assert!(refused("account.transferred", 3, "{}").is_newer_than_code(), "of a split event too");
}

#[test]
fn version_zero_is_too_old_for_everything() {
    for name in ["account.opened", "account.deposited", "account.closed", "account.transferred"] {
        let error = refused(name, 0, "{}");
        assert!(error.to_string().contains("this program reads no version before"), "{error}");
    }
}

#[test]
fn a_failed_step_names_the_step_and_the_reason() {
    let error = refused("account.deposited", 2, r#"{"dollars":"five"}"#);
    assert!(error.is_failed_step());
    assert!(
        error.to_string().ends_with("the step from version 2 to 3 failed: invalid digit found in string"),
        "{error}"
    );
    let error = refused("account.opened", 1, "{}");
    assert!(error.is_failed_step());
    assert!(error.to_string().ends_with("the step from version 1 to 2 failed: there is no name"), "{error}");
}

#[test]
fn a_payload_that_does_not_fit_is_its_own_error() {
    for (name, version, data) in [
        ("account.deposited", 3, "not JSON"),
        ("account.deposited", 3, r#"{"cents":-1}"#),
        ("account.deposited", 1, r#"{"cents":1}"#),
        ("account.opened", 1, "{"),
        ("account.opened", 2, r#"{"owner":1}"#),
        ("account.transferred", 2, "[]x"),
    ] {
        assert!(refused(name, version, data).is_malformed(), "{name} {version} {data}");
    }
}

#[test]
fn an_encoding_from_the_future_is_newer_than_the_code() {
    let mut event = raw("account.closed", 5, b"{}");
    event.encoding = 1;
    assert!(recorded::<AccountEvent>(&event).unwrap_err().is_newer_than_code());
}

#[test]
fn filters_name_every_stored_name() {
    assert_eq!(
        stored_names::<AccountEvent>(),
        [
            "account.opened",
            "account.created",
            "konto.angelegt",
            "account.deposited",
            "account.debited",
            "account.transferred",
            "account.moved",
            "account.credited",
            "account.closed"
        ]
    );
    assert_eq!(stored_names::<View>(), ["account.deposited", "card.measured"]);
    assert_eq!(stored_names::<Credited>(), ["account.credited", "account.transferred"]);
}

#[test]
fn events_of_the_enum_reach_the_apply_of_each() {
    let mut account = Account::default();
    account.apply(&AccountEvent::from(Opened { owner: "Alice".into(), stream: String::new() }));
    account.apply(&AccountEvent::from(Deposited { cents: 10 }));
    account.apply(&AccountEvent::from(Debited { cents: 3 }));
    account.apply(&AccountEvent::from(Credited { cents: 1 }));
    account.apply(&AccountEvent::from(Closed {}));
    assert_eq!(account.cents, 8);
    assert_eq!(account.log, ["opened", "deposited", "closed"]);
}

#[test]
fn after_leaves_the_state_alone() {
    let account = Account::default();
    let richer = account.after(&Deposited { cents: 5 }).after(&AccountEvent::from(Deposited { cents: 6 }));
    assert_eq!((account.cents, richer.cents), (0, 11));
}

fn events<D: IntoEvents<Account>>(decision: D) -> Result<Vec<AccountEvent>, D::Refusal> {
    let mut events = Vec::new();
    decision.into_events(&mut events)?;
    Ok(events)
}

#[test]
fn a_decision_is_whatever_reads_best() {
    let one = || Deposited { cents: 1 };
    let stored = vec![AccountEvent::from(one())];
    assert_eq!(events(one()), Ok(stored.clone()));
    assert_eq!(events(AccountEvent::from(one())), Ok(stored.clone()));
    assert_eq!(events(Some(one())), Ok(stored.clone()));
    assert_eq!(events(None::<Deposited>), Ok(vec![]));
    assert_eq!(events(vec![one(), one()]).unwrap().len(), 2);
    assert_eq!(events([one(), one(), one()]).unwrap().len(), 3);
    assert_eq!(events(()), Ok(vec![]));
    let mixed = events((one(), Some(Closed {}), [AccountEvent::from(one())])).unwrap();
    assert_eq!(mixed, [one().into(), Closed {}.into(), one().into()]);
    assert_eq!(events(Ok::<_, String>(one())), Ok(stored));
    assert_eq!(events(Err::<Deposited, _>("overdrawn")), Err("overdrawn"));
}

#[test]
fn what_is_encoded_comes_back() {
    let event = AccountEvent::from(Deposited { cents: 5 });
    let new = NewEvent::encode(&event).unwrap();
    assert_eq!((&*new.name, new.schema_version, &*new.data), ("account.deposited", 3, &br#"{"cents":5}"#[..]));
    assert_eq!(decoded(&new.name, new.schema_version, r#"{"cents":5}"#).unwrap(), [event]);
}

#[test]
fn values_that_json_does_not_give_back_are_refused() {
    let measured = |celsius, note| View::from(Measured { celsius, note });
    for lost in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = NewEvent::encode(&measured(lost, None)).unwrap_err();
        assert!(error.is_encode());
        assert!(error.to_string().contains("`card.measured`"), "{error}");
    }
    assert!(NewEvent::encode(&measured(1.0, Some(Note(None)))).unwrap_err().is_encode());
    assert!(NewEvent::encode(&measured(1.0, None)).is_ok());
    assert!(NewEvent::encode(&measured(1.0, Some(Note(Some("warm".into()))))).is_ok());
}

// Without `derive(Debug)` the enum must not print what may be personal.
#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "diary", events(Deposited, Closed), event_enum = Page, snapshot)]
#[derive(Serialize, Deserialize)]
enum Diary {
    #[default]
    Empty,
    Written {
        pages: usize,
    },
}

impl Apply<Deposited> for Diary {
    fn apply(&mut self, _: &Deposited) {
        let pages = if let Self::Written { pages } = self { *pages } else { 0 };
        *self = Self::Written { pages: pages + 1 };
    }
}

impl Apply<Closed> for Diary {
    fn apply(&mut self, _: &Closed) {}
}

#[test]
fn the_enum_prints_no_payload_unless_asked() {
    assert_eq!(format!("{:?}", Page::from(Deposited { cents: 123 })), "account.deposited v3");
    assert_eq!(format!("{:?}", AccountEvent::from(Deposited { cents: 123 })), "Deposited(Deposited { cents: 123 })");
}

#[test]
fn a_state_may_be_an_enum() {
    let diary = Diary::default().after(&Page::from(Deposited { cents: 1 }));
    assert!(matches!(diary, Diary::Written { pages: 1 }));
}

proptest! {
    #[test]
    fn no_stored_bytes_make_a_decoder_panic(
        data in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            r#"\{"(cents|dollars|owner|name|debit|credit)":("[a-z0-9]{0,5}"|-?[0-9]{1,30}|null|\[\]|\{\})\}"#
                .prop_map(String::into_bytes),
        ],
        name in prop_oneof![
            proptest::sample::select(stored_names::<AccountEvent>()).prop_map(str::to_owned),
            ".{0,40}",
        ],
        schema_version in prop_oneof![0..7_u32, any::<u32>()],
        encoding in prop_oneof![4 => Just(0), 1 => any::<i16>()],
        stream in prop_oneof![Just("account-1".to_owned()), ".{0,20}"],
        meta in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
    ) {
        let event = RawEvent { encoding, stream: &stream, meta: meta.as_deref(), ..raw(&name, schema_version, &data) };
        let _ = recorded::<AccountEvent>(&event);
        let _ = recorded::<View>(&event);
        let _ = recorded::<Opened>(&event);
    }

    #[test]
    fn every_finite_float_comes_back_bit_for_bit(celsius in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let new = NewEvent::encode(&Measured { celsius, note: None }).unwrap();
        let events = recorded::<View>(&raw(&new.name, new.schema_version, &new.data)).unwrap();
        let View::Measured(measured) = &events[0].event else { panic!("another event") };
        prop_assert_eq!(measured.celsius.to_bits(), celsius.to_bits());
    }
}
