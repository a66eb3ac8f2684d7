//! Everything that a program reads and writes, as one value: to be shown, and to be held against a store.

mod verify;

use std::any::type_name;
use std::fmt;

use crate::folding::aggregate::Aggregate;
use crate::folding::event_set::{EventDescriptor, EventSet, decode};
use crate::words::decode_error::DecodeError;
use crate::words::event::RawEvent;

pub use verify::{EventsVerified, Sample, TypesVerified, UnreadableType};

/// The events of a whole program: those of its aggregates, and the sets that its views read.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent, EventSet};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 2, upcast(from = 1, same))]
/// # struct Deposited { cents: u64 }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "card.issued", version = 1)]
/// # struct Issued { number: String }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Deposited))]
/// # struct Account { cents: u64 }
/// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
/// # #[derive(EventSet)]
/// # enum Onboarding { Deposited(Deposited), Issued(Issued) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = eventsource::memory::MemoryStore::new();
/// use eventsource::Catalog;
///
/// let catalog = Catalog::new().aggregate::<Account>()?.events::<Onboarding>()?;
///
/// // Before traffic, or in a health check: can this build read all that is stored?
/// let verified = catalog.verify(&store).await?;
/// assert!(verified.is_readable(), "{verified}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    readers: Vec<Reader>,
    foreign: Vec<String>,
}

/// Who decodes stored events, and which.
#[derive(Clone, Debug)]
struct Reader {
    shown: String,
    /// Of an aggregate, which must read every event of its streams.
    category: Option<&'static str>,
    events: &'static [EventDescriptor],
    retired: &'static [&'static str],
    decode: fn(&RawEvent<'_>) -> Result<(), DecodeError>,
}

/// Two parts of a program that cannot both be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CatalogError(String);

/// What a program knows of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogEntry {
    /// The stored name.
    pub name: &'static str,
    /// Older stored names.
    pub aliases: &'static [&'static str],
    /// The oldest version that is read.
    pub oldest: u32,
    /// The newest version that is read.
    pub newest: u32,
    /// The version that is written; older than `newest` in a rolling deploy.
    pub written: u32,
    /// Who reads it, such as "aggregate `account`".
    pub readers: Vec<String>,
}

impl Catalog {
    /// A program without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the events of an aggregate.
    ///
    /// Fails if another aggregate has its name, or another event one of the stored names.
    pub fn aggregate<A: Aggregate>(self) -> Result<Self, CatalogError> {
        let same = |reader: &&Reader| reader.category == Some(A::NAME);
        if self.readers.iter().any(|reader| same(&reader)) {
            return Err(CatalogError(format!("two aggregates are named `{}`", A::NAME)));
        }
        self.add::<A::Event>(format!("aggregate `{}`", A::NAME), Some(A::NAME))
    }

    /// Adds a set of events, such as a view reads it.
    ///
    /// Fails if an event of it is stored under a name that another event has as well.
    pub fn events<S: EventSet>(self) -> Result<Self, CatalogError> {
        self.add::<S>(format!("`{}`", type_name::<S>()), None)
    }

    /// Says that stored names with this beginning, such as `billing.`, belong to another program on the same store.
    pub fn foreign(mut self, prefix: impl Into<String>) -> Self {
        self.foreign.push(prefix.into());
        self
    }

    /// Every event once, in order of name.
    pub fn entries(&self) -> Vec<CatalogEntry> {
        let mut entries: Vec<CatalogEntry> = Vec::new();
        for (reader, event) in
            self.readers.iter().flat_map(|reader| reader.events.iter().map(move |event| (reader, event)))
        {
            match entries.iter_mut().find(|entry| entry.name == event.name) {
                Some(entry) => entry.readers.push(reader.shown.clone()),
                None => entries.push(CatalogEntry {
                    name: event.name,
                    aliases: event.aliases,
                    oldest: event.oldest,
                    newest: event.version,
                    written: event.written,
                    readers: vec![reader.shown.clone()],
                }),
            }
        }
        entries.sort_by_key(|entry| entry.name);
        entries
    }

    fn add<S: EventSet>(mut self, shown: String, category: Option<&'static str>) -> Result<Self, CatalogError> {
        for event in S::EVENTS {
            self.refuse_another_of_its_names(event, &shown)?;
        }
        let decode = |raw: &RawEvent<'_>| decode::<S>(raw).map(drop);
        self.readers.push(Reader { shown, category, events: S::EVENTS, retired: S::RETIRED, decode });
        Ok(self)
    }

    /// One stored name means one struct: two would read and write different shapes under it.
    fn refuse_another_of_its_names(&self, event: &EventDescriptor, shown: &str) -> Result<(), CatalogError> {
        let names = std::iter::once(&event.name).chain(event.aliases);
        for (name, reader) in names.flat_map(|name| self.readers.iter().map(move |reader| (name, reader))) {
            if reader.events.iter().any(|other| other.id != event.id && other.is_stored_as(name)) {
                return Err(CatalogError(format!(
                    "two structs are stored as `{name}`, one of {} and one of {shown}: give one of them another name, \
                     or let both read the newest struct of the event",
                    reader.shown
                )));
            }
        }
        Ok(())
    }
}

impl Reader {
    fn knows(&self, name: &str) -> bool {
        let event = |event: &EventDescriptor| event.is_stored_as(name) || event.split_sources.contains(&name);
        self.events.iter().any(event) || self.retired.contains(&name)
    }
}

impl fmt::Display for CatalogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, oldest, newest, written, .. } = self;
        write!(f, "{name} v{oldest}-v{newest}")?;
        if written < newest {
            write!(f, ", writes v{written}")?;
        }
        write!(f, ": {}", self.readers.join(", "))
    }
}
