//! A view without a table: folded from the events when it is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::contract::read::{Read, Scope};
use crate::contract::store::EventStore;
use crate::folding::view::View;
use crate::folding::view_batch::ViewBatch;
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::stream::Version;

use super::events::Events;

/// So many events are folded at a time; what is kept between is the rows alone.
const BATCH: usize = 1_000;

/// The rows of a view, folded in memory from the events of a [`Read`]: nothing is stored, and nothing is ever behind.
///
/// With `until`, `recorded` and `occurred` of the read, or with [`until_version`](Self::until_version), they are the
/// rows of a moment in the past. It reads every event of the view in the scope of the read, so it is for views of few
/// events, for single streams, and for looking back. Memory holds the rows and one batch of events.
///
/// ```
/// use eventsource::{LiveView, Read, Repository, StreamId, Version, memory::MemoryStore};
/// # use eventsource::{Aggregate, Apply, DomainEvent, Fold, Recorded, View};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Deposited))]
/// # struct Account;
/// # impl Apply<Deposited> for Account { fn apply(&mut self, _: &Deposited) {} }
/// # #[derive(View)]
/// # #[view(name = "balances", version = 1, events(Deposited))]
/// # struct Balance { #[view(key = stream)] account: String, cents: i64 }
/// # impl Fold<Deposited> for Balance {
/// #     fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
/// #         let before = row.map_or(0, |row| row.cents);
/// #         Some(Self { account: account.clone(), cents: before + deposited.event.cents })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let accounts = Repository::<Account>::new(store.clone());
/// accounts.execute("alice", |_| Deposited { cents: 100 }).await?;
/// let opening = eventsource::now();
/// accounts.execute("alice", |_| Deposited { cents: 20 }).await?;
///
/// let balances = LiveView::<Balance>::new(store.clone(), Read::all());
/// assert_eq!(balances.rows().await?["alice"].cents, 120);
/// assert!(balances.row("bob").await?.is_none());
///
/// let one = LiveView::<Balance>::new(store.clone(), Read::stream(&StreamId::new("account", "alice")?));
/// assert_eq!(one.until_version(Version(1)).row("alice").await?.unwrap().cents, 100);
///
/// let then = LiveView::<Balance>::new(store, Read::all().recorded(..=opening));
/// assert!(then.row("alice").await?.unwrap().cents >= 100);
/// # Ok(())
/// # }
/// ```
pub struct LiveView<V> {
    store: Arc<dyn EventStore>,
    read: Read,
    until_version: Option<Version>,
    of: PhantomData<fn() -> V>,
}

impl<V: View> LiveView<V> {
    /// The view as the events of `read` make it, of whose names only those of the view are read.
    pub fn new(store: impl EventStore, read: Read) -> Self {
        Self { store: Arc::new(store), read, until_version: None, of: PhantomData }
    }

    /// Only events up to and at this version of their stream.
    pub fn until_version(mut self, version: Version) -> Self {
        self.until_version = Some(version);
        self
    }

    /// Every row, by its key.
    pub async fn rows(&self) -> Result<BTreeMap<V::Key, V>, StoreError> {
        self.fold(|_| true).await
    }

    /// The row of one key, if there is one; no other is folded or kept.
    pub async fn row<K>(&self, key: &K) -> Result<Option<V>, StoreError>
    where
        K: ToOwned<Owned = V::Key> + ?Sized,
    {
        let key = key.to_owned().into_stored();
        Ok(self.fold(|other| *other == key).await?.remove(&key))
    }

    async fn fold(&self, wanted: impl Fn(&V::Key) -> bool) -> Result<BTreeMap<V::Key, V>, StoreError> {
        let mut events = Events::<V::Event>::new(self.store.clone(), self.read.clone());
        let mut rows = BTreeMap::new();
        let mut at_end = false;
        while !at_end {
            let mut batch = ViewBatch::<V>::new();
            for _ in 0..BATCH {
                let Some(event) = events.next().await? else {
                    at_end = true;
                    break;
                };
                if self.until_version.is_none_or(|until| event.version <= until) {
                    batch.add_where(event, &wanted);
                } else if matches!(self.read.scope, Scope::Stream(_)) {
                    // Versions of one stream only rise.
                    at_end = true;
                    break;
                }
            }
            let before = batch.keys().filter_map(|key| rows.remove(key)).collect();
            for slot in batch.fold_rows(before)? {
                if let Some(row) = slot.row {
                    rows.insert(slot.key, row);
                }
            }
        }
        Ok(rows)
    }
}

impl<V: View> fmt::Debug for LiveView<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveView").field("view", &V::TABLE).field("read", &self.read).finish_non_exhaustive()
    }
}
