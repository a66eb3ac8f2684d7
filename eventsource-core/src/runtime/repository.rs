//! Aggregates by id: loading them, now and as of any moment.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use crate::contract::load::{AsOf, Load};
use crate::contract::read::Read;
use crate::contract::snapshot::SnapshotKey;
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::words::error::StoreError;
use crate::words::stream::{Position, StreamId, Version};

use super::fold::{Folded, snapshot_key};
use super::retry::Retry;

/// The aggregates of one type in a store: execute commands on them, load them, look at their past.
///
/// Cheap to clone; clones share the store.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent, Repository, Version, memory::MemoryStore};
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
/// let accounts = Repository::<Account>::new(MemoryStore::new());
/// accounts.execute("alice", |_| Deposited { cents: 70 }).await?;
/// accounts.execute("alice", |_| Deposited { cents: 30 }).await?;
/// assert_eq!(accounts.load("alice").await?.cents, 100);
/// assert_eq!(accounts.load_at("alice", Version(1)).await?.cents, 70);
/// # Ok(())
/// # }
/// ```
pub struct Repository<A> {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) retry: Retry,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), retry: self.retry, aggregate: PhantomData }
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("category", &A::NAME).field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// An aggregate as it stands, or stood. Dereferences to the state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded<A> {
    /// The state; the default if the stream has no event.
    pub state: A,
    /// The version of the last event in it; 0 if there is none.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
}

impl<A> Deref for Loaded<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

impl<A: Aggregate> From<Folded<A>> for Loaded<A> {
    fn from(folded: Folded<A>) -> Self {
        Self { state: folded.state, version: folded.version, position: folded.position }
    }
}

impl<A: Aggregate> Repository<A> {
    /// The aggregates in `store`. A store is cheap to clone; an `Arc<dyn EventStore>` is one too.
    pub fn new(store: impl EventStore) -> Self {
        Self { store: Arc::new(store), retry: Retry::default(), aggregate: PhantomData }
    }

    /// Sets how often a command is tried.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The store beneath.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// The stream of an aggregate; the error names the rule that the id breaks.
    pub fn stream(&self, id: &str) -> Result<StreamId, StoreError> {
        Ok(StreamId::new(A::NAME, id)?)
    }

    /// Which snapshots this code can read, if the aggregate takes any.
    pub fn snapshot_key(&self) -> Option<SnapshotKey> {
        snapshot_key::<A>()
    }

    /// The aggregate as it stands. An id without events is the default state at version 0.
    pub async fn load(&self, id: &str) -> Result<Loaded<A>, StoreError> {
        self.load_as_of(self.stream(id)?, None).await
    }

    /// The aggregate as of a version, a position, a recorded or an occurred time.
    ///
    /// A moment behind the last event is the state as it stands; [`Loaded::version`] tells what is in it.
    pub async fn load_at(&self, id: &str, as_of: impl Into<AsOf>) -> Result<Loaded<A>, StoreError> {
        self.load_as_of(self.stream(id)?, Some(as_of.into())).await
    }

    pub(crate) async fn load_as_of(&self, stream: StreamId, as_of: Option<AsOf>) -> Result<Loaded<A>, StoreError> {
        let mut folded = Folded::new();
        folded.catch_up(&*self.store, Load::new(stream).as_of(as_of)).await?;
        Ok(folded.into())
    }

    /// Whether the stream has an event.
    pub async fn exists(&self, id: &str) -> Result<bool, StoreError> {
        let read = Read::stream(&self.stream(id)?).limit(1);
        Ok(self.store.read(&read, &mut |_| Ok(())).await?.count > 0)
    }
}
