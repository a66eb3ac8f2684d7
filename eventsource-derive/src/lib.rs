//! The derive macros of eventsource: use them through that crate.
//!
//! Each is exported twice, because generated code must name the crate that it calls: once rooted at
//! `::eventsource`, and once, as `Core…`, at `::eventsource_core`, which exports those under the
//! plain names. No manifest is read, and `crate = ".."` in the attribute wins over both.
//!
//! The path of an input: `attr` (tokens to attributes) → `model` (plain values) → `check` (the
//! rules) → `expand` (calls into the runtime), or `fallback` after an error.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use syn::{DeriveInput, Path, parse_macro_input, parse_quote};

mod attr;
mod check;
mod derive;
mod errors;
mod expand;
mod fallback;
mod guard;
mod model;

/// Where a derive finds the runtime, unless `crate = ".."` says otherwise.
fn facade() -> Path {
    parse_quote!(::eventsource)
}

fn core() -> Path {
    parse_quote!(::eventsource_core)
}

type Derive = fn(&DeriveInput, Path) -> Tokens;

fn run(derive: Derive, input: TokenStream, root: Path) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    derive(&input, root).into()
}

/// Makes a struct an event: a fact, stored as JSON under a name and a version that no refactoring changes.
///
/// ```
/// use eventsource::DomainEvent;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 3, alias = "account.paid_in", previous = DepositedV2)]
/// struct Deposited { cents: u64 }
///
/// // An older struct stays as it was stored. It is only read, so it needs no `Serialize`.
/// #[derive(DomainEvent, Deserialize)]
/// #[event(name = "account.deposited", version = 2, upcast(from = 1, with = dollars_from_amount))]
/// struct DepositedV2 { dollars: u64 }
///
/// impl From<DepositedV2> for Deposited {
///     fn from(old: DepositedV2) -> Self { Deposited { cents: old.dollars * 100 } }
/// }
///
/// // A step on raw JSON, where a struct for one version more is not worth it.
/// fn dollars_from_amount(mut value: serde_json::Value) -> Result<serde_json::Value, String> {
///     let amount = value["amount"].take();
///     Ok(serde_json::json!({ "dollars": amount }))
/// }
/// ```
///
/// The struct has named fields, no generics, and `Deserialize`; the newest version also `Serialize`.
///
/// | in `#[event(…)]` | meaning |
/// |---|---|
/// | `name = "account.deposited"` | mandatory: the stored name, `[a-z][a-z0-9_.-]*`, at most 127 bytes |
/// | `version = 3` | mandatory: the version that is stored, from 1 |
/// | `alias = "account.paid_in"` | an older stored name; may be repeated |
/// | `previous = DepositedV2` | the struct of the version before, which reads all older ones; write `impl From<DepositedV2>`, or `impl UpcastFrom<DepositedV2>` where it can fail |
/// | `upcast(from = 1, with = f)` | the step from version 1 to 2 on raw JSON: `fn(Value) -> Result<Value, E>` or `fn(Value, &Decoding) -> Result<Value, E>` |
/// | `upcast(from = 1, same)` | the step from version 1 to 2 changes no payload |
/// | `removed(field = "teller", in = 3)` | version 3 is the first without the field that was stored as `teller`; `added = 2` if it was not always there; `from = String`, `default = ".."` for `write` |
/// | `write = 2` | for a rolling deploy: all versions are read, and version 2 is stored; see below |
/// | `oldest = 2` | nothing older than version 2 was ever stored |
/// | `split_from("old.name", with = f)` | this event is a part of another stored one: `fn(&Old) -> Option<Self>`; may be repeated |
/// | `crate = "path"` | where `eventsource` is to be found |
///
/// | in `#[event(…)]` on a field | meaning |
/// |---|---|
/// | `added = 3, default = value` | version 3 is the first with the field; older payloads get the value: a text becomes the field's type by `From<&str>`, any other expression has it. Without `default` an `Option` is `None`, and `#[serde(default)]` says the value |
/// | `renamed(from = "cents", in = 3)` | before version 3 it was stored under that name; one for each new name |
/// | `changed(in = 3, from = i64, with = f)` | before version 3 it was of that type: `fn(Old) -> New` or `fn(Old) -> Result<New, E>`; one for each new type; `back = g`, `fn(&New) -> Old` or a `Result` of it, for `write` |
/// | `schema = "string(rfc3339)"` | above a field: what its JSON looks like, where serde's `with` hides it or the type has no [`EventSchema`](macro@EventSchema); needed only beside an `events.lock` |
///
/// Every attribute names the first version with the new form. Each older version becomes a private struct, read straight
/// from the bytes by what serde is told of this one, and its fields are converted one by one:
///
/// ```
/// use eventsource::DomainEvent;
/// use serde::{Deserialize, Serialize};
///
/// // version 1: {"cents": "500", "teller": "Bob"}     version 2: {"amount": 500}
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 3, removed(field = "teller", in = 2))]
/// struct Deposited {
///     #[event(renamed(from = "cents", in = 2), changed(in = 2, from = String, with = number))]
///     amount: i64,
///     #[event(added = 3, default = "unknown")]
///     channel: String,
/// }
///
/// fn number(text: String) -> Result<i64, std::num::ParseIntError> { text.parse() }
/// ```
///
/// Every version from the oldest to the newest must have exactly one way, or the program does not
/// compile: attributes, `same`, raw JSON, or `previous`, which leaves all older versions to that struct. Attributes
/// do not reach behind a step on raw JSON. Fields whose values JSON would not give back are refused where the type shows it:
/// `Option<Option<T>>`, and maps whose keys are tuples, lists, options or maps.
///
/// ```compile_fail
/// # use eventsource::DomainEvent;
/// # use serde::{Deserialize, Serialize};
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 2)] // nothing says how version 1 becomes version 2
/// struct Deposited { cents: u64 }
/// ```
///
/// # Writing an older version
///
/// While old programs read along, `write = 2` stores what they know. The way back is checked while compiling:
/// `renamed`, `added` and `same` have one, `changed` needs `back`, `removed` needs `from` and `default`, and `previous = Old`
/// needs `impl From<&New> for Old`, or `DowncastFrom` where it can fail. A step on raw JSON has none. The event that is
/// applied and returned is the one that a reader will get: down to the older version, and up again. What the older
/// version cannot hold is lost; where `back` fails, nothing is stored.
///
/// ```
/// use eventsource::{DomainEvent, NewEvent};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 2, write = 1, // the second deploy removes `write`
///         removed(field = "teller", in = 2, from = String, default = "machine"))]
/// struct Deposited {
///     #[event(changed(in = 2, from = i32, with = i64::from, back = narrow))]
///     cents: i64,
/// }
///
/// fn narrow(cents: &i64) -> Result<i32, std::num::TryFromIntError> { i32::try_from(*cents) }
///
/// let stored = NewEvent::encode(&Deposited { cents: 5 })?;
/// assert_eq!((stored.schema_version, &*stored.data), (1, &br#"{"cents":5,"teller":"machine"}"#[..]));
/// # Ok::<(), eventsource::StoreError>(())
/// ```
#[proc_macro_derive(DomainEvent, attributes(event))]
pub fn domain_event(input: TokenStream) -> TokenStream {
    run(derive::domain_event, input, facade())
}

