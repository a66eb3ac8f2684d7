//! An owner that was slow and was taken over, and does not know it.

use eventsource::{EventStore, Read, StreamId};

use super::things::*;
use super::transfer::Transfer;
use crate::projections::things::{Running, on_each, until};
use crate::wrapped::Fault;

/// The command's key alone would not help: it was refused to the one who took over, and would be allowed now.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_of_whoever_was_taken_over_is_refused_although_it_would_be_allowed() {
    on_each(async |store| {
        open(&store, "alice", 100).await;
        open(&store, "bob", 0).await;
        request(&store, "1", "alice", "bob", 30).await;
        let slow = store.apart();
        slow.fail_appends("account-bob", Fault::Held, 1);
        let first = Running::start(managing::<Transfer>(&slow));
        until("the money is about to be handed over", async || slow.faults_left() == 0).await;
        slow.fail_claims(Fault::Held, 1_000);
        close(&store, "bob").await;
        let second = Running::start(managing::<Transfer>(&store));
        ends(&store, "1").await;
        assert_eq!(story(&store, "1").await, ["requested", "taken", "bounced", "returned"]);
        open(&store, "bob", 0).await;
        slow.release_append();
        until("the first has noticed", async || {
            first.status().last_error.is_some_and(|error| error.contains("taken over"))
        })
        .await;
        assert_eq!((cents(&store, "alice").await, cents(&store, "bob").await), (100, 0));
        first.kill().await;
        second.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_was_taken_over_before_it_has_begun_does_not_get_in_the_way() {
    on_each_with_clock(async |store, ahead| {
        open(&store, "alice", 100).await;
        open(&store, "bob", 0).await;
        let slow = store.apart();
        slow.fail_appends("$process-transfer", Fault::Held, 1);
        let first = Running::start(managing::<Transfer>(&slow));
        until("the first is about to begin", async || slow.faults_left() == 0).await;
        ahead.hours(1);
        let second = Running::start(managing::<Transfer>(&store));
        request(&store, "1", "alice", "bob", 30).await;
        ends(&store, "1").await;
        slow.release_append();
        until("the first has noticed", async || {
            first.status().last_error.is_some_and(|error| error.contains("taken over"))
        })
        .await;
        request(&store, "2", "alice", "bob", 30).await;
        ends(&store, "2").await;
        // Who began, and nobody else.
        let begun = Read::stream(&StreamId::new("$process", "transfer").unwrap());
        assert_eq!(store.read(&begun, &mut |_| Ok(())).await.unwrap().count, 1);
        first.kill().await;
        second.stop().await.unwrap();
    })
    .await;
}
