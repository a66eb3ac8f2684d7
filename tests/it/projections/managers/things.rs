//! Accounts, transfers between them, and a clock that is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use eventsource::memory::MemoryStore;
use eventsource::sqlite::{SqliteOptions, SqliteStore};
use eventsource::{Clock, Events, Limits, ProcessManager, Projections, Read, Repository, StreamId};

use super::transfer::{Account, Closed, Opened, Requested, Transfer, TransferEvent};
use crate::projections::things::until;
use crate::wrapped::Wrapped;

/// The system's clock, moved ahead by hand.
#[derive(Clone, Default)]
pub(super) struct Ahead(Arc<AtomicI64>);

impl Ahead {
    pub(super) fn clock(&self) -> Clock {
        let ahead = self.0.clone();
        Clock::new(move || Utc::now() + TimeDelta::seconds(ahead.load(SeqCst)))
    }

    pub(super) fn hours(&self, hours: i64) {
        self.0.fetch_add(hours * 60 * 60, SeqCst);
    }

    pub(super) fn memory(&self) -> Wrapped {
        Wrapped::new(MemoryStore::with(Limits::default(), self.clock()))
    }

    pub(super) async fn sqlite(&self) -> Wrapped {
        Wrapped::new(SqliteStore::in_memory_with(SqliteOptions::default().clock(self.clock())).await.unwrap())
    }
}

/// The same test on each store, by a clock that is set.
pub(super) async fn on_each_with_clock(test: impl AsyncFn(Wrapped, Ahead)) {
    let ahead = Ahead::default();
    test(ahead.memory(), ahead).await;
    let ahead = Ahead::default();
    test(ahead.sqlite().await, ahead).await;
    let ahead = Ahead::default();
    let database = crate::postgres::database().await;
    let options = crate::postgres::patient().clock(ahead.clock());
    test(Wrapped::new(crate::postgres::store_in(&database, options).await), ahead).await;
}

/// A manager, with the shortest lease there is.
pub(super) fn managing<M: ProcessManager>(store: &Wrapped) -> Projections<Wrapped> {
    Projections::new(store).lease(Duration::from_secs(1)).manager::<M>()
}

pub(super) async fn open(store: &Wrapped, account: &str, cents: i64) {
    Repository::<Account>::new(store.clone()).execute(account, |_| Opened { cents }).await.unwrap();
}

pub(super) async fn close(store: &Wrapped, account: &str) {
    Repository::<Account>::new(store.clone()).execute(account, |_| Closed {}).await.unwrap();
}

pub(super) async fn cents(store: &Wrapped, account: &str) -> i64 {
    Repository::<Account>::new(store.clone()).load(account).await.unwrap().cents
}

pub(super) async fn request(store: &Wrapped, slip: &str, from: &str, to: &str, cents: i64) {
    let requested = |_: &Transfer| Requested { from: from.to_owned(), to: to.to_owned(), cents };
    Repository::<Transfer>::new(store.clone()).execute(slip, requested).await.unwrap();
}

pub(super) async fn is_over(store: &Wrapped, slip: &str) -> bool {
    Repository::<Transfer>::new(store.clone()).load(slip).await.is_ok_and(|transfer| transfer.is_over)
}

pub(super) async fn ends(store: &Wrapped, slip: &str) {
    until(&format!("transfer {slip} is over"), async || is_over(store, slip).await).await;
}

/// What has become of a transfer.
pub(super) async fn story(store: &Wrapped, slip: &str) -> Vec<String> {
    let read = Read::stream(&StreamId::new("transfer", slip).unwrap());
    let mut events = Events::<TransferEvent>::new(store.clone(), read);
    let mut names = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        names.push(event.name.trim_start_matches("transfer.").to_owned());
    }
    names
}
