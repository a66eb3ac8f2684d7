//! How many connections there are, and for how long.

use std::time::{Duration, Instant};

use eventsource::postgres::PgStore;
use eventsource::{Activity, BoxError, EventStore, Projection, Projections, Recorded, Statuses};
use eventsource_test_cluster::{Cluster, Database};
use sqlx::PgConnection;
use tokio::sync::oneshot;

use super::subscriptions::Done;
use super::things::{any, number, shell, stored, until};
use super::{database, patient, store_in};

/// Of the store, without the one that counts.
async fn connections(shell: &mut PgConnection) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    number(shell, count).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_nobody_needs_any_more_are_closed() {
    let database = database().await;
    let options = patient().listen(false).idle_timeout(Duration::from_millis(300));
    let store = store_in(&database, options).await;
    let mut shell = shell(database.url()).await;
    let asks = (0..100).map(|_| store.head());
    futures::future::try_join_all(asks).await.unwrap();
    let some = connections(&mut shell).await;
    assert!((2..=8).contains(&some), "{some}");
    until("those that are not needed are gone", async || {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.head().await.unwrap();
        connections(&mut shell).await == 1
    })
    .await;
    stored(store.append(any("a")).await);
}

/// A projection that waits for what never comes; as many as there are numbers.
struct Idle<const N: u8>;

impl<const N: u8> Idle<N> {
    const LETTERS: [u8; 2] = [b'a' + N / 10, b'a' + N % 10];
}

impl<const N: u8> Projection<PgConnection> for Idle<N> {
    type Event = Done;
    const NAME: &'static str = match std::str::from_utf8(&Self::LETTERS) {
        Ok(name) => name,
        Err(_) => panic!("two letters are text"),
    };
    const VERSION: u32 = 1;

    async fn handle(&self, _: &[Recorded<Done>], _: &mut PgConnection) -> Result<(), BoxError> {
        Ok(())
    }
}

macro_rules! ten {
    ($to:expr, $tens:literal) => {
        $to.projection(Idle::<{ $tens * 10 }>)
            .projection(Idle::<{ $tens * 10 + 1 }>)
            .projection(Idle::<{ $tens * 10 + 2 }>)
            .projection(Idle::<{ $tens * 10 + 3 }>)
            .projection(Idle::<{ $tens * 10 + 4 }>)
            .projection(Idle::<{ $tens * 10 + 5 }>)
            .projection(Idle::<{ $tens * 10 + 6 }>)
            .projection(Idle::<{ $tens * 10 + 7 }>)
            .projection(Idle::<{ $tens * 10 + 8 }>)
            .projection(Idle::<{ $tens * 10 + 9 }>)
    };
}

fn a_hundred(store: &PgStore) -> Projections<PgStore> {
    let all = ten!(ten!(ten!(ten!(ten!(Projections::new(store), 0), 1), 2), 3), 4);
    ten!(ten!(ten!(ten!(ten!(all, 5), 6), 7), 8), 9)
}

fn are_live(statuses: &Statuses) -> bool {
    let all = statuses.all();
    all.len() == 100 && all.iter().all(|status| status.activity == Activity::Live)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_projections_that_wait_need_two_connections_and_ask_as_often_as_their_leases_say() {
    let cluster = Cluster::builder().setting("log_statement", "all").start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient().idle_timeout(Duration::from_millis(500))).await;
    let mut shell = shell(database.url()).await;
    // A third of it is 2 seconds, so each asks once in 2 seconds.
    let projections = a_hundred(&store).lease(Duration::from_secs(6));
    let statuses = projections.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(projections.run(async {
        let _ = stopped.await;
    }));
    until("all have begun", async || are_live(&statuses)).await;
    // And one listens.
    until("two are enough", async || connections(&mut shell).await <= 3).await;
    let statements = || cluster.log().lines().filter(|line| line.contains("execute ")).count();
    let (before, since) = (statements(), Instant::now());
    // Counted against the time that it took, so that a slow machine makes no difference.
    until("each has asked twice", async || statements() - before >= 200).await;
    let (asked, seconds) = (statements() - before, since.elapsed().as_secs_f64());
    let most = 1.5 * 100.0 * (seconds / 2.0 + 1.0);
    assert!((asked as f64) < most, "{asked} statements in {seconds} seconds, where {most} are too many");
    // On a busy machine one more may have been needed for a moment.
    until("two are enough", async || connections(&mut shell).await <= 3).await;
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
