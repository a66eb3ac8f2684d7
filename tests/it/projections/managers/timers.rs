//! Timers of processes: they run out once, also after a restart, unless they were cancelled.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use eventsource::EventStore;

use super::orders::*;
use super::things::*;
use crate::projections::things::{Running, on_each, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_timer_runs_out_when_its_time_has_come() {
    on_each(async |store| {
        let running = Running::start(managing::<Order>(&store));
        place(&store, "1", "shop", Duration::from_millis(200)).await;
        place(&store, "2", "shop", DAY).await;
        becomes(&store, "1", &["placed", "expired"]).await;
        assert_eq!(fate(&store, "2").await, ["placed"]);
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn timers_survive_restarts_and_those_that_were_cancelled_or_replaced_never_run_out() {
    on_each_with_clock(async |store, ahead| {
        open(&store, "shop", 0).await;
        listen(&store).await;
        let running = Running::start(managing::<Order>(&store));
        place(&store, "1", "shop", 14 * DAY).await;
        place(&store, "2", "shop", 14 * DAY).await;
        pay(&store, "1", 5).await;
        until("the first is paid", async || cents(&store, "shop").await == 5).await;
        running.stop().await.unwrap();
        ahead.hours(24 * 4);
        let running = Running::start(managing::<Order>(&store));
        becomes(&store, "2", &["placed", "reminded"]).await;
        ahead.hours(24 * 4);
        becomes(&store, "2", &["placed", "reminded", "reminded"]).await;
        let newest = store.head().await.unwrap().newest;
        until("the timer is set again", async || running.status().position == newest).await;
        running.stop().await.unwrap();
        // Two at once: in the order in which they run out.
        ahead.hours(24 * 10);
        let running = Running::start(managing::<Order>(&store));
        becomes(&store, "2", &["placed", "reminded", "reminded", "reminded", "expired"]).await;
        ahead.hours(24 * 100);
        place(&store, "3", "shop", Duration::ZERO).await;
        becomes(&store, "3", &["placed", "expired"]).await;
        assert_eq!(fate(&store, "1").await, ["placed", "paid"]);
        assert_eq!(fate(&store, "2").await.len(), 5);
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_dies_at_any_point_has_let_no_timer_run_out_twice_and_none_not_at_all() {
    for calls in 1.. {
        let ahead = Ahead::default();
        let store = ahead.memory();
        open(&store, "shop", 0).await;
        listen(&store).await;
        place(&store, "1", "shop", Duration::ZERO).await;
        place(&store, "2", "shop", 4 * DAY).await;
        pay(&store, "2", 5).await;
        let mortal = store.apart();
        mortal.die_behind(calls);
        let first = Running::start(managing::<Order>(&mortal));
        let is_done = async || fate(&store, "1").await.len() == 2 && cents(&store, "shop").await == 5;
        until("it is dead or done", async || mortal.is_dead() || is_done().await).await;
        let died = mortal.is_dead();
        first.kill().await;
        ahead.hours(1);
        let second = Running::start(managing::<Order>(&store));
        until("the other one has done the rest", is_done).await;
        ahead.hours(24 * 100);
        place(&store, "3", "shop", Duration::ZERO).await;
        becomes(&store, "3", &["placed", "expired"]).await;
        assert_eq!(fate(&store, "1").await, ["placed", "expired"], "died behind {calls} calls");
        assert_eq!(fate(&store, "2").await, ["placed", "paid"], "died behind {calls} calls");
        assert_eq!(cents(&store, "shop").await, 5, "died behind {calls} calls");
        second.stop().await.unwrap();
        if !died {
            assert!(calls > 10, "only {calls} calls");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_timer_that_cannot_be_asked_is_asked_again_a_minute_later_and_all_others_run_out() {
    on_each_with_clock(async |store, ahead| {
        IS_BROKEN.store(true, SeqCst);
        let running = Running::start(managing::<Order>(&store));
        place(&store, "1", CURSED, Duration::ZERO).await;
        place(&store, "2", "shop", Duration::ZERO).await;
        becomes(&store, "2", &["placed", "expired"]).await;
        until("it is said", async || running.status().last_error.is_some_and(|error| error.contains("cursed"))).await;
        assert_eq!(fate(&store, "1").await, ["placed"]);
        IS_BROKEN.store(false, SeqCst);
        ahead.hours(1);
        becomes(&store, "1", &["placed", "expired"]).await;
        running.stop().await.unwrap();
    })
    .await;
}
