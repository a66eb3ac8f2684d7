//! What a projection gets over, and what stops it.

use eventsource::memory::MemoryStore;
use eventsource::{Activity, NewEvent};

use super::things::*;
use crate::wrapped::{Fault, Wrapped};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_transient_is_tried_again() {
    on_each(async |store| {
        let mut expected = Expected::default();
        let running = Running::start(balances(&store));
        for round in 0..6 {
            match round % 3 {
                0 => store.fail(Fault::Transient, 3),
                1 => store.fail_writes(Fault::Transient, 3),
                // Written, and the answer is lost.
                _ => store.fail_writes(Fault::Unanswered, 2),
            }
            expected.append_round(&store).await;
            expected.is_reached(&store).await;
            until("the faults have happened", async || store.faults_left() == 0).await;
        }
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_that_cannot_be_decoded_stops_the_view_and_is_named() {
    on_each(async |store| {
        append(&store, 1, vec![moved(5)]).await;
        append(&store, 2, vec![NewEvent::new("account.moved", 1, b"{\"cents\":\"many\"}".to_vec())]).await;
        let running = Running::start(balances(&store));
        let statuses = running.statuses.clone();
        let error = running.ended().await.unwrap_err();
        assert!(error.is_decode(), "{error}");
        let status = statuses.all().remove(0);
        assert_eq!(status.activity, Activity::Stopped);
        let told = status.last_error.unwrap();
        assert!(told.contains("account-2") && told.contains("account.moved"), "{told}");
        // What comes before it is in the view.
        assert_eq!(status.handled, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fold_that_panics_stops_its_view_and_loses_nothing_of_it() {
    on_each(async |store| {
        append(&store, 1, vec![moved(5)]).await;
        append(&store, 1, vec![moved(UNBEARABLE)]).await;
        let running = Running::start(balances(&store).batch(1));
        let statuses = running.statuses.clone();
        let error = running.ended().await.unwrap_err();
        assert!(error.to_string().contains("cannot be borne"), "{error}");
        let status = statuses.all().remove(0);
        assert_eq!((status.activity, status.handled), (Activity::Stopped, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_breaks_for_good_stops_the_view() {
    on_each(async |store| {
        store.fail_writes(Fault::Failed, 1);
        append(&store, 1, vec![moved(5)]).await;
        let error = Running::start(balances(&store)).ended().await.unwrap_err();
        assert!(error.to_string().contains("on fire"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_is_heard_while_the_store_is_out_of_reach() {
    on_each(async |store| {
        let running = Running::start(balances(&store));
        until("it waits for events", async || running.status().activity == Activity::Live).await;
        store.fail_writes(Fault::Transient, usize::MAX);
        append(&store, 1, vec![moved(5)]).await;
        until("it has failed", async || running.status().last_error.is_some()).await;
        running.stop().await.unwrap();
        // What was not written then comes later.
        store.fail_writes(Fault::Transient, 0);
        let running = Running::start(balances(&store));
        until("it has gone on", async || running.status().handled == 1).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_projection_that_was_added_twice_is_refused_by_name() {
    let store = Wrapped::new(MemoryStore::new());
    let error = in_time(balances(&store).view::<Balance>().run(async {})).await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("balances v1 was added twice"), "{error}");
}
