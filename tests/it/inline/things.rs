//! Accounts, a view of them that knows how much of each stream it has, and the stores on which it is kept.

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    Aggregate, AppendOutcome, AppendRequest, Apply, DomainEvent, EventStore, ExpectedVersion, Fold, InlineStore,
    InlineViews, NewEvent, Projections, Recorded, StoreError, StoreWithViews, StreamId, Version, View, ViewReader,
};
use serde::{Deserialize, Serialize};

use crate::postgres::patient;

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.moved", version = 1)]
pub(super) struct Moved {
    pub(super) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.closed", version = 1)]
pub(super) struct Closed {}

/// Of no concern to the view.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.noted", version = 1)]
pub(super) struct Noted {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Moved, Closed, Noted))]
pub(super) struct Account;

impl Apply<Moved> for Account {
    fn apply(&mut self, _: &Moved) {}
}

impl Apply<Closed> for Account {
    fn apply(&mut self, _: &Closed) {}
}

impl Apply<Noted> for Account {
    fn apply(&mut self, _: &Noted) {}
}

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "inline_balances", version = 1, events(Moved, Closed))]
pub(super) struct Balance {
    #[view(key = stream)]
    pub(super) account: String,
    #[view(version)]
    pub(super) version: Version,
    #[view(index)]
    pub(super) cents: i64,
    /// An event that is folded twice, or not at all, shows here.
    pub(super) events: i64,
    /// The order in which events were folded shows here, and where each stands.
    pub(super) trace: i64,
}

/// Makes the fold panic.
pub(super) const UNBEARABLE: i64 = i64::MIN;

impl Fold<Moved> for Balance {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<Moved>) -> Option<Self> {
        assert!(moved.event.cents != UNBEARABLE, "such an amount cannot be borne");
        let begin = || Self { account: account.clone(), version: Version(0), cents: 0, events: 0, trace: 0 };
        let row = row.unwrap_or_else(begin);
        let trace = row.trace.wrapping_mul(31).wrapping_add(moved.event.cents).wrapping_add(moved.position.0 as i64);
        Some(Self { cents: row.cents + moved.event.cents, events: row.events + 1, trace, ..row })
    }
}

impl Fold<Closed> for Balance {
    fn fold(_: &String, _: Option<Self>, _: &Recorded<Closed>) -> Option<Self> {
        None
    }
}

pub(super) fn account(id: u64) -> StreamId {
    StreamId::new("account", &id.to_string()).unwrap()
}

pub(super) fn moved(cents: i64) -> NewEvent {
    NewEvent::encode(&Moved { cents }).unwrap()
}

pub(super) fn closed() -> NewEvent {
    NewEvent::encode(&Closed {}).unwrap()
}

pub(super) fn noted() -> NewEvent {
    NewEvent::encode(&Noted {}).unwrap()
}

pub(super) async fn append(
    store: &impl EventStore,
    id: u64,
    expected: impl Into<ExpectedVersion>,
    events: Vec<NewEvent>,
) -> Result<AppendOutcome, StoreError> {
    store.append(AppendRequest::new(account(id), expected, events).into()).await
}

/// What must be stored.
pub(super) async fn stored(store: &impl EventStore, id: u64, events: Vec<NewEvent>) {
    let outcome = append(store, id, ExpectedVersion::Any, events).await.unwrap();
    assert!(matches!(outcome, AppendOutcome::Stored(_)), "{outcome:?}");
}

pub(super) async fn inline<S: InlineStore>(store: S) -> StoreWithViews<S> {
    InlineViews::new(store).add::<Account, Balance>().start().await.unwrap()
}

pub(super) async fn row(store: &(impl InlineStore + Clone), id: u64) -> Option<Balance> {
    ViewReader::<Balance>::inline(store.clone()).get(account(id).id()).await.unwrap()
}

/// The table is what its folds make of the events.
pub(super) async fn is_exact(store: &(impl InlineStore + Clone)) {
    let mut differences = Vec::new();
    let compared = Projections::new(store).refold::<Balance>(|difference| differences.push(difference.clone())).await;
    assert!(compared.unwrap().is_equal(), "{differences:#?}");
}

/// The same test on each store, with two handles on its data.
pub(super) trait OnEach {
    async fn on<S: InlineStore + Clone>(&self, store: S, another: S);
}

pub(super) async fn on_each(test: impl OnEach) {
    let store = MemoryStore::new();
    test.on(store.clone(), store).await;
    let store = SqliteStore::in_memory().await.unwrap();
    test.on(store.clone(), store).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inline.db");
    let open = async || SqliteStore::open(&path).await.unwrap();
    test.on(open().await, open().await).await;
    let database = crate::postgres::database().await;
    let store = crate::postgres::store_in(&database, patient()).await;
    test.on(store, PgStore::connect(database.url()).await.unwrap()).await;
}
