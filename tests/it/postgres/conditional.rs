//! Appends with conditions that wait at the same time: what goes together, and what must not.

use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{AppendOutcome, AppendRequest, EventStore, ExpectedVersion, StoreError, Version};
use eventsource_test_cluster::Database;
use futures::future::join_all;

use super::appending::both;
use super::things::{
    any, check_order, conflict, everything, ids_of, in_time, number, request, run, shell, stored, thing,
};
use super::{database, patient, store_in};

/// One event to a stream, as long as the other one has that version.
fn on(written: &str, depends: &str, version: u64) -> AppendRequest {
    let request = AppendRequest::clone(&request(written, ExpectedVersion::Any, 1));
    request.on_condition(thing(depends), Version(version))
}

/// How many transactions have written the events of streams whose name has that part.
async fn transactions(database: &Database, schema: &str, part: &str) -> i64 {
    let mut shell = shell(database.url()).await;
    number(&mut shell, format!("SELECT count(DISTINCT xmin::text) FROM {schema}.events WHERE stream LIKE '%{part}%'"))
        .await
}

/// Sends one behind which the others wait, and then those, in this order.
async fn behind_another(store: &PgStore, requests: Vec<AppendRequest>) -> Vec<Result<AppendOutcome, StoreError>> {
    let first = on("goes-first", "never", 0);
    let all = std::iter::once(first).chain(requests).map(|request| store.append(request.into()));
    let mut outcomes = in_time("all appends end", join_all(all)).await;
    stored(outcomes.remove(0));
    outcomes
}

#[tokio::test]
async fn what_waits_goes_in_one_transaction() {
    let database = database().await;
    for (options, schema) in both().into_iter().zip(["floor", "serialized"]) {
        let store = store_in(&database, options).await;
        stored(store.append(any("fence")).await);
        let requests = (0..40).map(|n| on(&format!("together-{n}"), "fence", 1)).collect();
        for outcome in behind_another(&store, requests).await {
            stored(outcome);
        }
        let count = transactions(&database, schema, "together").await;
        assert!(count <= 2, "{count} transactions");
        check_order(&everything(&store).await);
    }
}

#[tokio::test]
async fn of_two_that_depend_on_what_the_other_writes_one_is_stored_however_they_meet() {
    let database = database().await;
    for options in both() {
        let store = store_in(&database, options.clone()).await;
        let another = PgStore::connect_with(database.url(), options).await.unwrap();
        let pairs = |round: &str| {
            let names = (0..20).map(move |n| (format!("left-{round}-{n}"), format!("right-{round}-{n}")));
            names.map(|(left, right)| [on(&left, &right, 0), on(&right, &left, 0)]).collect::<Vec<_>>()
        };
        let check = |one: &Result<_, _>, other: &Result<_, _>| {
            let is_stored = |outcome: &_| matches!(outcome, Ok(AppendOutcome::Stored(_)));
            assert!(is_stored(one) != is_stored(other), "{one:?}, {other:?}");
        };
        let waiting = behind_another(&store, pairs("waiting").into_iter().flatten().collect()).await;
        waiting.chunks(2).for_each(|pair| check(&pair[0], &pair[1]));
        for round in 0..10 {
            let (left, right): (Vec<_>, Vec<_>) = pairs(&format!("{round}")).into_iter().map(|[l, r]| (l, r)).unzip();
            let of = |store: &PgStore, all: Vec<AppendRequest>| {
                let store = store.clone();
                tokio::spawn(async move { join_all(all.into_iter().map(|request| store.append(request.into()))).await })
            };
            let (left, right) = (of(&store, left), of(&another, right));
            let (left, right) = in_time("both end", async { (left.await.unwrap(), right.await.unwrap()) }).await;
            left.iter().zip(&right).for_each(|(left, right)| check(left, right));
        }
    }
}

#[tokio::test]
async fn one_whose_condition_does_not_hold_hears_so_and_the_others_are_stored() {
    let database = database().await;
    for (options, schema) in both().into_iter().zip(["floor", "serialized"]) {
        let store = store_in(&database, options).await;
        stored(store.append(any("moved")).await);
        stored(store.append(AppendRequest::clone(&any("done")).with_command_key("key").into()).await);
        let mut requests: Vec<_> = (0..10).map(|n| on(&format!("holds-{n}"), "never", 0)).collect();
        requests.push(on("refused", "moved", 0));
        // Its key was used before, which comes first.
        requests.push(on("done", "moved", 0).with_command_key("key"));
        let mut outcomes = behind_another(&store, requests).await;
        let done = outcomes.pop().unwrap();
        assert!(
            matches!(&done, Ok(AppendOutcome::AlreadyStored(done)) if done.streams[0].version == Version(1)),
            "{done:?}"
        );
        assert_eq!(conflict(outcomes.pop().unwrap()), Version(1));
        for outcome in outcomes {
            stored(outcome);
        }
        assert!(ids_of(&store, "refused").await.is_empty());
        assert_eq!(ids_of(&store, "done").await.len(), 1);
        let count = transactions(&database, schema, "holds").await;
        assert!(count <= 2, "{count} transactions");
    }
}

#[tokio::test]
async fn a_stream_that_somebody_has_locked_keeps_nobody_else_waiting() {
    let database = database().await;
    let store = store_in(&database, patient().lock_timeout(Duration::from_millis(50))).await;
    let begin = |request: AppendRequest| {
        let store = store.clone();
        tokio::spawn(async move { store.append(request.into()).await })
    };
    for (locked, waits) in [("written", on("written", "never", 0)), ("read", on("depends", "read", 0))] {
        let mut holder = shell(database.url()).await;
        let key = format!("hashtextextended('thing-{locked}', 'eventsource.events'::regclass::oid::bigint)");
        run(&mut holder, format!("BEGIN; SELECT pg_advisory_xact_lock({key})")).await.unwrap();
        let mut others = vec![begin(on(&format!("first-{locked}"), "never", 0))];
        others.extend((0..10).map(|n| begin(on(&format!("free-{locked}-{n}"), "never", 0))));
        let waits = begin(waits);
        for other in others {
            stored(in_time("it ends", other).await.unwrap());
        }
        assert!(!waits.is_finished());
        run(&mut holder, "COMMIT").await.unwrap();
        stored(in_time("it ends", waits).await.unwrap());
    }
}

#[tokio::test]
async fn without_group_commit_each_is_a_transaction() {
    let database = database().await;
    let store = store_in(&database, patient().group_commit(false)).await;
    let requests = (0..10).map(|n| on(&format!("alone-{n}"), "never", 0)).collect();
    for outcome in behind_another(&store, requests).await {
        stored(outcome);
    }
    assert_eq!(transactions(&database, "eventsource", "alone").await, 10);
}
