//! Timers of processes: they run out once, also after a restart, unless they were cancelled.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use eventsource::{Activity, EventStore, ParkedEvents, ProjectionStatus, Projections};

use super::bells::*;
use super::orders::*;
use super::things::*;
use crate::projections::things::{Running, on_each, until};
use crate::wrapped::Fault;

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

/// A bell has no state that would hide it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_dies_at_any_point_has_let_no_bell_ring_twice() {
    for calls in 1.. {
        let ahead = Ahead::default();
        let store = ahead.memory();
        wind(&store, "1", &[set("once", Duration::ZERO)]).await;
        let mortal = store.apart();
        mortal.die_behind(calls);
        let first = Running::start(managing::<Bell>(&mortal));
        until("it is dead or done", async || mortal.is_dead() || sounds(&store, "1").await == ["once"]).await;
        let died = mortal.is_dead();
        first.kill().await;
        ahead.hours(1);
        let second = Running::start(managing::<Bell>(&store));
        wind(&store, "2", &[set("behind", Duration::ZERO)]).await;
        sounds_like(&store, "2", &["behind"]).await;
        assert_eq!(sounds(&store, "1").await, ["once"], "died behind {calls} calls");
        second.stop().await.unwrap();
        if !died {
            assert!(calls > 5, "only {calls} calls");
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

/// In one batch, and in several.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_word_on_a_timer_counts_whatever_the_process_would_say_to_it() {
    on_each_with_clock(async |store, ahead| {
        let both = Wound { timers: [set("d", DAY).timers, set("d", 3 * DAY).timers].concat(), ..Wound::default() };
        wind(&store, "1", &[set("a", DAY), cancel("a"), cancel("b"), set("b", 2 * DAY)]).await;
        wind(&store, "2", &[set("c", DAY), set("c", 4 * DAY), both]).await;
        wind(&store, "3", &[set("e", DAY), set("f", DAY), set("g", 6 * DAY), set("h", 5 * DAY)]).await;
        let running = Running::start(managing::<Bell>(&store));
        let newest = store.head().await.unwrap().newest;
        until("all are set", async || running.status().position >= newest).await;
        wind(&store, "3", &[cancel("e"), set("f", 7 * DAY)]).await;
        let newest = store.head().await.unwrap().newest;
        until("those are changed", async || running.status().position >= newest).await;
        ahead.hours(24 * 10);
        sounds_like(&store, "1", &["b"]).await;
        sounds_like(&store, "2", &["d", "c"]).await;
        sounds_like(&store, "3", &["h", "g", "f"]).await;
        running.stop().await.unwrap();
    })
    .await;
}

/// More than are looked at together.
const MANY: usize = 101;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn timers_that_cannot_be_asked_hold_up_no_other_however_many_they_are() {
    on_each_with_clock(async |store, _| {
        let cracked = (0..MANY).map(|timer| (format!("cracked-{timer}"), Some(Duration::ZERO))).collect();
        wind(&store, "1", &[Wound { timers: cracked, ..Wound::default() }]).await;
        wind(&store, "2", &[set("sound", Duration::from_millis(1))]).await;
        let running = Running::start(managing::<Bell>(&store));
        sounds_like(&store, "2", &["sound"]).await;
        running.stop().await.unwrap();
        assert!(sounds(&store, "1").await.is_empty());
    })
    .await;
}

/// What runs out means nothing at first, so no event moves the manager on. Then somebody retries what sets it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_of_timers_that_lands_late_changes_none_that_was_set_since() {
    on_each_with_clock(async |store, ahead| {
        IS_MUFFLED.store(true, SeqCst);
        let again = Wound { pays: Some("shop".to_owned()), ..set("muffled", 9 * DAY) };
        wind(&store, "1", &[set("muffled", DAY), again]).await;
        // As long as nothing but its own events moves its checkpoint.
        let running = Running::start(Projections::new(&store).lease(100 * DAY).manager::<Bell>());
        let stuck = ParkedEvents::of_manager::<Bell>(store.clone());
        until("the second is stuck", async || !stuck.list(None, 1).await.unwrap().is_empty()).await;
        let newest = store.head().await.unwrap().newest;
        let is_live = |status: ProjectionStatus| status.position >= newest && status.activity == Activity::Live;
        until("the manager is behind it", async || is_live(running.status())).await;
        store.fail_writes(Fault::Lost, 1);
        ahead.hours(2 * 24);
        until("the timer has run out", async || store.faults_left() == 0).await;
        open(&store, "shop", 0).await;
        stuck.retry("bell-1").await.unwrap();
        until("the timer is set again", async || stuck.list(None, 1).await.unwrap().is_empty()).await;
        let late = store.land_write().await.unwrap_err();
        assert!(late.is_fenced(), "{late}");
        IS_MUFFLED.store(false, SeqCst);
        ahead.hours(20 * 24);
        sounds_like(&store, "1", &["muffled"]).await;
        assert_eq!(cents(&store, "shop").await, 1);
        running.stop().await.unwrap();
    })
    .await;
}
