//! That no event ever appears behind a reader: transactions that are held open at the worst moments, one by one.
//!
//! What happens when many of them meet by chance is the race's part (`race.rs`).

mod beside;
mod crash;
mod held;
mod numbers;
mod shapes;
mod slow;
mod status;

use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::{Ordering, PgOptions, PgStore};
use eventsource::{
    AppendOutcome, AppendRequest, Cursor, EventStore, ExpectedVersion, NewEvent, Position, RawEvent, Read, StoreError,
    StreamId, Version,
};
use eventsource_test_cluster::Database;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::task::JoinHandle;

use super::{database, patient, store_in};

/// For what happens at once or never: long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const CATEGORY: &str = "order";
const NAME: &str = "order.happened";

/// A store, and readers of several kinds that follow it.
struct Scene {
    database: Database,
    options: PgOptions,
    store: PgStore,
    followers: Vec<Follower>,
    ordering: Ordering,
    /// Of the event that was there before.
    first: Position,
}

impl Scene {
    async fn new() -> Self {
        Self::with(Ordering::Floor).await
    }

    async fn with(ordering: Ordering) -> Self {
        let options = patient().ordering(ordering).connections(4);
        Self { ordering, ..Self::on(database().await, options).await }
    }

    /// With one event that was there before.
    async fn on(database: Database, options: PgOptions) -> Self {
        let store = store_in(&database, options.clone()).await;
        let followers = vec![
            Follower::new(Read::all()),
            Follower::new(Read::all().limit(1)),
            Follower::new(Read::category(CATEGORY)),
            Follower::new(Read::all().names([NAME]).limit(2)),
        ];
        let first = append(store.clone(), "before".to_owned()).await;
        Self { database, options, store, followers, ordering: Ordering::Floor, first }
    }

    /// Another process, which does not wait for anything.
    async fn another(&self) -> PgStore {
        let options = self.options.clone().listen(false);
        PgStore::connect_with(self.database.url(), options).await.expect("connects")
    }

    async fn append(&self, id: &str) -> Position {
        append(self.store.clone(), id.to_owned()).await
    }

    /// An append that may have to wait for another one's end.
    fn begin_append(&self, id: &str) -> JoinHandle<Position> {
        tokio::spawn(append(self.store.clone(), id.to_owned()))
    }

    /// A transaction that stays open until the test ends it.
    async fn open(&self) -> Open {
        let mut open = Open { store: self.store.clone(), pg: connect(self.database.url()).await };
        open.run("BEGIN").await;
        open
    }

    /// Statements of their own.
    async fn run(&self, sql: &str) {
        let mut pg = connect(self.database.url()).await;
        run(&mut pg, sql).await;
    }

    /// What was delivered so far, to every reader the same: those that follow on kept connections, one that
    /// resumes on a new connection, and one that begins anew.
    async fn delivered(&mut self) -> Vec<String> {
        let mut newcomer = Follower::new(Read::all());
        let mut resumed = self.followers[0].clone();
        let another = self.another().await;
        for follower in [&mut newcomer, &mut resumed] {
            follower.follow(&another).await.expect("reads");
        }
        for follower in &mut self.followers {
            follower.follow(&self.store).await.expect("reads");
            assert_eq!(newcomer.delivered, follower.delivered, "reading {:?}", follower.read);
        }
        assert_eq!(newcomer.delivered, resumed.delivered, "after resuming");
        newcomer.delivered
    }

    /// Waits until that was delivered, for what happens beside the test.
    async fn delivers(&mut self, expected: &[&str]) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.delivered().await != expected {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        assert!(waited.await.is_ok(), "expected {expected:?}, but it is {:?}", self.delivered().await);
    }
}

/// A transaction of the test's, on a connection of its own.
struct Open {
    store: PgStore,
    pg: PgConnection,
}

impl Open {
    async fn append(&mut self, id: &str) -> Position {
        let outcome = self.store.append_in(&mut self.pg, &request(id)).await.expect("appends");
        stored(outcome)
    }

    async fn run(&mut self, sql: &str) {
        run(&mut self.pg, sql).await;
    }

    async fn commit(mut self) {
        self.run("COMMIT").await;
    }

    async fn roll_back(mut self) {
        self.run("ROLLBACK").await;
    }

    async fn pid(&mut self) -> i32 {
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut self.pg).await.expect("answers")
    }
}

/// A reader that remembers what it got.
#[derive(Clone)]
struct Follower {
    read: Read,
    cursor: Cursor,
    last: Position,
    delivered: Vec<String>,
}

impl Follower {
    fn new(read: Read) -> Self {
        Self { read, cursor: Cursor::START, last: Position(0), delivered: Vec::new() }
    }

    /// Reads to the end, from page to page.
    async fn follow(&mut self, store: &PgStore) -> Result<(), StoreError> {
        loop {
            let read = self.read.clone().after(self.cursor.position);
            let page = store
                .read(&read, &mut |event| {
                    assert!(event.position > self.last, "{} after {}", event.position, self.last);
                    self.last = event.position;
                    self.delivered.push(label(event));
                    Ok(())
                })
                .await?;
            assert!(page.next.position >= self.cursor.position, "back from {:?} to {page:?}", self.cursor);
            self.cursor = page.next;
            if page.at_end {
                return Ok(());
            }
        }
    }
}

/// The stream's id, and the version.
fn label(event: &RawEvent<'_>) -> String {
    format!("{}{}", event.stream.trim_start_matches("order-"), event.version)
}

/// One event to the stream of that id.
fn request(id: &str) -> AppendRequest {
    let stream = StreamId::new(CATEGORY, id).expect("a stream");
    AppendRequest::new(stream, ExpectedVersion::Any, vec![NewEvent::new(NAME, 1, b"{}".to_vec())])
}

async fn append(store: PgStore, id: String) -> Position {
    stored(store.append(Arc::new(request(&id))).await.expect("appends"))
}

fn stored(outcome: AppendOutcome) -> Position {
    let AppendOutcome::Stored(appended) = outcome else { panic!("not stored: {outcome:?}") };
    appended.streams[0].positions[0]
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("connects")
}

async fn run(pg: &mut PgConnection, sql: &str) {
    pg.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
