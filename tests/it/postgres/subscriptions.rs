//! Subscriptions to a server that stops, to an order that is not settled, and to a backup.

use std::time::{Duration, Instant};

use eventsource::postgres::PgStore;
use eventsource::{AppendOutcome, DomainEvent, EventStore, Position, Read, StreamId, Subscribe, Subscription};
use eventsource_test_cluster::{Cluster, Database, Proxy};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tokio::task::block_in_place;

use super::things::{any, in_time, number, request, run, shell, stored, until};
use super::{database, patient, store_in};

#[derive(DomainEvent, Serialize, Deserialize, Debug, PartialEq)]
#[event(name = "thing.done", version = 1)]
pub(super) struct Done {}

async fn next(subscription: &mut Subscription<Done>) -> (Position, StreamId) {
    let event = in_time("an event", subscription.next()).await.unwrap().unwrap();
    (event.position, event.stream)
}

async fn nothing_comes(subscription: &mut Subscription<Done>) {
    let more = tokio::time::timeout(Duration::from_millis(150), subscription.next()).await;
    assert!(more.is_err(), "{more:?}");
}

/// Appends however long it takes, as a repository would.
async fn append_through(store: &PgStore, id: u64) -> Position {
    let request = any(id);
    loop {
        match store.append(request.clone()).await {
            Ok(AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended)) => {
                return appended.streams[0].positions[0];
            }
            Ok(conflict) => panic!("{conflict:?}"),
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscription_survives_restarts_of_the_server_without_a_gap() {
    let cluster = Cluster::builder().start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient()).await;
    let reader = PgStore::connect(database.url()).await.unwrap();
    let mut subscribers = Vec::new();
    for store in [store.clone(), reader.clone(), reader] {
        let mut done = store.subscribe::<Done>(Read::all().limit(7));
        subscribers.push(tokio::spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 60 {
                seen.push(next(&mut done).await.0);
            }
            seen
        }));
    }
    let mut appended = Vec::new();
    for n in 0..60 {
        if n % 20 == 10 {
            block_in_place(|| {
                if n < 20 { cluster.stop_fast() } else { cluster.stop_immediate() }.unwrap();
                // Some attempts find nobody.
                std::thread::sleep(Duration::from_millis(300));
                cluster.start().unwrap();
            });
        }
        appended.push(in_time("an append", append_through(&store, n)).await);
    }
    for subscriber in subscribers {
        assert_eq!(in_time("all events", subscriber).await.unwrap(), appended);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscription_outlives_a_network_that_is_cut() {
    let database = database().await;
    let writer = store_in(&database, patient()).await;
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let url = proxy.url(database.url()).unwrap();
    let reader = PgStore::connect_with(&url, patient()).await.unwrap();
    let mut done = reader.subscribe::<Done>(Read::all());
    for n in 0..4 {
        stored(writer.append(any(n)).await);
        next(&mut done).await;
        nothing_comes(&mut done).await;
        let waiting = tokio::spawn(async move {
            let came = next(&mut done).await;
            (came, done)
        });
        proxy.cut();
        let position = stored(writer.append(any(n)).await).streams[0].positions[0];
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!waiting.is_finished());
        proxy.restore();
        let (came, again) = waiting.await.unwrap();
        assert_eq!(came.0, position);
        done = again;
    }
}

/// A holds its position, B commits a higher one: nothing of B comes before A has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscription_does_not_pass_an_append_that_is_still_open() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let elsewhere = PgStore::connect(database.url()).await.unwrap();
    for commits in [true, false] {
        let mut subscriptions = vec![];
        let behind = store.position_at(eventsource::now()).await.unwrap();
        for store in [&store, &elsewhere] {
            let mut waiting = store.subscribe::<Done>(Read::all().after(behind));
            nothing_comes(&mut waiting).await;
            subscriptions.push(waiting);
        }
        let mut connection: PgConnection = shell(database.url()).await;
        let mut transaction = connection.begin().await.unwrap();
        store.append_in(&mut transaction, &request("a", eventsource::ExpectedVersion::Any, 1)).await.unwrap();
        stored(store.append(any("b")).await);
        // One that comes now, and reads what is stored by itself.
        subscriptions.push(store.subscribe::<Done>(Read::all().after(behind)));
        for subscription in &mut subscriptions {
            nothing_comes(subscription).await;
        }
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        let expected: &[&str] = if commits { &["thing-a", "thing-b"] } else { &["thing-b"] };
        for subscription in &mut subscriptions {
            for stream in expected {
                assert_eq!(next(subscription).await.1.as_str(), *stream);
            }
            nothing_comes(subscription).await;
        }
    }
}

/// Somebody else's transaction, however long, is none of ours: the append beside it is delivered at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_open_transaction_that_appends_nothing_holds_up_no_subscription() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut shell = shell(database.url()).await;
    run(&mut shell, "CREATE TABLE unrelated (n int); BEGIN; INSERT INTO unrelated VALUES (1)").await.unwrap();
    let mut done = store.subscribe::<Done>(Read::all());
    nothing_comes(&mut done).await;
    let started = Instant::now();
    for n in 0..20 {
        stored(store.append(any(n)).await);
        next(&mut done).await;
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_that_takes_the_stores_place_ends_running_subscriptions_with_an_error() {
    let cluster = Cluster::builder().start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient()).await;
    for n in 0..3 {
        stored(store.append(any(n)).await);
    }
    let dump = block_in_place(|| cluster.dump(database.name())).unwrap();
    for n in 0..3 {
        stored(store.append(any(n)).await);
    }
    let proxy = Proxy::start(cluster.address()).unwrap();
    let reader = PgStore::connect(&proxy.url(database.url()).unwrap()).await.unwrap();
    let mut done = reader.subscribe::<Done>(Read::all());
    for _ in 0..6 {
        next(&mut done).await;
    }
    nothing_comes(&mut done).await;
    let waiting = tokio::spawn(async move { done.next().await.map(|_| ()) });
    // It sees neither a server without the database nor a database without the tables.
    proxy.cut();
    let mut admin = shell(&cluster.admin_url()).await;
    run(&mut admin, format!("DROP DATABASE {} WITH (FORCE)", database.name())).await.unwrap();
    block_in_place(|| cluster.restore(database.name(), &dump)).unwrap();
    proxy.reset_all();
    proxy.restore();
    let error = in_time("it is noticed", waiting).await.unwrap().unwrap_err();
    assert!(error.is_rewound(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_subscriptions_that_wait_ask_the_server_about_once_a_second() {
    let cluster = Cluster::builder().setting("log_statement", "all").start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient()).await;
    let mut shell = shell(database.url()).await;
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    until("it listens", async || number(&mut shell, listens).await == 1).await;
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let mut done = store.subscribe::<Done>(Read::all());
            tokio::spawn(async move { next(&mut done).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let statements = || cluster.log().lines().filter(|line| line.contains("execute ")).count();
    let (before, since) = (statements(), Instant::now());
    // Each look is the watermark and the event at it.
    until("it looks four times", async || statements() - before >= 8).await;
    let (asked, seconds) = (statements() - before, since.elapsed().as_secs_f64());
    let most = 1.5 * 2.0 * (seconds + 1.0);
    assert!((asked as f64) < most, "{asked} statements in {seconds} seconds, where {most} are too many");
    stored(store.append(any("a")).await);
    for waiting in waiting {
        in_time("it comes", waiting).await.unwrap();
    }
}
