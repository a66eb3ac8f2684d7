//! Appends inside a transaction of the caller's.

use eventsource::{
    Aggregate, AppendOutcome, AppendRequest, Apply, DomainEvent, EventStore, ExecuteOptions, ExpectedVersion, Position,
    Repository, Version,
};
use serde::{Deserialize, Serialize};
use sqlx::Connection;

use super::appending::both;
use super::things::{
    any, check_order, conflict, events, everything, exact, ids_of, in_time, number, request, run, shell, stored, text,
    thing,
};
use super::{database, patient, store_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_the_callers_transaction_are_there_if_and_only_if_it_commits() {
    let database = database().await;
    for options in both() {
        let store = store_in(&database, options).await;
        let mut connection = shell(database.url()).await;
        run(&mut connection, "CREATE TABLE IF NOT EXISTS orders (id int)").await.unwrap();

        let mut transaction = connection.begin().await.unwrap();
        run(&mut transaction, "INSERT INTO orders VALUES (1)").await.unwrap();
        stored(store.append_in(&mut transaction, &request("a", ExpectedVersion::NoStream, 2)).await);
        transaction.rollback().await.unwrap();
        assert!(everything(&store).await.is_empty());

        let mut transaction = connection.begin().await.unwrap();
        run(&mut transaction, "INSERT INTO orders VALUES (1)").await.unwrap();
        let first = stored(store.append_in(&mut transaction, &request("a", ExpectedVersion::NoStream, 2)).await);
        // Nobody else sees it yet, and its own transaction does.
        assert!(everything(&store).await.is_empty());
        let again = store.append_in(&mut transaction, &request("a", ExpectedVersion::NoStream, 1)).await;
        assert_eq!(conflict(again), Version(2));
        // A conflict leaves the transaction as it was.
        let second = stored(store.append_in(&mut transaction, &request("a", exact(2), 1)).await);
        let mut savepoint = transaction.begin().await.unwrap();
        stored(store.append_in(&mut savepoint, &any("b")).await);
        savepoint.rollback().await.unwrap();
        let third = stored(store.append_in(&mut transaction, &any("b")).await);
        let (waiter, before) = (store.clone(), Position(third.streams[0].positions[0].0 - 1));
        let waiting = tokio::spawn(async move { waiter.wait_past(before).await });
        transaction.commit().await.unwrap();
        store.wake();
        in_time("a reader wakes", waiting).await.unwrap().unwrap();

        let all = everything(&store).await;
        check_order(&all);
        let positions: Vec<_> = all.iter().map(|seen| seen.position).collect();
        let told = [&first, &second, &third].map(|appended| appended.streams[0].positions.clone()).concat();
        assert_eq!(positions, told);
        run(&mut connection, "TRUNCATE orders").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_in_a_transaction_leaves_the_callers_settings_alone() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let mut transaction = connection.begin().await.unwrap();
    run(&mut transaction, "SET LOCAL lock_timeout = '7s'").await.unwrap();
    stored(store.append_in(&mut transaction, &any("a")).await);
    assert_eq!(text(&mut transaction, "SHOW lock_timeout").await, "7s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_key_counts_inside_a_transaction_too() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let keyed = || AppendRequest::new(thing("a"), ExpectedVersion::Any, events(2)).with_command_key("pay");
    let first = stored(store.append(keyed().into()).await);
    let mut transaction = connection.begin().await.unwrap();
    let again = store.append_in(&mut transaction, &keyed()).await;
    assert!(matches!(&again, Ok(AppendOutcome::AlreadyStored(there)) if *there == first), "{again:?}");
    stored(store.append_in(&mut transaction, &any("a")).await);
    transaction.commit().await.unwrap();
    assert_eq!(ids_of(&store, "a").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_appended_in_a_transaction_is_refused_and_leaves_it_usable() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let mut transaction = connection.begin().await.unwrap();
    let conditional =
        AppendRequest::new(thing("a"), ExpectedVersion::Any, events(1)).on_condition(thing("b"), Version(0));
    for refused in [AppendRequest::default(), conditional] {
        assert!(store.append_in(&mut transaction, &refused).await.unwrap_err().is_invalid());
    }
    stored(store.append_in(&mut transaction, &any("a")).await);
    transaction.commit().await.unwrap();
    assert_eq!(everything(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_may_append_many_times_with_one_lock() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let mut transaction = connection.begin().await.unwrap();
    for n in 0..50 {
        stored(store.append_in(&mut transaction, &request(n, ExpectedVersion::NoStream, 1 + n % 2)).await);
    }
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    assert_eq!(number(&mut transaction, locks).await, 1);
    transaction.commit().await.unwrap();
    assert_eq!(everything(&store).await.len(), 75);
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "counter.counted", version = 1)]
struct Counted {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "counter", events(Counted))]
struct Counter {}

impl Apply<Counted> for Counter {
    fn apply(&mut self, _: &Counted) {}
}

/// Readers do not pass the open append; whoever asks for an aggregate does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_an_append_is_open_a_repeated_command_is_answered_with_all_its_events() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let mut connection = shell(database.url()).await;
    let mut transaction = connection.begin().await.unwrap();
    stored(store.append_in(&mut transaction, &any("a")).await);
    let cached = Repository::<Counter>::new(store.clone());
    for counters in [cached.clone(), cached.without_cache()] {
        let count =
            || counters.execute_with("one", ExecuteOptions::new().command_key("twice"), |_| [Counted {}, Counted {}]);
        count().await.unwrap();
        let again = count().await.unwrap();
        assert!(again.repeated);
        let versions: Vec<_> = again.events.iter().map(|event| event.version).collect();
        assert_eq!(versions, [Version(1), Version(2)]);
        assert_eq!(again.events[1].position, again.position);
        assert!(counters.exists("one").await.unwrap());
        assert!(!counters.exists("another").await.unwrap());
    }
    transaction.rollback().await.unwrap();
}
