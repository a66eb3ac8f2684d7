//! The aggregate of these tests, and the stores on which they run.

use std::future::Future;
use std::sync::Arc;

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{Aggregate, Apply, DomainEvent, EventStore, Handle, Repository};
use eventsource_test_cluster::Database;
use serde::{Deserialize, Serialize};

use crate::postgres::patient;

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "account.deposited", version = 1)]
pub(super) struct Deposited {
    pub(super) cents: u64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[event(name = "account.withdrawn", version = 1)]
pub(super) struct Withdrawn {
    pub(super) cents: u64,
}

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "account", events(Deposited, Withdrawn), snapshot(every = 10), derive(Clone, Debug, PartialEq))]
pub(super) struct Account {
    pub(super) cents: u64,
    pub(super) movements: u64,
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, event: &Deposited) {
        self.cents += event.cents;
        self.movements += 1;
    }
}

impl Apply<Withdrawn> for Account {
    fn apply(&mut self, event: &Withdrawn) {
        self.cents -= event.cents;
        self.movements += 1;
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{wanted} cents wanted, {there} there")]
pub(super) struct NotEnough {
    pub(super) wanted: u64,
    pub(super) there: u64,
}

impl Account {
    pub(super) fn withdraw(&self, cents: u64) -> Result<Withdrawn, NotEnough> {
        if cents > self.cents {
            return Err(NotEnough { wanted: cents, there: self.cents });
        }
        Ok(Withdrawn { cents })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Withdraw {
    pub(super) cents: u64,
}

impl Handle<Withdraw> for Account {
    type Decision = Result<Withdrawn, NotEnough>;

    fn handle(&self, command: &Withdraw) -> Self::Decision {
        self.withdraw(command.cents)
    }
}

pub(super) fn deposited(cents: u64) -> Deposited {
    Deposited { cents }
}

/// A store on PostgreSQL with few connections: many tests run at a time.
pub(super) async fn postgres(database: &Database) -> PgStore {
    PgStore::migrate(database.url()).await.unwrap();
    PgStore::connect_with(database.url(), patient().connections(4)).await.unwrap()
}

/// Runs a test on each kind of store.
pub(super) async fn on_each<F: Future<Output = ()>>(test: impl Fn(Repository<Account>) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    let stores: [Arc<dyn EventStore>; 4] = [
        Arc::new(MemoryStore::new()),
        Arc::new(SqliteStore::in_memory().await.unwrap()),
        Arc::new(SqliteStore::open(folder.path().join("accounts.db")).await.unwrap()),
        Arc::new(postgres(&database).await),
    ];
    for store in stores {
        test(Repository::new(store)).await;
    }
}
