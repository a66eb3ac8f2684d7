//! What is kept of aggregates between commands, and what others write meanwhile.

use std::sync::atomic::Ordering::SeqCst;

use eventsource::{CacheLimits, ExecuteError, ExecuteOptions, ExpectedVersion, Repository, Retry, Version};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use super::account::*;
use super::hot::{held, settle, spawn, withdraw};
use crate::wrapped::Fault;

#[tokio::test]
async fn a_refusal_on_what_is_cached_becomes_a_success_when_another_process_has_deposited() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        accounts.execute("alice", |_| deposited(1)).await.unwrap();
        other.execute("alice", |_| deposited(10)).await.unwrap();
        let done = accounts.execute("alice", |account| account.withdraw(11)).await.unwrap();
        assert_eq!((done.cents, done.version), (0, Version(3)));
        // And the other way: what is cached allows it, and the truth does not.
        let refused = other.execute("alice", |account| account.withdraw(1)).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&NotEnough { wanted: 1, there: 0 }));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_not_confirmed_by_what_another_command_has_read() {
    let (accounts, store) = held();
    let other = Repository::<Account>::new(store.inner());
    accounts.execute("alice", |_| deposited(1)).await.unwrap();
    other.execute("alice", |_| deposited(10)).await.unwrap();
    store.fail_loads("account-alice", Fault::Held, 1);
    let all = spawn(&accounts, withdraw(11));
    settle().await;
    // It reads too, and now this process knows.
    assert_eq!(accounts.execute("alice", |_| Vec::<AccountEvent>::new()).await.unwrap().cents, 11);
    store.release_load();
    assert_eq!(all.await.unwrap().unwrap().cents, 0);
}

#[tokio::test]
async fn a_refusal_is_not_confirmed_by_the_late_answer_of_what_was_stored_before_it_came() {
    let (accounts, store) = held();
    let other = Repository::<Account>::new(store.inner());
    accounts.execute("alice", |_| deposited(5)).await.unwrap();
    store.fail_appends("account-alice", Fault::AnswerHeld, 1);
    let all = spawn(&accounts, withdraw(5));
    settle().await;
    // It is stored, and nobody here knows it yet.
    assert_eq!(other.execute("alice", |_| deposited(3)).await.unwrap().version, Version(3));
    let again = spawn(&accounts, withdraw(3));
    settle().await;
    store.release_append();
    assert_eq!(all.await.unwrap().unwrap().cents, 0);
    assert_eq!(again.await.unwrap().unwrap().version, Version(4));
}

#[tokio::test]
async fn a_version_that_the_caller_names_is_compared_with_the_truth() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        accounts.execute("alice", |_| deposited(1)).await.unwrap();
        other.execute("alice", |_| deposited(1)).await.unwrap();
        let at = |version| ExecuteOptions::new().expected(ExpectedVersion::Exact(version));
        let done = accounts.execute_with("alice", at(Version(2)), |_| deposited(1)).await.unwrap();
        assert_eq!(done.version, Version(3));
        let error = other.execute_with("alice", at(Version(2)), |_| deposited(1)).await.unwrap_err();
        let ExecuteError::Conflict(conflict) = error else { panic!("{error}") };
        assert_eq!((conflict.expected, conflict.actual), (ExpectedVersion::Exact(Version(2)), Version(3)));
    })
    .await;
}

#[tokio::test]
async fn a_command_key_is_done_once_whoever_has_what_cached() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        let keyed = || ExecuteOptions::new().command_key("once");
        for both in [&accounts, &other] {
            both.execute("alice", |_| deposited(1)).await.unwrap();
        }
        let first = accounts.execute_with("alice", keyed(), |account| account.withdraw(2)).await.unwrap();
        // Refused by its own effect, were it not for the key.
        for both in [&accounts, &other] {
            let again = both.execute_with("alice", keyed(), |account| account.withdraw(2)).await.unwrap();
            assert!(again.repeated);
            assert_eq!((again.version, again.events), (first.version, first.events.clone()));
        }
        accounts.execute("alice", |_| deposited(5)).await.unwrap();
        other.execute("alice", |_| deposited(5)).await.unwrap();
        // And stored a second time, were it not for the key.
        for both in [&accounts, &other] {
            assert!(both.execute_with("alice", keyed(), |account| account.withdraw(2)).await.unwrap().repeated);
            assert_eq!(both.execute("alice", |_| deposited(1)).await.unwrap().events.len(), 1);
        }
        assert_eq!(accounts.load("alice").await.unwrap().cents, 12);
    })
    .await;
}

