//! Aggregates by id: loading them, now and as of any moment.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::contract::load::{AsOf, Load, LoadRow};
use crate::contract::snapshot::SnapshotKey;
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::words::error::StoreError;
use crate::words::stream::{Position, StreamId, Version};

use super::fold::{Folded, snapshot_key};
use super::lanes::{CacheLimits, Lane, Lanes};
use super::retry::Retry;

/// The aggregates of one type in a store: execute commands on them, load them, look at their past.
///
/// Cheap to clone; clones share the store, and a cache: the states of the aggregates that were last asked to do something. Commands on
/// one aggregate are decided one after the other on the cached state, and what waits is stored together; a command that is alone
/// needs one round trip. Each append still says what it expects: what other processes, other repositories or `append_in`
/// write costs another attempt, and never a wrong answer. So make one repository and clone it.
///
/// With the feature `metrics`, these are counted, with the label `aggregate`:
///
/// | metric | what it counts |
/// |---|---|
/// | `eventsource_commands_total` | commands |
/// | `eventsource_command_attempts_total` | decisions, the first of each command among them |
/// | `eventsource_command_conflicts_total` | decisions that were not stored because somebody else had written |
/// | `eventsource_command_cached_states_total` | decisions for which the state was cached |
/// | `eventsource_command_loaded_states_total` | decisions for which it was loaded |
///
/// A command on [several](crate::execute_all()) counts once for each of them, and its conflict for the one that had moved.
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
pub struct Repository<A: Aggregate> {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) retry: Retry,
    pub(super) time_limit: Duration,
    limits: Option<CacheLimits>,
    weigh: fn(&A) -> usize,
    /// Made for the first command.
    lanes: Arc<OnceLock<Lanes<A>>>,
}

/// So long at most from a command's coming to its answer.
const TIME_LIMIT: Duration = Duration::from_secs(60);

impl<A: Aggregate> Clone for Repository<A> {
    fn clone(&self) -> Self {
        let Self { store, lanes, .. } = self;
        Self { store: store.clone(), lanes: lanes.clone(), ..*self }
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
        Self {
            store: Arc::new(store),
            retry: Retry::default(),
            time_limit: TIME_LIMIT,
            limits: Some(CacheLimits::default()),
            weigh: |_| 0,
            lanes: Arc::default(),
        }
    }

    /// Sets how often a command is tried.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how long a command may take, attempts and waiting together; 60 seconds if not set. What takes longer fails with
    /// an error that [`is_transient`](StoreError::is_transient), and may or may not have been stored.
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets how many states are kept; with a cache of its own from here on.
    pub fn with_cache(mut self, limits: CacheLimits) -> Self {
        self.limits = Some(limits);
        self.lanes = Arc::default();
        self
    }

    /// Keeps no state: each command loads, decides and appends by itself.
    pub fn without_cache(mut self) -> Self {
        self.limits = None;
        self.lanes = Arc::default();
        self
    }

    /// Says how many bytes a state takes besides its own size, for the [limit](CacheLimits::bytes) of the cache. It is asked
    /// after each command.
    pub fn weighing(mut self, weigh: fn(&A) -> usize) -> Self {
        self.weigh = weigh;
        self.lanes = Arc::default();
        self
    }

    pub(super) fn lanes(&self) -> Option<&Lanes<A>> {
        let limits = self.limits?;
        Some(self.lanes.get_or_init(|| Lanes::new(limits, self.weigh)))
    }

    /// The lane of an aggregate, if there is one.
    pub(super) fn known_lane(&self, id: &str) -> Option<Arc<Lane<A>>> {
        self.lanes.get()?.known(id)
    }

    /// Work for a command, as long as it may take.
    pub(super) async fn within_time<T, E: From<StoreError>>(
        &self,
        id: &str,
        work: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, E> {
        within(self.time_limit, || format!("{} {id:?}", A::NAME), work).await
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

    /// The aggregate as it stands, read from the store. An id without events is the default state at version 0.
    pub async fn load(&self, id: &str) -> Result<Loaded<A>, StoreError> {
        self.load_as_of(self.stream(id)?, None).await
    }

    /// The aggregate as this process knows it: at least what its own commands have stored, without asking the store.
    /// Others may have written since. Loaded where nothing is known of it.
    pub async fn load_cached(&self, id: &str) -> Result<Loaded<A>, StoreError> {
        match self.known_lane(id).and_then(|lane| lane.stored()) {
            Some(known) => Ok(known.folded().into()),
            None => self.load(id).await,
        }
    }

    /// Forgets what is cached of an aggregate: after its events were changed, as by
    /// maintenance that erases somebody's data.
    pub fn forget(&self, id: &str) -> Result<(), StoreError> {
        self.stream(id)?;
        if let Some(lanes) = self.lanes() {
            lanes.forget(id);
        }
        Ok(())
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
        let load = Load::new(self.stream(id)?).as_of(Some(AsOf::Version(Version(1)))).bare(true);
        let mut exists = false;
        let visit = &mut |_: LoadRow<'_>| {
            exists = true;
            Ok(())
        };
        self.store.load(&load, visit).await?;
        Ok(exists)
    }
}

/// Work for a command on `what`, as long as it may take. Pinned by the caller: moved, it would be copied each time.
pub(super) async fn within<T, E: From<StoreError>>(
    limit: Duration,
    what: impl FnOnce() -> String,
    mut work: Pin<&mut impl Future<Output = Result<T, E>>>,
) -> Result<T, E> {
    // What needs not wait needs no clock.
    if let Some(done) = futures::future::poll_immediate(work.as_mut()).await {
        return done;
    }
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => {
            let message = format!("a command on {} took longer than {limit:?}; it may have been stored or not", what());
            Err(StoreError::transient(message).into())
        }
    }
}
