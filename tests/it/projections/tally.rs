//! A projection of one's own that counts what must not be counted twice, and the stores on which it does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsource::memory::{Kept, MemoryStore};
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{BoxError, EventSet, Projection, Projections, Recorded, TransactionalStore, ViewStore};
use eventsource_test_cluster::Database;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tokio::sync::Notify;

use super::things::*;
use crate::postgres::patient;
use crate::wrapped::Wrapped;

/// Cents and events of each account.
pub(super) type Tallies = BTreeMap<String, (i64, i64)>;

#[derive(EventSet)]
pub(super) enum Counted {
    Moved(Moved),
    Closed(Closed),
}

/// How a connection counts.
pub(super) trait Counting: Send + Sized + 'static {
    fn begin(&mut self) -> impl Future<Output = Result<(), BoxError>> + Send;
    fn add(&mut self, account: &str, cents: i64) -> impl Future<Output = Result<(), BoxError>> + Send;
    fn close(&mut self, account: &str) -> impl Future<Output = Result<(), BoxError>> + Send;
    /// A statement of somebody who knows too much.
    fn execute(&mut self, statement: &'static str) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// What goes wrong in the next batch, behind what it has counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mishap {
    /// So many times.
    Fails(u32),
    Panics,
    /// The end of the transaction, or a statement that fails: the error is passed over.
    Executes(&'static str),
    /// The same, and then it fails.
    FailsBehind(&'static str),
}

/// Who hears that somebody is there, and who lets them go on.
type Gate = (Arc<Notify>, Arc<Notify>);

#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) next: Arc<Mutex<Option<Mishap>>>,
    /// Where the next batch says that it is there, and waits until it is told to go on.
    gate: Arc<Mutex<Option<Gate>>>,
}

impl Tally {
    pub(super) fn with(mishap: Mishap) -> Self {
        let tally = Self::default();
        *tally.next.lock().unwrap() = Some(mishap);
        tally
    }

    /// The first batch waits: for whom it says that it is there, and who lets it go on.
    pub(super) fn waiting() -> (Self, Arc<Notify>, Arc<Notify>) {
        let (tally, here, go_on) = (Self::default(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        *tally.gate.lock().unwrap() = Some((here.clone(), go_on.clone()));
        (tally, here, go_on)
    }
}

impl<C: Counting> Projection<C> for Tally {
    type Event = Counted;
    const NAME: &'static str = "tally";
    const VERSION: u32 = 1;

    async fn begin(&self, connection: &mut C) -> Result<(), BoxError> {
        connection.begin().await
    }

    async fn handle(&self, events: &[Recorded<Counted>], connection: &mut C) -> Result<(), BoxError> {
        for event in events {
            let account = event.stream.id();
            match &event.event {
                Counted::Moved(moved) => connection.add(account, moved.cents).await?,
                Counted::Closed(_) => connection.close(account).await?,
            }
        }
        let gate = self.gate.lock().unwrap().take();
        if let Some((here, go_on)) = gate {
            here.notify_one();
            go_on.notified().await;
        }
        let mishap = self.next.lock().unwrap().take();
        match mishap {
            None => {}
            Some(Mishap::Fails(times)) => {
                *self.next.lock().unwrap() = (times > 1).then_some(Mishap::Fails(times - 1));
                return Err("the ink has run out".into());
            }
            Some(Mishap::Panics) => panic!("the pen has broken"),
            Some(Mishap::Executes(statement)) => drop(connection.execute(statement).await),
            Some(Mishap::FailsBehind(statement)) => {
                connection.execute(statement).await?;
                return Err("the ink has run out".into());
            }
        }
        Ok(())
    }
}

impl Counting for Kept {
    async fn begin(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    async fn add(&mut self, account: &str, cents: i64) -> Result<(), BoxError> {
        let row = self.entry(account.to_owned()).or_insert_with(|| json!([0, 0]));
        let (before, events) = (row[0].as_i64().unwrap(), row[1].as_i64().unwrap());
        *row = json!([before + cents, events + 1]);
        Ok(())
    }

    async fn close(&mut self, account: &str) -> Result<(), BoxError> {
        self.remove(account);
        Ok(())
    }

    async fn execute(&mut self, _: &'static str) -> Result<(), BoxError> {
        Ok(())
    }
}

macro_rules! counting_in_sql {
    ($connection:ty) => {
        impl Counting for $connection {
            async fn begin(&mut self) -> Result<(), BoxError> {
                self.execute("CREATE TABLE IF NOT EXISTS tally (account TEXT PRIMARY KEY, cents BIGINT, events BIGINT)")
                    .await
            }

            async fn add(&mut self, account: &str, cents: i64) -> Result<(), BoxError> {
                let add = "INSERT INTO tally VALUES ($1, $2, 1) ON CONFLICT (account) \
                           DO UPDATE SET cents = tally.cents + excluded.cents, events = tally.events + 1";
                sqlx::query(add).bind(account).bind(cents).execute(self).await?;
                Ok(())
            }

            async fn close(&mut self, account: &str) -> Result<(), BoxError> {
                sqlx::query("DELETE FROM tally WHERE account = $1").bind(account).execute(self).await?;
                Ok(())
            }

            async fn execute(&mut self, statement: &'static str) -> Result<(), BoxError> {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(self).await?;
                Ok(())
            }
        }
    };
}

counting_in_sql!(SqliteConnection);
counting_in_sql!(PgConnection);

/// A store, and a look past it at what was counted.
pub(super) struct Side<S> {
    pub(super) store: Wrapped<S>,
    /// Nobody claims anything while a transaction is open.
    pub(super) writes_one_by_one: bool,
    look: Box<dyn Fn() -> BoxFuture<'static, Tallies> + Send + Sync>,
}

impl<S: ViewStore + TransactionalStore> Side<S>
where
    Tally: Projection<S::Connection>,
{
    /// The tally, with the shortest lease there is.
    pub(super) fn tally(&self, tally: &Tally) -> Projections<Wrapped<S>> {
        Self::tally_on(&self.store, tally)
    }

    pub(super) fn tally_on(store: &Wrapped<S>, tally: &Tally) -> Projections<Wrapped<S>> {
        Projections::new(store).lease(Duration::from_secs(1)).projection(tally.clone())
    }

    pub(super) async fn tallies(&self) -> Tallies {
        (self.look)().await
    }

    pub(super) async fn reaches(&self, expected: &Expected) {
        let wanted = expected.tallies();
        until("all is counted", async || self.tallies().await == wanted).await;
    }
}

pub(super) async fn in_memory() -> Side<MemoryStore> {
    let store = MemoryStore::new();
    let kept = store.clone();
    let look = move || {
        let kept = kept.kept();
        let row = |(account, row): (&String, &serde_json::Value)| {
            (account.clone(), (row[0].as_i64().unwrap(), row[1].as_i64().unwrap()))
        };
        let tallies: Tallies = kept.iter().map(row).collect();
        std::future::ready(tallies).boxed()
    };
    Side { store: Wrapped::of(store), writes_one_by_one: false, look: Box::new(look) }
}

const LOOK: &str = "SELECT account, cents, events FROM tally";

/// Before the table is made there is nothing in it.
fn tallies<R: Row>(rows: Result<Vec<R>, sqlx::Error>) -> Tallies
where
    usize: sqlx::ColumnIndex<R>,
    String: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    i64: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    rows.unwrap_or_default().iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

pub(super) async fn in_sqlite(folder: &tempfile::TempDir) -> Side<SqliteStore> {
    let file = folder.path().join("tally.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let look = move || {
        let url = format!("sqlite://{}", file.display());
        async move {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            tallies(sqlx::query(LOOK).fetch_all(&mut connection).await)
        }
        .boxed()
    };
    Side { store: Wrapped::of(store), writes_one_by_one: true, look: Box::new(look) }
}

pub(super) async fn in_postgres(database: &Database) -> Side<PgStore> {
    let store = crate::postgres::store_in(database, patient()).await;
    let url = database.url().to_owned();
    let look = move || {
        let url = url.clone();
        async move {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let found = tallies(sqlx::query(LOOK).fetch_all(&mut connection).await);
            connection.close().await.unwrap();
            found
        }
        .boxed()
    };
    Side { store: Wrapped::of(store), writes_one_by_one: false, look: Box::new(look) }
}

/// The same test, a generic function, on each store.
macro_rules! on_each_side {
    ($test:ident) => {
        $test(in_memory().await).await;
        let folder = tempfile::tempdir().unwrap();
        $test(in_sqlite(&folder).await).await;
        let database = crate::postgres::database().await;
        $test(in_postgres(&database).await).await;
    };
}
pub(super) use on_each_side;