#[tokio::test]
async fn two_that_cache_the_same_lose_no_update() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let accounts = if n % 2 == 0 { accounts.clone() } else { other.clone() };
                let accounts = accounts.with_retry(Retry::attempts(200));
                tokio::spawn(async move {
                    for _ in 0..10 {
                        let done = accounts.execute("alice", |_| deposited(1)).await.unwrap();
                        assert_eq!(done.cents, done.version.0);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(accounts.load("alice").await.unwrap().cents, 160);
    })
    .await;
}

#[tokio::test]
async fn a_warm_command_asks_the_store_once() {
    let (accounts, store) = held();
    accounts.execute("alice", |_| deposited(1)).await.unwrap();
    let loads = store.counts.loads.load(SeqCst);
    for _ in 0..5 {
        accounts.execute("alice", |_| deposited(1)).await.unwrap();
    }
    assert_eq!(store.counts.loads.load(SeqCst), loads, "loads of warm commands");
    assert_eq!(store.counts.appends.load(SeqCst), 6);
    // Without a cache each one loads.
    let cold = accounts.clone().without_cache();
    for _ in 0..5 {
        cold.execute("alice", |_| deposited(1)).await.unwrap();
    }
    assert_eq!(store.counts.loads.load(SeqCst), loads + 5);
}

#[tokio::test]
async fn what_commands_cost_is_counted_under_documented_names() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // All tasks of this test run on its own thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (accounts, store) = held();
    let other = Repository::<Account>::new(store.inner());
    accounts.execute("alice", |_| deposited(1)).await.unwrap();
    accounts.execute("alice", |_| deposited(1)).await.unwrap();
    other.execute("alice", |_| deposited(1)).await.unwrap();
    // On what is cached, in vain, and then on what was loaded.
    accounts.execute("alice", |_| deposited(1)).await.unwrap();
    let mut counted: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            assert_eq!(key.key().labels().map(|label| label.value()).collect::<Vec<_>>(), ["account"]);
            let DebugValue::Counter(count) = value else { panic!("{key:?} is no counter") };
            (key.key().name().to_owned(), count)
        })
        .collect();
    counted.sort();
    let expected = [
        ("eventsource_command_attempts_total", 5),
        ("eventsource_command_cached_states_total", 2),
        ("eventsource_command_conflicts_total", 1),
        ("eventsource_command_loaded_states_total", 3),
        ("eventsource_commands_total", 4),
    ];
    assert_eq!(counted, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[tokio::test]
async fn the_cache_keeps_no_more_than_it_may() {
    for limits in [CacheLimits::default().states(100), CacheLimits::default().bytes(100 * 10_000)] {
        let (accounts, store) = held();
        let accounts = accounts.with_cache(limits).weighing(|_| 9_000);
        for n in 0..1_000 {
            accounts.execute(&n.to_string(), |_| deposited(1)).await.unwrap();
        }
        let loads = store.counts.loads.load(SeqCst);
        for n in 0..1_000 {
            accounts.load_cached(&n.to_string()).await.unwrap();
        }
        let kept = 1_000 - (store.counts.loads.load(SeqCst) - loads);
        assert!((10..=110).contains(&kept), "{kept} states with {limits:?}");
    }
}

#[tokio::test]
async fn what_was_erased_is_not_decided_on_for_ever() {
    let store = eventsource::sqlite::SqliteStore::in_memory().await.unwrap();
    let accounts = Repository::<Account>::new(store.clone());
    for _ in 0..3 {
        accounts.execute("alice", |_| deposited(1)).await.unwrap();
    }
    let erase = async || {
        store
            .maintenance("anna", "right to be forgotten", async |connection| {
                sqlx::query("DELETE FROM events WHERE stream = 'account-alice'").execute(connection).await?;
                Ok(())
            })
            .await
            .unwrap();
    };
    erase().await;
    let done = accounts.execute("alice", |_| deposited(7)).await.unwrap();
    assert_eq!((done.version, done.cents), (Version(1), 7));
    erase().await;
    accounts.forget("alice").unwrap();
    assert_eq!(accounts.load_cached("alice").await.unwrap().cents, 0);
}
