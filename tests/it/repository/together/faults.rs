//! Stores that stumble, callers that go away, decisions that panic.

use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{
    Aggregate, EventStore, ExecuteOptions, Load, LoadRow, Repository, Retry, SnapshotKey, Version, execute_all,
    execute_all_with,
};

use crate::repository::hot::settle;
use crate::wrapped::{Fault, Wrapped};

use super::*;

fn wrapped() -> (Repository<Account>, Wrapped) {
    let store = Wrapped::new(MemoryStore::new());
    (Repository::new(store.clone()), store)
}

fn both(accounts: &Repository<Account>) -> (eventsource::Part<Account>, eventsource::Part<Account>) {
    (accounts.part("alice"), accounts.part("bob"))
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_stores_nothing_twice_for_several_and_is_no_conflict() {
    for key in [None, Some("key")] {
        for reads_bob in [false, true] {
            let (accounts, store) = wrapped();
            store.fail_appends("account-alice", Fault::Unanswered, 3);
            let mut options = ExecuteOptions::new();
            if let Some(key) = key {
                options = options.command_key(key);
            }
            let decide = |_: (&Account, &Account)| (deposited(1), (!reads_bob).then(|| [deposited(1), deposited(2)]));
            let (alice, bob) = execute_all_with(both(&accounts), options, decide).await.unwrap();
            assert_eq!((alice.cents, alice.events.len()), (1, 1));
            assert_eq!((bob.cents, bob.events.len()), if reads_bob { (0, 0) } else { (3, 2) });
            assert_eq!(alice.token.position, alice.position.max(bob.position));
            assert_eq!(accounts.load("alice").await.unwrap().version, Version(1));
            assert_eq!(accounts.load("bob").await.unwrap().version, bob.version);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_is_worth_a_few_attempts_of_a_command_on_several() {
    for fault in [Fault::Transient, Fault::Failed] {
        let (accounts, store) = wrapped();
        let accounts = accounts.with_retry(Retry::attempts(5));
        store.fail_appends("account-bob", fault, 4);
        store.fail_loads("account-bob", fault, 4);
        let done = execute_all(both(&accounts), |_| (deposited(1), deposited(1))).await;
        assert_eq!(done.is_ok(), fault == Fault::Transient);
    }
    let (accounts, store) = wrapped();
    store.fail_appends("account-bob", Fault::Transient, usize::MAX);
    let accounts = accounts.with_retry(Retry::attempts(5));
    let error = store_error(execute_all(both(&accounts), |_| (deposited(1), deposited(1))).await);
    assert!(error.is_transient(), "{error}");
    assert_eq!(store.counts.appends.load(SeqCst), 5);
}

#[tokio::test]
async fn states_that_were_read_at_different_times_are_refused_nothing() {
    let (accounts, store) = wrapped();
    let other = Repository::<Account>::new(store.apart());
    accounts.execute("alice", |_| deposited(100)).await.unwrap();
    store.fail_loads("account-bob", Fault::Held, 1);
    let parts = both(&accounts);
    let audit = tokio::spawn(async move {
        execute_all(parts, |(alice, bob)| match alice.cents + bob.cents {
            100 => Ok(((), ())),
            there => Err(NotEnough { wanted: 100, there }),
        })
        .await
    });
    settle().await;
    // Alice was read before, and bob will be read behind it.
    execute_all(both(&other), transfer(40)).await.unwrap();
    store.release_load();
    let (alice, bob) = audit.await.unwrap().unwrap();
    assert_eq!((alice.cents, bob.cents), (60, 40));
}

#[tokio::test]
async fn where_the_caller_has_named_a_version_nothing_is_read_again() {
    let (accounts, store) = wrapped();
    let other = Repository::<Account>::new(store.apart());
    store.fail_appends("account-alice", Fault::Held, 1);
    let parts = (accounts.part("alice"), accounts.part("bob").expecting(Version(0)));
    let done = tokio::spawn(async move { execute_all(parts, |_| (deposited(1), ())).await });
    settle().await;
    other.execute("bob", |_| deposited(1)).await.unwrap();
    store.release_append();
    assert_eq!(conflict(done.await.unwrap()).actual, Version(1));
    assert_eq!(store.counts.loads.load(SeqCst), 2, "loads");
}

#[tokio::test]
async fn the_parts_are_loaded_side_by_side() {
    let (accounts, store) = wrapped();
    store.fail_loads("account-alice", Fault::Held, 1);
    let parts = both(&accounts);
    let done = tokio::spawn(async move { execute_all(parts, |_| (deposited(1), deposited(1))).await.unwrap() });
    settle().await;
    assert_eq!(store.counts.loads.load(SeqCst), 2, "loads while the first is held");
    store.release_load();
    done.await.unwrap();
    assert_eq!((store.counts.loads.load(SeqCst), store.counts.appends.load(SeqCst)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_command_on_several_takes_no_longer_than_the_shortest_limit() {
    let (accounts, store) = wrapped();
    let hasty = accounts.clone().with_time_limit(Duration::from_secs(3));
    store.fail_appends("account-alice", Fault::Held, 1);
    let done = execute_all((accounts.part("alice"), hasty.part("bob")), |_| (deposited(1), deposited(1)));
    assert_eq!(
        store_error(done.await).to_string(),
        "a command on account-alice and account-bob took longer than 3s; it may have been stored or not"
    );
    let (alice, bob) = execute_all(both(&accounts), |_| (deposited(2), deposited(2))).await.unwrap();
    assert_eq!((alice.cents, bob.cents), (2, 2));
}

#[tokio::test]
async fn a_caller_of_several_that_goes_away_leaves_no_half_and_blocks_nobody() {
    on_each(async |accounts| {
        for polls in 1..40 {
            let before = accounts.load("alice").await.unwrap();
            let mut going = Box::pin(execute_all(both(&accounts), |_| (deposited(1), deposited(1))));
            for _ in 0..polls {
                if futures::future::poll_immediate(&mut going).await.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(going);
            let (alice, bob) = execute_all(both(&accounts), |_| (deposited(1), deposited(1))).await.unwrap();
            assert_eq!((alice.version, alice.cents), (bob.version, bob.cents), "after {polls} polls");
            assert!((1..=2).contains(&(alice.version.0 - before.version.0)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_decision_on_several_that_panics_hurts_its_own_caller_alone() {
    on_each(async |accounts| {
        let parts = both(&accounts);
        let decide = |_: (&Account, &Account)| -> (Deposited, Deposited) { panic!("no idea what to do") };
        let panics = tokio::spawn(async move { execute_all(parts, decide).await });
        assert!(panics.await.unwrap_err().is_panic());
        let (alice, bob) = execute_all(both(&accounts), |_| (deposited(1), deposited(1))).await.unwrap();
        assert_eq!((alice.version, bob.version), (Version(1), Version(1)));
    })
    .await;
}

/// The version of the snapshot that a load of bob begins with.
async fn snapshot(accounts: &Repository<Account>, key: &Option<SnapshotKey>) -> Option<Version> {
    let mut found = None;
    let load = Load::new(accounts.stream("bob").unwrap()).with_snapshot(key.clone());
    let visit = &mut |row: LoadRow<'_>| {
        if let LoadRow::Snapshot(snapshot) = row {
            found = Some(snapshot.version);
        }
        Ok(())
    };
    accounts.store().load(&load, visit).await.unwrap();
    found
}

#[tokio::test]
async fn a_snapshot_that_is_due_is_offered_by_a_command_on_several() {
    on_each(async |accounts| {
        accounts.execute("bob", |_| vec![deposited(1); 9]).await.unwrap();
        execute_all(both(&accounts), |_| (deposited(1), deposited(1))).await.unwrap();
        let key = accounts.snapshot_key();
        for _ in 0..500 {
            if snapshot(&accounts, &key).await == Some(Version(10)) {
                assert_eq!(accounts.load("bob").await.unwrap().movements, 10);
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no snapshot of {} after 5 s", Account::NAME);
    })
    .await;
}
