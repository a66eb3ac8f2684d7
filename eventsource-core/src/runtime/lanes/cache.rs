//! The lanes of a repository, as many as its cache has room for.

use std::sync::Arc;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use crate::folding::aggregate::Aggregate;
use crate::words::error::StoreError;
use crate::words::stream::StreamId;

use super::lane::Lane;

/// How many states a repository keeps between commands, so that a command needs no load.
///
/// ```
/// use eventsource::CacheLimits;
///
/// let limits = CacheLimits::default().states(1_000);
/// assert_eq!(limits.bytes, 64 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// States at most: 10,000.
    pub states: usize,
    /// Bytes that they take at most: 64 MiB. A state counts with its size in memory, without what it points to,
    /// unless [`Repository::weighing`](crate::Repository::weighing) says more.
    pub bytes: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { states: 10_000, bytes: 64 << 20 }
    }
}

impl CacheLimits {
    /// So many states; 1 at least.
    pub fn states(mut self, states: usize) -> Self {
        self.states = states.max(1);
        self
    }

    /// So many bytes; 1 at least.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes.max(1);
        self
    }
}

/// What surrounds a state: its lane, its stream's name, the cache's own.
const OVERHEAD: usize = 512;

/// The lanes of a repository, by the aggregates' ids. One that is in use stays.
pub(crate) struct Lanes<A: Aggregate> {
    cache: Cache<String, Kept<A>, Share, DefaultHashBuilder, InUse>,
    weigh: fn(&A) -> usize,
}

impl<A: Aggregate> Lanes<A> {
    pub(crate) fn new(limits: CacheLimits, weigh: fn(&A) -> usize) -> Self {
        // One budget for both limits: no state counts less than its share of the bytes.
        let share = Share((limits.bytes / limits.states).max(1) as u64);
        let hasher = DefaultHashBuilder::default();
        let cache = Cache::with(limits.states, share.0 * limits.states as u64, share, hasher, InUse);
        Self { cache, weigh }
    }

    /// The one lane of an aggregate; the error names the rule that the id breaks.
    pub(crate) fn of(&self, id: &str) -> Result<Arc<Lane<A>>, StoreError> {
        let new = || Ok::<_, StoreError>(Kept { lane: Arc::new(Lane::new(StreamId::new(A::NAME, id)?)), bytes: 0 });
        Ok(self.cache.get_or_insert_with(id, new)?.lane)
    }

    /// The lane, if there is one.
    pub(crate) fn known(&self, id: &str) -> Option<Arc<Lane<A>>> {
        Some(self.cache.get(id)?.lane)
    }

    /// Throws a lane out. Who is in it goes on, and who comes next begins anew.
    pub(crate) fn forget(&self, id: &str) {
        self.cache.remove(id);
    }

    /// Notes how much a state takes.
    pub(crate) fn weigh(&self, lane: &Arc<Lane<A>>, state: &A) {
        let bytes = (OVERHEAD + std::mem::size_of::<A>() + (self.weigh)(state)) as u64;
        if lane.weighs(bytes) {
            // Where it has been thrown out meanwhile, it stays out.
            let _ = self.cache.replace(lane.stream.id().to_owned(), Kept { lane: lane.clone(), bytes }, true);
        }
    }
}

struct Kept<A> {
    lane: Arc<Lane<A>>,
    /// As long as it is kept, it must be the same.
    bytes: u64,
}

impl<A> Clone for Kept<A> {
    fn clone(&self) -> Self {
        Self { lane: self.lane.clone(), bytes: self.bytes }
    }
}

/// What a state takes of the budget, and at least this.
#[derive(Clone, Copy)]
struct Share(u64);

impl<A> Weighter<String, Kept<A>> for Share {
    fn weight(&self, _: &String, kept: &Kept<A>) -> u64 {
        kept.bytes.max(self.0)
    }
}

/// While somebody is in a lane, all others must come to the same.
#[derive(Clone, Copy)]
struct InUse;

impl<A> Lifecycle<String, Kept<A>> for InUse {
    type RequestState = ();

    fn is_pinned(&self, _: &String, kept: &Kept<A>) -> bool {
        Arc::strong_count(&kept.lane) > 1
    }
}
