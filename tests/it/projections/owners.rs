//! One owner at a time, whatever happens to it.

use std::time::Duration;

use eventsource::{Activity, EventStore, NewEvent, View};

use super::things::*;
use crate::wrapped::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_view_holds_what_is_stored_and_what_comes() {
    on_each(async |store| {
        let mut expected = Expected::default();
        for _ in 0..30 {
            expected.append_round(&store).await;
        }
        for batch in [1, 7, 1_000] {
            let running = Running::start(balances(&store).batch(batch));
            for _ in 0..30 {
                expected.append_round(&store).await;
            }
            expected.is_reached(&store).await;
            running.stop().await.unwrap();
        }
    })
    .await;
}

/// A checkpoint saved by itself could land late, and move back behind what was folded since: rows would be folded twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_events_of_others_a_checkpoint_moves_with_writes_that_cannot_land_late() {
    on_each(async |store| {
        store.fail_saves(Fault::Failed, 1);
        append(&store, 1, vec![NewEvent::encode(&Noted {}).unwrap()]).await;
        let head = store.head().await.unwrap().newest;
        let running = Running::start(balances(&store));
        until("it has passed what is not for it", async || running.status().position == head).await;
        let saved = store.load_checkpoint(&Balance::TABLE.checkpoint_key()).await.unwrap().unwrap();
        assert_eq!(saved.cursor.position, head);
        assert_eq!(store.faults_left(), 1, "it was saved by itself");
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_processes_one_owns_a_view_and_another_goes_on_when_it_is_killed() {
    on_each(async |store| {
        let mut expected = Expected::default();
        let mut running: Vec<Running> = (0..3).map(|_| Running::start(balances(&store).batch(10))).collect();
        while !running.is_empty() {
            until("somebody owns it", async || running.iter().any(Running::owns)).await;
            for _ in 0..20 {
                expected.append_round(&store).await;
                let owners = running.iter().filter(|running| running.owns()).count();
                assert!(owners <= 1, "{owners} own it");
            }
            let owner = running.iter().position(Running::owns).unwrap();
            running.remove(owner).kill().await;
        }
        let last = Running::start(balances(&store));
        expected.is_reached(&store).await;
        last.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_that_was_slow_and_was_taken_over_changes_nothing() {
    on_each(async |store| {
        let mut expected = Expected::default();
        for _ in 0..10 {
            expected.append_round(&store).await;
        }
        // Its first write begins after its lease has ended, and somebody else has been at work.
        let slow = store.clone();
        slow.fail_writes(Fault::Late(Duration::from_millis(2_500)), 1);
        let first = Running::start(balances(&slow));
        until("the first owns it", async || first.owns()).await;
        let second = Running::start(balances(&store));
        until("the second has taken over", async || second.owns()).await;
        for _ in 0..10 {
            expected.append_round(&store).await;
        }
        expected.is_reached(&store).await;
        until("the first has noticed", async || first.status().last_error.is_some()).await;
        let status = first.status();
        assert_eq!(status.handled, 0);
        expected.is_reached(&store).await;
        // And is there when it is needed again.
        second.stop().await.unwrap();
        until("the first goes on", async || first.owns()).await;
        expected.append_round(&store).await;
        expected.is_reached(&store).await;
        first.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_is_shut_down_gives_its_views_back_at_once() {
    on_each(async |store| {
        let long = Duration::from_secs(3_600);
        let first = Running::start(balances(&store).lease(long));
        until("the first owns it", async || first.owns()).await;
        let second = Running::start(balances(&store));
        until("the second waits", async || matches!(second.status().activity, Activity::Waiting)).await;
        first.stop().await.unwrap();
        until("the second owns it", async || second.owns()).await;
        second.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_is_renewed_while_nothing_happens() {
    on_each(async |store| {
        let first = Running::start(balances(&store));
        until("the first owns it", async || first.owns()).await;
        let second = Running::start(balances(&store));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(first.owns() && !second.owns());
        // What is of no concern to it moves its checkpoint all the same.
        let noted = eventsource::NewEvent::encode(&Noted {}).unwrap();
        append(&store, 1, vec![noted]).await;
        let head = store.position_at(eventsource::now()).await.unwrap();
        until("the checkpoint has moved", async || {
            let checkpoint = store.load_checkpoint(&Balance::TABLE.checkpoint_key()).await.unwrap();
            checkpoint.is_some_and(|checkpoint| checkpoint.cursor.position == head)
        })
        .await;
        first.stop().await.unwrap();
        second.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_view_that_is_shut_down_while_it_catches_up_ends_its_batch_and_no_more() {
    on_each(async |store| {
        append(&store, 1, (0..2_000).map(moved).collect()).await;
        let slow = super::rebuilt::slowly(&store).view::<Balance>();
        let running = Running::start(slow);
        until("it has begun", async || running.status().handled > 0).await;
        let (statuses, begun) = (running.statuses.clone(), running.status().handled);
        running.stop().await.unwrap();
        let handled = statuses.all()[0].handled;
        assert!(handled <= begun + 200, "{handled} events, when it should have ended behind {begun}");
    })
    .await;
}