/// [`DomainEvent`](macro@DomainEvent) for packages that depend on `eventsource-core` alone; it is exported there under that name.
#[proc_macro_derive(CoreDomainEvent, attributes(event))]
pub fn core_domain_event(input: TokenStream) -> TokenStream {
    run(derive::domain_event, input, core())
}

/// Tells what a type looks like in stored events, so that `events.lock` can notice when that changes.
///
/// ```
/// use eventsource::{EventSchema, schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(EventSchema, Serialize, Deserialize)]
/// #[serde(tag = "kind", rename_all = "snake_case")]
/// enum Address {
///     Street { city: String, zip: u32 },
///     PoBox { number: u32, #[event(schema = "string(rfc3339)")] #[serde(with = "since")] since: u64 },
/// }
/// # mod since {
/// #     pub fn serialize<S: serde::Serializer>(_: &u64, s: S) -> Result<S::Ok, S::Error> { s.serialize_str("") }
/// #     pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<u64, D::Error> { Ok(0) }
/// # }
///
/// assert_eq!(
///     schema::text(Address::SHAPE),
///     r#"enum(tag "kind") { po_box: { number: u32, since: string(rfc3339) }, street: { city: string, zip: u32 } }"#
/// );
/// ```
///
/// For structs and enums of every kind; type parameters must have a schema. Each serde attribute is understood, or
/// it is an error: `with` and its kin, a one-sided `from` or `into`, and types that hold themselves need a `schema`.
///
/// | in `#[event(…)]` | meaning |
/// |---|---|
/// | `schema = "[string]"` | above a field or the type: what its JSON looks like, in the words of [`schema`](../eventsource/schema/index.html) |
/// | `schema = "[^Node]"` | above a field of `Node`: a list of what encloses it |
/// | `crate = "path"` | above the type: where `eventsource` is to be found |
#[proc_macro_derive(EventSchema, attributes(event))]
pub fn event_schema(input: TokenStream) -> TokenStream {
    run(derive::event_schema, input, facade())
}

