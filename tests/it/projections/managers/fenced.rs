//! An owner that was slow and was taken over, and does not know it.

use eventsource::{AppendOutcome, EventStore, Read, StreamId};

use super::things::*;
use super::transfer::Transfer;
use crate::projections::things::{Running, on_each, until};
use crate::wrapped::{Fault, Wrapped};

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
        has_noticed(&first).await;
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
        slow.fail_appends(FENCE, Fault::Held, 1);
        let first = Running::start(managing::<Transfer>(&slow));
        until("the first is about to begin", async || slow.faults_left() == 0).await;
        ahead.hours(1);
        let second = Running::start(managing::<Transfer>(&store));
        request(&store, "1", "alice", "bob", 30).await;
        ends(&store, "1").await;
        slow.release_append();
        has_noticed(&first).await;
        request(&store, "2", "alice", "bob", 30).await;
        ends(&store, "2").await;
        assert_eq!(moves_of_the_fence(&store).await, 1);
        first.kill().await;
        second.stop().await.unwrap();
    })
    .await;
}

/// It knows where the fence stands and is slow to ask whose it is, or the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_was_taken_over_while_it_looks_at_the_fence_does_not_move_it() {
    on_each_with_clock(async |store, ahead| {
        open(&store, "alice", 100).await;
        open(&store, "bob", 0).await;
        let slow = store.apart();
        slow.fail_loads(FENCE, Fault::Held, 1);
        let first = Running::start(managing::<Transfer>(&slow));
        until("the first looks at the fence", async || slow.faults_left() == 0).await;
        ahead.hours(1);
        let second = Running::start(managing::<Transfer>(&store));
        request(&store, "1", "alice", "bob", 30).await;
        ends(&store, "1").await;
        slow.release_load();
        has_noticed(&first).await;
        assert_eq!(moves_of_the_fence(&store).await, 1);
        first.kill().await;
        second.stop().await.unwrap();
    })
    .await;
}

/// Who was refused is about to say so. The other one was not refused, and is about to say that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outcome_of_whoever_was_taken_over_is_not_recorded() {
    on_each_with_clock(async |store, ahead| {
        open(&store, "alice", 0).await;
        open(&store, "bob", 0).await;
        request(&store, "1", "alice", "bob", 30).await;
        let (slow, other) = (store.apart(), store.apart());
        for store in [&slow, &other] {
            store.fail_appends("transfer-1", Fault::Held, 1);
        }
        let first = Running::start(managing::<Transfer>(&slow));
        until("the first is about to say that it was refused", async || slow.faults_left() == 0).await;
        slow.fail_claims(Fault::Held, 1_000);
        open(&store, "alice", 100).await;
        ahead.hours(1);
        let second = Running::start(managing::<Transfer>(&other));
        until("the second has taken the money", async || cents(&store, "alice").await == 70).await;
        until("it is about to say so", async || other.faults_left() == 0).await;
        slow.release_append();
        has_noticed(&first).await;
        other.release_append();
        ends(&store, "1").await;
        assert_eq!(story(&store, "1").await, ["requested", "taken", "arrived"]);
        assert_eq!((cents(&store, "alice").await, cents(&store, "bob").await), (70, 30));
        first.kill().await;
        second.stop().await.unwrap();
    })
    .await;
}

/// It was refused, and what says so is lost on its way. Tried again, it is not refused, and is about to say that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_on_its_way_when_the_connection_was_lost_does_not_land_behind_what_was_done_since() {
    on_each(async |store| {
        open(&store, "alice", 0).await;
        open(&store, "bob", 0).await;
        request(&store, "1", "alice", "bob", 30).await;
        let unsteady = store.apart();
        let ready = async || unsteady.faults_left() == 0;
        unsteady.fail_loads("account-alice", Fault::Held, 1);
        let running = Running::start(managing::<Transfer>(&unsteady));
        until("it looks whether there is money", ready).await;
        unsteady.fail_loads("account-alice", Fault::Held, 1);
        unsteady.fail_appends("transfer-1", Fault::Lost, 1);
        unsteady.release_load();
        until("it looks once more", ready).await;
        open(&store, "alice", 100).await;
        unsteady.fail_appends("transfer-1", Fault::Held, 1);
        unsteady.release_load();
        until("it is about to say that the money was taken", ready).await;
        let late = unsteady.land_append().await.unwrap();
        assert!(matches!(late, AppendOutcome::Conflict(_)), "{late:?}");
        unsteady.release_append();
        ends(&store, "1").await;
        assert_eq!(story(&store, "1").await, ["requested", "taken", "arrived"]);
        assert_eq!((cents(&store, "alice").await, cents(&store, "bob").await), (70, 30));
        running.stop().await.unwrap();
    })
    .await;
}

const FENCE: &str = "$process-transfer";

async fn has_noticed(running: &Running) {
    let error = async || running.status().last_error;
    until("it has noticed", async || error().await.is_some_and(|error| error.contains("taken over"))).await;
}

/// One for each who began, or did not know what had become of something.
async fn moves_of_the_fence(store: &Wrapped) -> usize {
    let fence = Read::stream(&StreamId::new("$process", "transfer").unwrap());
    store.read(&fence, &mut |_| Ok(())).await.unwrap().count
}
