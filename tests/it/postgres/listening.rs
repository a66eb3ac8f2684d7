//! Hearing of other processes' appends: at once while they are told of, and at all in any case.

use std::time::{Duration, Instant};

use eventsource::postgres::PgStore;
use eventsource::{EventStore, ExpectedVersion, Position};
use eventsource_test_cluster::{Cluster, Database, Proxy};

use super::things::{any, everything, in_time, number, request, shell, stored, until};
use super::{database, patient, store_in};

/// So often that looking once a second would show.
const TIMES: u64 = 20;
const LESS_THAN_LOOKING: Duration = Duration::from_secs(10);

const LISTENERS: &str = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";

async fn until_it_listens(url: &str, count: i64) {
    let mut shell = shell(url).await;
    until("it listens", async || number(&mut shell, format!("SELECT count(*) {LISTENERS}")).await == count).await;
}

/// Each append of one store, with the time until the other one has woken.
async fn wake_by_turns(writer: &PgStore, reader: &PgStore) -> Duration {
    let started = Instant::now();
    for _ in 0..TIMES {
        let behind = everything(reader).await.last().map_or(Position(0), |seen| seen.position);
        let waiting = tokio::spawn({
            let reader = reader.clone();
            async move { reader.wait_past(behind).await }
        });
        // It has looked by then, and found nothing.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let last = stored(writer.append(any("a")).await).streams[0].positions[0];
        let woken = in_time("it wakes", waiting).await.unwrap().unwrap();
        assert!(woken >= last);
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_wakes_readers_of_another_process_sooner_than_they_would_look() {
    let database = database().await;
    let writer = store_in(&database, patient()).await;
    let reader = PgStore::connect(database.url()).await.unwrap();
    until_it_listens(database.url(), 2).await;
    let took = wake_by_turns(&writer, &reader).await;
    assert!(took < LESS_THAN_LOOKING, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_that_does_not_tell_is_found_by_looking() {
    let database = database().await;
    let writer = store_in(&database, patient().listen(false)).await;
    for listen in [true, false] {
        let reader = PgStore::connect_with(database.url(), patient().listen(listen)).await.unwrap();
        let behind = everything(&reader).await.last().map_or(Position(0), |seen| seen.position);
        let waiting = tokio::spawn(async move { reader.wait_past(behind).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        stored(writer.append(any("a")).await);
        in_time("it looks", waiting).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lost_listening_connection_costs_no_event_and_is_opened_again() {
    let database = database().await;
    let writer = store_in(&database, patient().listen(false)).await;
    let reader = PgStore::connect(database.url()).await.unwrap();
    until_it_listens(database.url(), 1).await;
    let mut shell = shell(database.url()).await;
    for _ in 0..2 {
        let killed = number(&mut shell, format!("SELECT count(pg_terminate_backend(pid)) {LISTENERS}")).await;
        assert_eq!(killed, 1);
        let behind = everything(&reader).await.last().map_or(Position(0), |seen| seen.position);
        let last = stored(writer.append(any("a")).await).streams[0].positions[0];
        assert!(in_time("it looks", reader.wait_past(behind)).await.unwrap() >= last);
        until_it_listens(database.url(), 1).await;
    }
}

/// The log of the server says which statements came over which connection, and in which transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_notification_is_never_part_of_an_appends_transaction() {
    let cluster = Cluster::shared().unwrap();
    let database = Database::create_on(cluster).await.unwrap();
    drop(store_in(&database, patient()).await);
    let mut shell = shell(database.url()).await;
    super::things::run(&mut shell, format!("ALTER DATABASE {} SET log_statement = 'all'", database.name()))
        .await
        .unwrap();
    let store = PgStore::connect(database.url()).await.unwrap();
    stored(store.append(any("a")).await);
    stored(store.append(request("a", ExpectedVersion::Any, 3)).await);
    // `2026-01-01 12:00:00.000 UTC [pid] database LOG: …`, and the other lines of a long statement below it.
    let log = || cluster.log();
    let process =
        |line: &str| line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(pid, _)| pid.to_owned());
    let lines = |log: &str, word: &str| -> Vec<String> {
        let ours = log.split("\n20").filter(|entry| entry.contains(database.name()));
        ours.filter(|entry| entry.contains(word)).map(|entry| process(entry).unwrap()).collect()
    };
    until("it is told", async || !lines(&log(), "pg_notify").is_empty()).await;
    let log = log();
    let (tells, appends) = (lines(&log, "pg_notify"), lines(&log, "INSERT INTO \"eventsource\".events"));
    assert!(appends.len() >= 2, "{appends:?}");
    assert!(tells.iter().all(|teller| !appends.contains(teller)), "{tells:?} {appends:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_idle_store_sends_nothing() {
    let database = database().await;
    drop(store_in(&database, patient()).await);
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let store = PgStore::connect(&proxy.url(database.url()).unwrap()).await.unwrap();
    until_it_listens(database.url(), 1).await;
    stored(store.append(any("a")).await);
    everything(&store).await;
    // What the append has to tell is told by then.
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.reset_round_trips();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(proxy.round_trips(), 0);
    stored(store.append(any("a")).await);
    assert!(proxy.round_trips() > 0);
}
