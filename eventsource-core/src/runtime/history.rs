//! An aggregate's events, one page at a time.

use std::ops::RangeBounds;

use chrono::{DateTime, Utc};

use crate::contract::read::{Read, TimeRange};
use crate::folding::aggregate::Aggregate;
use crate::folding::event_set::decode_recorded;
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, Recorded};
use crate::words::stream::Version;

use super::repository::Repository;

/// Which part of an aggregate's events to read.
///
/// ```
/// use eventsource::{History, Version};
///
/// let page = History::all().after(Version(100)).limit(50);
/// # let _ = page;
/// ```
#[derive(Clone, Debug, Default)]
pub struct History {
    after: Version,
    limit: Option<usize>,
    recorded: TimeRange,
    occurred: TimeRange,
}

impl History {
    /// From the first event on.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only events behind this version.
    pub fn after(mut self, version: Version) -> Self {
        self.after = version;
        self
    }

    /// Only events recorded in this time.
    pub fn recorded(mut self, range: impl RangeBounds<DateTime<Utc>>) -> Self {
        self.recorded = TimeRange::new(range);
        self
    }

    /// Only events that occurred in this time.
    pub fn occurred(mut self, range: impl RangeBounds<DateTime<Utc>>) -> Self {
        self.occurred = TimeRange::new(range);
        self
    }

    /// At most this many stored events in a page: 1,000 if not said, 65,536 at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// A page of an aggregate's events, in their current versions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HistoryPage<E> {
    /// The events, in order of version. The parts of a split event are never on two pages.
    pub events: Vec<Recorded<E>>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Version>,
}

impl<A: Aggregate> Repository<A> {
    /// A page of the aggregate's events, in the order in which subscribers get them: on PostgreSQL, what was appended behind an
    /// append that is still open is in a [`load`](Repository::load) at once, and here when that one has ended.
    ///
    /// ```
    /// # use eventsource::{Aggregate, Apply, DomainEvent, History, Repository, memory::MemoryStore};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.deposited", version = 1)]
    /// # struct Deposited { cents: u64 }
    /// # #[derive(Aggregate, Default, Clone)]
    /// # #[aggregate(name = "account", events(Deposited))]
    /// # struct Account { cents: u64 }
    /// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let accounts = Repository::<Account>::new(MemoryStore::new());
    /// accounts.execute("alice", |_| [Deposited { cents: 70 }, Deposited { cents: 30 }]).await?;
    /// let mut from = History::all().limit(1);
    /// let mut cents = Vec::new();
    /// loop {
    ///     let page = accounts.history("alice", from.clone()).await?;
    ///     cents.extend(page.events.iter().map(|recorded| match &recorded.event {
    ///         AccountEvent::Deposited(deposited) => deposited.cents,
    ///     }));
    ///     match page.next {
    ///         Some(version) => from = from.after(version),
    ///         None => break,
    ///     }
    /// }
    /// assert_eq!(cents, [70, 30]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn history(&self, id: &str, history: History) -> Result<HistoryPage<A::Event>, StoreError> {
        let mut read = Read::stream(&self.stream(id)?).after_version(history.after);
        read.recorded = history.recorded;
        read.occurred = history.occurred;
        if let Some(limit) = history.limit {
            read = read.limit(limit);
        }
        let mut events = Vec::new();
        let mut last = history.after;
        let visit = &mut |raw: &RawEvent<'_>| {
            last = raw.version;
            Ok(decode_recorded(raw, |event| events.push(event))?)
        };
        let page = self.store.read(&read, visit).await?;
        Ok(HistoryPage { events, next: (!page.at_end).then_some(last) })
    }
}
