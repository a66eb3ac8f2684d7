//! Event sourcing: store what happened, fold it into what is, and keep old events readable.
//!
//! ```
//! use eventsource::{Aggregate, Apply, DomainEvent, Repository, memory::MemoryStore};
//! use serde::{Deserialize, Serialize};
//!
//! /// A fact. The attribute says what is stored; renaming the struct changes nothing on disk.
//! #[derive(DomainEvent, Serialize, Deserialize)]
//! #[event(name = "door.opened", version = 1)]
//! struct Opened { by: String }
//!
//! /// A state, folded from facts.
//! #[derive(Aggregate, Default, Clone, Debug)]
//! #[aggregate(name = "door", events(Opened))]
//! struct Door { open: bool }
//!
//! impl Apply<Opened> for Door {
//!     fn apply(&mut self, _: &Opened) { self.open = true }
//! }
//!
//! #[derive(Debug, PartialEq, thiserror::Error)]
//! #[error("the door is open already")]
//! struct AlreadyOpen;
//!
//! /// A decision: from the state to facts, or to a refusal.
//! impl Door {
//!     fn open(&self, by: &str) -> Result<Opened, AlreadyOpen> {
//!         if self.open { return Err(AlreadyOpen) }
//!         Ok(Opened { by: by.into() })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let doors = Repository::<Door>::new(MemoryStore::new());
//! let opened = doors.execute("front", |door| door.open("alice")).await?;
//! assert!(opened.open);
//!
//! let refused = doors.execute("front", |door| door.open("bob")).await.unwrap_err();
//! assert_eq!(refused.refusal(), Some(&AlreadyOpen));
//! # Ok(())
//! # }
//! ```
//!
//! # Where to begin
//!
//! | you want to | look at |
//! |---|---|
//! | decide whether this is for you | [`guide::when_not`] |
//! | write the first aggregate | [`guide::start`] |
//! | choose events well | [`guide::modelling`] |
//! | change an event that is stored | [`guide::evolving`] |
//! | follow events as they come | [`guide::reading`] |
//! | answer questions about many aggregates | [`guide::views`] |
//! | show people what they have just changed | [`guide::consistency`] |
//! | do other work on events: tables of your own, mails, messages | [`guide::projections`] |
//! | let commands follow from events, across aggregates and over time | [`guide::processes`] |
//! | tell other systems, through a message broker | [`guide::integration`] |
//! | change such an answer, while it is asked for | [`guide::rebuilding`] |
//! | test decisions | [`guide::testing`] |
//! | run it on SQLite | [`guide::operating`] |
//! | run it on PostgreSQL | [`guide::postgres`] |
//! | write a store | [`guide::store_authors`] |
//! | serve it through HTTP | [`guide::web`] |
//!
//! # The words
//!
//! | | |
//! |---|---|
//! | [`DomainEvent`], [`EventSet`], [`Aggregate`], [`Apply`], [`Handle`] | what you write: facts, sets of facts, states, what facts mean, commands |
//! | [`EventSchema`], [`schema`], [`schema_lock!`] | what types look like in stored events, and that it does not change unnoticed |
//! | [`Repository`] | executes commands and loads states, now or as of a moment |
//! | [`execute_all`], [`Part`] | one decision on several aggregates, stored in one append |
//! | [`Events`], [`History`] | typed events of a store, and of one aggregate |
//! | [`Subscribe`], [`Subscription`] | typed events as they come, without an end |
//! | [`View`], [`Fold`], [`Keys`] | what you write: a row of a table, and what events change in it |
//! | [`ViewReader`], [`LiveView`] | the rows of a view: from its table, or folded when they are asked for, also as of the past |
//! | [`Projection`], [`Sink`] | what you write: work on events in the store's transactions, and outside of it |
//! | [`ProcessManager`], [`Reaction`] | what you write: which commands and timers follow from the events of a process |
//! | [`Publication`], [`Relay`], [`CloudEvent`], [`Publisher`] | what you write: what is published; a sink that publishes it, as what, and to which broker |
//! | [`Projections`], [`Statuses`], [`Progress`] | views, projections and sinks that run, each by one owner among all processes; how they do, and how far they are behind |
//! | [`InlineViews`], [`StoreWithViews`], [`InlineView`] | views of one row for each stream, folded in the append's own transaction |
//! | [`compare_views`], [`Compared`], [`RowDifference`] | what two tables of a view do not hold alike |
//! | [`memory::MemoryStore`], `sqlite::SqliteStore`, `postgres::PgStore` | where events are kept |
//! | [`copy()`], [`Import`] | every event of one store into another, and what a target of that implements |
//! | [`EventStore`], [`ViewStore`], [`InlineStore`], [`TransactionalStore`], [`AppendRequest`], [`Read`], [`Load`] | the contract of a store, for those who need more than the repository |
//! | [`ExecuteError`], [`StoreError`], [`DecodeError`] | the domain said no, somebody else was faster, or it broke: three cases, never mixed |
//!
//! # What it does not do
//!
//! - It does not notice that you changed the fields of an event without raising its version, unless the package
//!   has a file `events.lock` (see [`EventSchema`] and [`schema_lock!`]). It always notices a missing step between
//!   versions, and both while compiling.
//! - It sends mails to nobody. A [`Sink`] tells your code of events, at least once, and a [`Relay`] publishes them to a broker; the client
//!   of a mail server is yours, and so is passing over what the other side got twice, for which there is `eventsource-inbox`.
//! - It does not encrypt. `Debug` of a generated event enum prints no payload unless asked to; what you
//!   put into an event is stored as JSON that everybody with the file can read.
//! - It does not call the world from a decision. Do that before, and pass the result in.
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `derive` | yes | the derive macros |
//! | `sqlite` | no | the module `sqlite`: an embedded store in one file |
//! | `postgres` | no | the module `postgres`: a store on a PostgreSQL server |
//! | `rust_decimal` | no | [`EventSchema`] and [`ColumnType`] for `rust_decimal::Decimal` |
//! | `metrics` | no | what projections do, for the crate `metrics`: see [`Statuses`] |
//! | `testing` | no | the module `testing`: given / when / then, snapshot checks, the book of rules for stores |

#[doc(inline)]
pub use eventsource_core::*;

#[doc(hidden)]
pub use eventsource_core::__private;

#[cfg(feature = "derive")]
pub use eventsource_derive::{Aggregate, DomainEvent, EventSchema, EventSet, View, schema_lock};

#[cfg(feature = "postgres")]
#[doc(inline)]
pub use eventsource_postgres as postgres;

#[cfg(feature = "sqlite")]
#[doc(inline)]
pub use eventsource_sqlite as sqlite;

pub mod guide;

/// The program of the README, compiled and run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
