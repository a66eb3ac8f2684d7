//! Accounts, a view of them, and the stores on which they are projected.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    Activity, AppendRequest, DomainEvent, EventStore, ExpectedVersion, Fold, NewEvent, ProjectionStatus, Projections,
    Recorded, Statuses, StoreError, StreamId, View, ViewReader, ViewStore,
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::postgres::patient;
use crate::wrapped::Wrapped;

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

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 1, events(Moved, Closed))]
pub(super) struct Balance {
    #[view(key = stream)]
    pub(super) account: String,
    #[view(index)]
    pub(super) cents: i64,
    /// An event that is folded twice shows here.
    pub(super) events: i64,
}

impl Fold<Moved> for Balance {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<Moved>) -> Option<Self> {
        assert!(moved.event.cents != UNBEARABLE, "such an amount cannot be borne");
        let row = row.unwrap_or(Self { account: account.clone(), cents: 0, events: 0 });
        Some(Self { cents: row.cents + moved.event.cents, events: row.events + 1, ..row })
    }
}

impl Fold<Closed> for Balance {
    fn fold(_: &String, _: Option<Self>, _: &Recorded<Closed>) -> Option<Self> {
        None
    }
}

/// Makes the fold panic.
pub(super) const UNBEARABLE: i64 = i64::MIN;

pub(super) fn account(id: u64) -> StreamId {
    StreamId::new("account", &id.to_string()).unwrap()
}

pub(super) async fn append(store: &dyn EventStore, id: u64, events: Vec<NewEvent>) {
    store.append(AppendRequest::new(account(id), ExpectedVersion::Any, events).into()).await.unwrap();
}

pub(super) fn moved(cents: i64) -> NewEvent {
    NewEvent::encode(&Moved { cents }).unwrap()
}

/// What the view must hold after so many rounds of [`append_round`].
#[derive(Default)]
pub(super) struct Expected {
    rows: BTreeMap<String, Balance>,
    round: u64,
}

impl Expected {
    /// Appends to several accounts and notes what that means; now and then one is closed, and begins anew.
    pub(super) async fn append_round(&mut self, store: &dyn EventStore) {
        self.round += 1;
        for id in 0..5 {
            let cents = (self.round * 7 + id) as i64;
            let of = account(id);
            if (self.round + id).is_multiple_of(11) {
                append(store, id, vec![NewEvent::encode(&Closed {}).unwrap(), moved(cents)]).await;
                let row = Balance { account: of.id().to_owned(), cents, events: 1 };
                self.rows.insert(of.id().to_owned(), row);
                continue;
            }
            append(store, id, vec![moved(cents), NewEvent::encode(&Noted {}).unwrap(), moved(-1)]).await;
            let row = self.rows.entry(of.id().to_owned()).or_insert_with_key(|account| Balance {
                account: account.clone(),
                cents: 0,
                events: 0,
            });
            row.cents += cents - 1;
            row.events += 2;
        }
    }

    /// The same without rows.
    pub(super) fn tallies(&self) -> BTreeMap<String, (i64, i64)> {
        self.rows.iter().map(|(account, row)| (account.clone(), (row.cents, row.events))).collect()
    }

    /// Waits until the view holds it.
    pub(super) async fn is_reached(&self, store: &Wrapped) {
        let wanted: Vec<Balance> = self.rows.values().cloned().collect();
        let balances = ViewReader::<Balance>::new(store.clone());
        until("the view is up to date", async || match balances.list().page().await {
            Ok(page) => page.rows == wanted,
            // The table is made by whoever runs the view.
            Err(error) if error.is_invalid() => false,
            Err(error) => panic!("{error}"),
        })
        .await;
    }
}

/// Projections that run in a task.
pub(super) struct Running {
    pub(super) statuses: Statuses,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Running {
    pub(super) fn start<S: ViewStore + Clone>(projections: Projections<S>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let statuses = projections.statuses();
        let task = tokio::spawn(projections.run(async {
            let _ = stopped.await;
        }));
        Self { statuses, stop, task }
    }

    /// In good order.
    pub(super) async fn stop(self) -> Result<(), StoreError> {
        let _ = self.stop.send(());
        in_time(self.task).await.unwrap()
    }

    /// As if the process had ended: nothing is finished and nothing given back.
    pub(super) async fn kill(self) {
        self.task.abort();
        let _ = in_time(self.task).await;
    }

    /// Until it ends by itself.
    pub(super) async fn ended(self) -> Result<(), StoreError> {
        let ended = in_time(self.task).await.unwrap();
        drop(self.stop);
        ended
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        self.statuses.all().into_iter().next().expect("one projection")
    }

    pub(super) fn owns(&self) -> bool {
        matches!(self.statuses.all().first(), Some(status) if matches!(status.activity, Activity::CatchingUp | Activity::Live))
    }
}

/// Balances, with the shortest lease there is.
pub(super) fn balances(store: &Wrapped) -> Projections<Wrapped> {
    Projections::new(store).lease(Duration::from_secs(1)).view::<Balance>()
}

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(180);

/// Fails the test instead of letting it hang.
pub(super) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}"))
}

pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// The same test on each store.
pub(super) async fn on_each(test: impl AsyncFn(Wrapped)) {
    test(Wrapped::new(MemoryStore::new())).await;
    let folder = tempfile::tempdir().unwrap();
    test(Wrapped::new(SqliteStore::open(folder.path().join("projected.db")).await.unwrap())).await;
    let database = crate::postgres::database().await;
    test(Wrapped::new(crate::postgres::store_in(&database, patient()).await)).await;
}