/// [`EventSchema`](macro@EventSchema) for packages that depend on `eventsource-core` alone; it is exported there under that name.
#[proc_macro_derive(CoreEventSchema, attributes(event))]
pub fn core_event_schema(input: TokenStream) -> TokenStream {
    run(derive::event_schema, input, core())
}

/// Says that this crate's events are guarded by `events.lock`: without the file it does not compile.
///
/// Write it once, at the root of the crate. Without it, a lock that was deleted or never committed guards nothing,
/// and nobody is told. Packages that come from a registry are not held to it, because whoever depends on them could
/// do nothing about a file that was not packed.
///
/// ```ignore
/// eventsource::schema_lock!();
/// ```
#[proc_macro]
pub fn schema_lock(input: TokenStream) -> TokenStream {
    derive::schema_lock(&input.into()).into()
}

/// Makes an enum of events a closed set, for example what a view consumes.
///
/// ```
/// use eventsource::{DomainEvent, EventSet};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.opened", version = 1)]
/// struct Opened { owner: String }
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "card.issued", version = 1)]
/// struct Issued { number: String }
///
/// #[derive(EventSet)]
/// #[event_set(retired("card.pinged"))]
/// enum Onboarding { Opened(Opened), Issued(Issued) }
///
/// assert_eq!(eventsource::stored_names::<Onboarding>(), ["account.opened", "card.issued"]);
/// let event = Onboarding::from(Opened { owner: "Alice".into() });
/// assert!(matches!(event, Onboarding::Opened(_)));
/// ```
///
/// Each variant holds one event, and no two events share a stored name. `From` is implemented for each.
///
/// | in `#[event_set(…)]` | meaning |
/// |---|---|
/// | `retired("old.name")` | stored names that are known and mean nothing any more |
/// | `crate = "path"` | where `eventsource` is to be found |
#[proc_macro_derive(EventSet, attributes(event_set))]
pub fn event_set(input: TokenStream) -> TokenStream {
    run(derive::event_set, input, facade())
}

/// [`EventSet`](macro@EventSet) for packages that depend on `eventsource-core` alone; it is exported there under that name.
#[proc_macro_derive(CoreEventSet, attributes(event_set))]
pub fn core_event_set(input: TokenStream) -> TokenStream {
    run(derive::event_set, input, core())
}

/// Makes a struct or an enum the state of an aggregate, and generates the closed enum of its events.
///
/// ```
/// use eventsource::{Aggregate, Apply, DomainEvent};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 1)]
/// struct Deposited { cents: u64 }
///
/// #[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
/// #[aggregate(name = "account", events(Deposited), snapshot(every = 100))]
/// struct Account { cents: u64 }
///
/// impl Apply<Deposited> for Account {
///     fn apply(&mut self, event: &Deposited) { self.cents += event.cents }
/// }
///
/// let mut account = Account::default();
/// account.apply(&AccountEvent::Deposited(Deposited { cents: 5 }));
/// assert_eq!(account.cents, 5);
/// ```
///
/// The state needs `Default` and `Clone`, for snapshots `Serialize` and `Deserialize`, and one
/// `impl Apply<E>` for each event.
///
/// | in `#[aggregate(…)]` | meaning |
/// |---|---|
/// | `name = "account"` | mandatory: the category of its streams, `[a-z][a-z0-9_]*`, at most 63 bytes |
/// | `events(Opened, Deposited)` | mandatory: its events, the newest struct of each |
/// | `snapshot(every = 100, revision = 1)` | a snapshot each 100 events; raise `revision` when `apply` changes its meaning but the fields stay. `snapshot` alone is each 100, revision 0 |
/// | `retired("old.name")` | stored names that are known and mean nothing any more |
/// | `event_enum = Name` | another name for the enum than `AccountEvent` |
/// | `derive(Clone, PartialEq)` | derives for the enum; without `Debug` among them it gets one that prints no payload |
/// | `crate = "path"` | where `eventsource` is to be found |
///
/// Generated: the enum, as visible as the state, with one variant for each event, named like it;
/// `From` each event for the enum; `Apply` for the enum; `IntoEvents` for each event and the enum.
#[proc_macro_derive(Aggregate, attributes(aggregate))]
pub fn aggregate(input: TokenStream) -> TokenStream {
    run(derive::aggregate, input, facade())
}

