//! Views that are never behind: folded in the transaction of the append.

mod catch_up;
mod fold;
mod store;

use std::fmt;
use std::sync::Arc;

use crate::contract::inline::{InlineFold, InlineStore};
use crate::folding::aggregate::Aggregate;
use crate::folding::view::InlineView;
use crate::words::error::StoreError;

use fold::Inline;
pub use store::StoreWithViews;

/// Views that are kept inline: each append through the store that [`start`](Self::start) gives folds its events into
/// their rows, in its own transaction.
///
/// The rows of a stream are then as new as its events, for everybody, at once. That has a price: such an append is a
/// transaction of several round trips instead of one statement, and shares its commit with nobody; appends to one
/// stream wait for each other; and a fold that panics, or that makes what no column can keep, makes the append fail.
/// Appends of no concern to a view are as before.
///
/// Whoever appends to the store without the view leaves rows behind. The next append to such a stream through
/// it, or the next start, folds what is missing first: a read of what lies behind the row, which is the whole stream where
/// the row was deleted. Events between that the view does not know cost the same read.
///
/// A table that was once kept inline stays so: [`Projections`](crate::Projections) refuses to write it. Raise the
/// view's version to project it in another way.
///
/// ```
/// use eventsource::{InlineViews, Repository, Version, ViewReader, memory::MemoryStore};
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
/// # struct Balance { #[view(key = stream)] account: String, #[view(version)] version: Version, cents: i64 }
/// # impl Fold<Deposited> for Balance {
/// #     fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
/// #         let cents = row.map_or(0, |row| row.cents) + deposited.event.cents;
/// #         Some(Self { account: account.clone(), version: deposited.version, cents })
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = InlineViews::new(MemoryStore::new()).add::<Account, Balance>().start().await?;
/// let accounts = Repository::<Account>::new(store.clone());
/// accounts.execute("alice", |_| Deposited { cents: 100 }).await?;
///
/// let balances = ViewReader::<Balance>::inline(store);
/// let alice = balances.get("alice").await?.unwrap();
/// assert_eq!((alice.cents, alice.version), (100, Version(1)));
/// # Ok(())
/// # }
/// ```
#[must_use = "views are kept by the store that `start` gives"]
pub struct InlineViews<S> {
    store: S,
    views: Vec<Arc<dyn InlineFold>>,
}

impl<S: InlineStore> InlineViews<S> {
    /// No view yet.
    pub fn new(store: S) -> Self {
        Self { store, views: Vec::new() }
    }

    /// Adds a view of the streams of an aggregate. Its events in streams of other aggregates are not folded.
    pub fn add<A: Aggregate, V: InlineView>(self) -> Self {
        self.add_fold(Inline::<V>::of::<A>())
    }

    /// Adds a table with folds that are no [`View`](crate::View)'s.
    pub fn add_fold(mut self, fold: impl InlineFold) -> Self {
        self.views.push(Arc::new(fold));
        self
    }

    /// Makes the tables where they are missing, brings all rows to where their streams end, lets readers of the stable
    /// names see them, and gives the store that keeps them.
    ///
    /// It reads the events behind the place where the last start of the view ended, a page at a time, and says there how
    /// far it has come: killed, it goes on from there. Any number of processes may start at once, and append meanwhile.
    /// So it takes as long as reading what was appended since the last start, however much that is; for rows that appends
    /// have kept, it asks once a page, and only those that are behind are locked.
    ///
    /// Fails with [`is_transient`](StoreError::is_transient) while a projection of another process has the table, and with
    /// [`is_rewound`](StoreError::is_rewound) in a store that was put in the place of another.
    pub async fn start(self) -> Result<StoreWithViews<S>, StoreError> {
        for view in &self.views {
            catch_up::catch_up(&self.store, view).await?;
        }
        Ok(StoreWithViews::new(self.store, self.views))
    }
}

impl<S> fmt::Debug for InlineViews<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.views.iter().map(|view| view.table().table_name())).finish()
    }
}
