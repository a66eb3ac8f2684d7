//! What projections say of themselves, and how far they are behind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use eventsource::memory::MemoryStore;
use eventsource::{Activity, Clock, EventStore, Limits, NewEvent, Progress, Statuses, View};

use super::things::*;
use crate::wrapped::{Fault, Wrapped};

async fn progress(statuses: &Statuses) -> Progress {
    statuses.progress().await.unwrap().remove(0)
}

fn noted() -> NewEvent {
    NewEvent::encode(&Noted {}).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lag_is_exact_while_a_view_is_held_back_and_whoever_asks_gets_the_same() {
    on_each(async |store| {
        append(&store, 1, vec![moved(1), noted()]).await;
        // A write that hangs keeps its owner from renewing its hold: nobody is to take over before all is looked at.
        let patient = || Running::start(balances(&store).lease(Duration::from_secs(6)));
        let owner = patient();
        until("it has caught up", async || owner.status().activity == Activity::Live).await;
        let waiting = patient();
        until("the other one waits", async || waiting.status().activity == Activity::Waiting).await;
        let asking = balances(&store).statuses();
        let all = [&owner.statuses, &waiting.statuses, &asking];
        for statuses in all {
            let Progress { lag, lag_time, left, .. } = progress(statuses).await;
            assert_eq!((lag, lag_time), (0, Duration::ZERO));
            assert_eq!(left, Some(Duration::ZERO));
        }

        // Of what comes now, only the second append is of its concern.
        store.fail_writes(Fault::Late(Duration::from_secs(3_600)), 1);
        append(&store, 1, vec![noted(), noted(), noted()]).await;
        append(&store, 2, (0..25).map(moved).collect()).await;
        let behind = Duration::from_millis(50);
        tokio::time::sleep(behind).await;
        let head = store.head().await.unwrap().newest;
        let stands = store.load_checkpoint(&Balance::TABLE.checkpoint_key()).await.unwrap().unwrap().cursor.position;
        for statuses in all {
            let Progress { lag, lag_time, head: seen, held_back, status, .. } = progress(statuses).await;
            assert_eq!((lag, seen), (25, head));
            assert!(lag_time >= behind && lag_time < Duration::from_secs(60), "{lag_time:?}");
            assert_eq!(held_back, Duration::ZERO);
            assert!(status.position <= stands && status.position.0 > 0, "{status:?}");
        }
        let whose = owner.status().owner;
        assert!(whose.is_some());
        assert_eq!((waiting.status().owner, asking.all()[0].owner), (whose, None));
        assert_eq!(owner.status().handled, 1);
        assert_eq!(waiting.status().handled, 0);

        owner.kill().await;
        until("the other one has handled it", async || progress(&asking).await.lag == 0).await;
        // It counts what it has written behind the write.
        until("the other one has counted it", async || waiting.status().handled == 25).await;
        assert_ne!(waiting.status().owner, whose);
        assert!(waiting.status().per_second > 0.0);
        waiting.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_age_is_told_by_the_stores_clock() {
    let time = Arc::new(Mutex::new("2001-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap()));
    let clock = time.clone();
    let store = MemoryStore::with(Limits::default(), Clock::new(move || *clock.lock().unwrap()));
    let statuses = balances(&Wrapped::new(store.clone())).statuses();
    append(&store, 1, vec![noted()]).await;
    *time.lock().unwrap() += TimeDelta::seconds(30);
    append(&store, 1, vec![moved(1)]).await;
    *time.lock().unwrap() += TimeDelta::seconds(90);
    append(&store, 1, vec![moved(1)]).await;
    let Progress { lag, lag_time, .. } = progress(&statuses).await;
    assert_eq!((lag, lag_time), (2, Duration::from_secs(90)));
    // A clock that goes back makes nobody younger than now.
    *time.lock().unwrap() -= TimeDelta::days(1);
    assert_eq!(progress(&statuses).await.lag_time, Duration::ZERO);
}

#[tokio::test]
async fn a_store_that_is_held_back_does_not_look_healthy() {
    let store = Wrapped::new(MemoryStore::new());
    let statuses = balances(&store).statuses();
    store.hold_back(Duration::from_secs(300));
    let Progress { lag, held_back, .. } = progress(&statuses).await;
    assert_eq!((lag, held_back), (0, Duration::from_secs(300)));
    store.replace(MemoryStore::new());
    store.inner().close().await.unwrap();
    assert!(statuses.progress().await.unwrap_err().is_closed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_told_with_rate_and_time_left_until_it_has_caught_up() {
    let store = Wrapped::new(MemoryStore::new());
    for _ in 0..20 {
        append(&store, 1, (0..25).map(moved).collect()).await;
    }
    // A batch takes 10 ms, so all of it half a second.
    store.fail_writes(Fault::Late(Duration::from_millis(10)), usize::MAX);
    let told = Arc::new(Mutex::new(Vec::<Progress>::new()));
    let telling = told.clone();
    let running = Running::start(
        balances(&store)
            .batch(10)
            .on_progress(Duration::from_millis(20), move |all| telling.lock().unwrap().push(all[0].clone())),
    );
    until("all is handled", async || told.lock().unwrap().last().is_some_and(|last| last.lag == 0)).await;
    let told = std::mem::take(&mut *told.lock().unwrap());
    let positions: Vec<u64> = told.iter().map(|progress| progress.status.position.0).collect();
    assert!(positions.is_sorted() && positions.len() >= 5, "{positions:?}");
    for progress in &told {
        assert_eq!(progress.head.0, 500);
        assert_eq!(progress.lag, 500 - progress.status.position.0);
    }
    let under_way = &told[told.len() / 2];
    let (rate, left) = (under_way.status.per_second, under_way.left.unwrap());
    assert!(rate > 10.0 && rate <= 1_000.0, "{rate} a second");
    let expected = under_way.lag as f64 / rate;
    assert!((left.as_secs_f64() - expected).abs() < 0.001 && left < Duration::from_secs(50), "{left:?}");
    assert_eq!(told.last().unwrap().left, Some(Duration::ZERO));
    running.stop().await.unwrap();
}