/// [`Aggregate`](macro@Aggregate) for packages that depend on `eventsource-core` alone; it is exported there under that name.
#[proc_macro_derive(CoreAggregate, attributes(aggregate))]
pub fn core_aggregate(input: TokenStream) -> TokenStream {
    run(derive::aggregate, input, core())
}

/// Makes a struct a row of a table that is folded from events.
///
/// ```
/// use eventsource::{DomainEvent, Fold, Keys, Recorded, View};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.credited", version = 1)]
/// struct Credited { cents: i64 }
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "money.transferred", version = 1)]
/// struct Transferred { from: String, to: String, cents: i64 }
///
/// #[derive(View)]
/// #[view(name = "balances", version = 1, events(Credited, Transferred))]
/// struct Balance {
///     #[view(key)]
///     account: String,
///     #[view(index)]
///     cents: i64,
///     #[view(json)]
///     counterparts: Vec<String>,
/// }
///
/// impl Fold<Credited> for Balance {
///     fn keys(credited: &Recorded<Credited>) -> Keys<String> {
///         Keys::one(credited.stream.id())
///     }
///
///     fn fold(account: &String, row: Option<Self>, credited: &Recorded<Credited>) -> Option<Self> {
///         let mut row = row.unwrap_or_else(|| Self::of(account));
///         row.cents += credited.event.cents;
///         Some(row)
///     }
/// }
///
/// // One event, two rows.
/// impl Fold<Transferred> for Balance {
///     fn keys(transferred: &Recorded<Transferred>) -> Keys<String> {
///         Keys::several([&transferred.event.from, &transferred.event.to])
///     }
///
///     fn fold(account: &String, row: Option<Self>, transferred: &Recorded<Transferred>) -> Option<Self> {
///         let Transferred { from, to, cents } = &transferred.event;
///         let (other, cents) = if account == from { (to, -cents) } else { (from, *cents) };
///         let mut row = row.unwrap_or_else(|| Self::of(account));
///         row.cents += cents;
///         row.counterparts.push(other.clone());
///         Some(row)
///     }
/// }
///
/// impl Balance {
///     fn of(account: &str) -> Self {
///         Self { account: account.into(), cents: 0, counterparts: Vec::new() }
///     }
/// }
/// ```
///
/// The struct has named fields, at most 100, and no generics. Each is a column, called like it: `bool`, `i8` to `i64`,
/// `u8` to `u32`, `f64`, `String`, `Uuid`, `DateTime<Utc>`, `Decimal`, `Version`, and `Option` of these. Each event needs one `Fold`.
///
/// | in `#[view(…)]` | meaning |
/// |---|---|
/// | `name = "balances"` | mandatory: the stable name of the table, `[a-z][a-z0-9_]*`, at most 40 bytes |
/// | `version = 1` | mandatory: raised when a fold changes its meaning; changed columns are noticed without that |
/// | `events(Credited, Transferred)` | mandatory: the events that are folded, of one or several aggregates, the newest struct of each |
/// | `retired("old.name")` | stored names that are known and mean nothing any more |
/// | `crate = "path"` | where `eventsource` is to be found |
///
/// | in `#[view(…)]` on a field | meaning |
/// |---|---|
/// | `key` | the value by which rows are told apart, exactly one: neither `f64` nor `Decimal` nor `Option`; `Fold::keys` says which rows an event concerns |
/// | `key = stream` | the same, a `String`: the id of the event's stream, so that `Fold::keys` is not needed |
/// | `index` | rows are looked up by it; not for `Decimal` |
/// | `json` | any type that serde knows, kept as JSON; its `null` is kept as nothing |
/// | `version` | a `Version`, only where the key is the stream: that of the last event that is folded into the row, set after each fold |
///
/// Generated: `View`, `InlineView` where there is a version, and a constant for the key and each column with an index, such as `Balance::CENTS`.
#[proc_macro_derive(View, attributes(view))]
pub fn view(input: TokenStream) -> TokenStream {
    run(derive::view, input, facade())
}

/// [`View`](macro@View) for packages that depend on `eventsource-core` alone; it is exported there under that name.
#[proc_macro_derive(CoreView, attributes(view))]
pub fn core_view(input: TokenStream) -> TokenStream {
    run(derive::view, input, core())
}
