//! Many commands on one aggregate at once.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{ExecuteError, ExecuteOptions, Executed, History, Recorded, Repository, Version};
use tokio::task::JoinHandle;

use super::account::*;
use crate::wrapped::{Fault, Wrapped};

pub(super) type Done = Result<Executed<Account>, ExecuteError<NotEnough>>;

/// A store that holds an append to alice until it is released.
pub(super) fn held() -> (Repository<Account>, Wrapped) {
    let store = Wrapped::new(MemoryStore::new());
    (Repository::new(store.clone()), store)
}

pub(super) fn spawn(
    accounts: &Repository<Account>,
    decide: impl Fn(&Account) -> Decided + Send + Sync + 'static,
) -> JoinHandle<Done> {
    let accounts = accounts.clone();
    tokio::spawn(async move { accounts.execute("alice", decide).await })
}

fn spawn_with(
    accounts: &Repository<Account>,
    options: ExecuteOptions,
    decide: impl Fn(&Account) -> Decided + Send + Sync + 'static,
) -> JoinHandle<Done> {
    let accounts = accounts.clone();
    tokio::spawn(async move { accounts.execute_with("alice", options, decide).await })
}

pub(super) type Decided = Result<Vec<AccountEvent>, NotEnough>;

fn deposit(cents: u64) -> impl Fn(&Account) -> Decided + Send + Sync + 'static {
    move |_| Ok(vec![deposited(cents).into()])
}

pub(super) fn withdraw(cents: u64) -> impl Fn(&Account) -> Decided + Send + Sync + 'static {
    move |account| Ok(vec![account.withdraw(cents)?.into()])
}

/// Lets everything run that can.
pub(super) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn key(n: u64) -> ExecuteOptions {
    ExecuteOptions::new().command_key(format!("key {n}"))
}

/// Deposits that wait, each under the key of its number, behind one whose append is held.
async fn behind_a_held(
    accounts: &Repository<Account>,
    store: &Wrapped,
    cents: u64,
    numbers: &[u64],
) -> (JoinHandle<Done>, Vec<JoinHandle<Done>>) {
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(accounts, deposit(cents));
    settle().await;
    let keyed = numbers.iter().map(|n| spawn_with(accounts, key(*n), deposit(*n))).collect();
    settle().await;
    (first, keyed)
}

async fn events(accounts: &Repository<Account>) -> Vec<Recorded<AccountEvent>> {
    accounts.history("alice", History::all()).await.unwrap().events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_on_one_aggregate_are_each_done_once_and_answered_with_their_own_state() {
    on_each(async |accounts| {
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let accounts = accounts.clone();
                tokio::spawn(async move {
                    for _ in 0..10 {
                        let done = accounts.execute("alice", |_| [deposited(1), deposited(2)]).await.unwrap();
                        assert_eq!(done.cents, done.version.0 / 2 * 3, "the state at version {}", done.version);
                        assert_eq!((done.events.len(), done.events[1].version), (2, done.version));
                        assert_eq!(done.position, done.events[1].position);
                        assert_eq!(done.movements, done.version.0);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let loaded = accounts.load("alice").await.unwrap();
        assert_eq!((loaded.version, loaded.cents), (Version(800), 1_200));
        assert_eq!(accounts.load_cached("alice").await.unwrap(), loaded);
        let events = accounts.history("alice", History::all()).await.unwrap().events;
        assert!((1..).zip(&events).all(|(version, event)| event.version == Version(version)));
    })
    .await;
}

#[tokio::test]
async fn what_waits_while_an_append_is_on_its_way_goes_in_one_append() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Held, 1);
    let tasks: Vec<_> = (1..=9).map(|n| spawn(&accounts, deposit(n))).collect();
    settle().await;
    assert_eq!(store.counts.appends.load(SeqCst), 1, "appends while the first is held");
    store.release_append();
    for (n, task) in (1..).zip(tasks) {
        let done = task.await.unwrap().unwrap();
        assert_eq!((done.version, done.cents), (Version(n), (1..=n).sum()), "each has its own answer");
        assert_eq!(done.events, events(&accounts).await[n as usize - 1..n as usize]);
    }
    assert_eq!(store.counts.appends.load(SeqCst), 2, "appends");
}

#[tokio::test]
async fn no_append_grows_without_a_limit() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Held, 1);
    let thousand = || spawn(&accounts, |_| Ok(vec![deposited(1).into(); 1_000]));
    let tasks: Vec<_> = (0..11).map(|_| thousand()).collect();
    settle().await;
    store.release_append();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    // The first, and then four, four and two thousand events.
    assert_eq!(store.counts.appends.load(SeqCst), 4);
}

#[tokio::test]
async fn commands_with_keys_that_wait_together_keep_each_its_own() {
    let (accounts, store) = held();
    let (first, keyed) = behind_a_held(&accounts, &store, 1, &[2, 3, 4, 5]).await;
    let plain = spawn(&accounts, deposit(100));
    settle().await;
    store.release_append();
    first.await.unwrap().unwrap();
    plain.await.unwrap().unwrap();
    assert_eq!(store.counts.appends.load(SeqCst), 3, "appends: the first, those with keys, the one without");
    let other = Repository::<Account>::new(store.inner());
    for (n, task) in (2..6).zip(keyed) {
        let done = task.await.unwrap().unwrap();
        let again = other.execute_with("alice", key(n), deposit(n)).await.unwrap();
        assert!(again.repeated && !done.repeated);
        assert_eq!((again.version, &again.events), (done.version, &done.events), "key {n}");
    }
    assert_eq!(accounts.load("alice").await.unwrap().cents, 1 + 2 + 3 + 4 + 5 + 100);
}

#[tokio::test]
async fn a_key_that_comes_twice_among_those_that_wait_is_done_once() {
    let (accounts, store) = held();
    let (first, keyed) = behind_a_held(&accounts, &store, 1, &[2, 3, 2, 4]).await;
    store.release_append();
    first.await.unwrap().unwrap();
    let mut repeated = Vec::new();
    for (n, task) in [2, 3, 2, 4].into_iter().zip(keyed) {
        let done = task.await.unwrap().unwrap();
        assert_eq!(done.events[0].event, deposited(n).into());
        repeated.push(done.repeated);
    }
    assert_eq!(repeated, [false, false, true, false]);
    assert_eq!(accounts.load("alice").await.unwrap().cents, 1 + 2 + 3 + 4);
}

#[tokio::test]
async fn a_key_that_was_used_before_hurts_none_of_those_that_go_with_it() {
    let (accounts, store) = held();
    // Past the repository, which has the state before it.
    accounts.execute("alice", deposit(1)).await.unwrap();
    let other = Repository::<Account>::new(store.inner());
    let before = other.execute_with("alice", key(3), deposit(3)).await.unwrap();
    accounts.load("alice").await.unwrap();
    let (first, keyed) = behind_a_held(&accounts, &store, 10, &[2, 3, 4]).await;
    store.release_append();
    first.await.unwrap().unwrap();
    for (n, task) in [2, 3, 4].into_iter().zip(keyed) {
        let done = task.await.unwrap().unwrap();
        assert_eq!((done.repeated, &done.events[0].event), (n == 3, &deposited(n).into()));
        if done.repeated {
            assert_eq!((done.version, done.events), (before.version, before.events.clone()));
        }
    }
    assert_eq!(accounts.load("alice").await.unwrap().cents, 1 + 3 + 10 + 2 + 4);
}

#[tokio::test]
async fn commands_with_keys_whose_answer_was_lost_are_done_once() {
    let (accounts, store) = held();
    let (first, keyed) = behind_a_held(&accounts, &store, 1, &[2, 3, 4, 5]).await;
    store.fail_appends("account-alice", Fault::Unanswered, 1);
    store.release_append();
    first.await.unwrap().unwrap();
    for (n, task) in (2..6).zip(keyed) {
        let done = task.await.unwrap().unwrap();
        assert_eq!((done.version, &done.events[0].event), (Version(n), &deposited(n).into()));
    }
    assert_eq!(accounts.load("alice").await.unwrap().cents, 1 + 2 + 3 + 4 + 5);
}

#[tokio::test]
async fn a_refusal_leaves_when_what_it_was_decided_on_is_stored_and_not_before() {
    let (accounts, store) = held();
    accounts.execute("alice", |_| deposited(5)).await.unwrap();
    store.fail_appends("account-alice", Fault::Held, 1);
    let all = spawn(&accounts, withdraw(5));
    settle().await;
    let refused = spawn(&accounts, withdraw(3));
    let idle = spawn(&accounts, |_| Ok(Vec::new()));
    settle().await;
    assert!(!refused.is_finished(), "a refusal left on the strength of what is not stored");
    assert!(!idle.is_finished(), "an answer left on the strength of what is not stored");
    store.release_append();
    assert_eq!(all.await.unwrap().unwrap().cents, 0);
    assert_eq!(refused.await.unwrap().unwrap_err().refusal(), Some(&NotEnough { wanted: 3, there: 0 }));
    let idle = idle.await.unwrap().unwrap();
    assert_eq!((idle.version, idle.cents, idle.position), (Version(2), 0, events(&accounts).await[1].position));
}

#[tokio::test]
async fn what_was_decided_on_an_append_that_failed_is_decided_again() {
    let (accounts, store) = held();
    accounts.execute("alice", |_| deposited(5)).await.unwrap();
    let other = Repository::<Account>::new(store.inner());
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, withdraw(5));
    settle().await;
    let refused_at_first = spawn(&accounts, withdraw(3));
    settle().await;
    other.execute("alice", |account| account.withdraw(2)).await.unwrap();
    store.release_append();
    assert!(first.await.unwrap().unwrap_err().refusal().is_some());
    assert_eq!(refused_at_first.await.unwrap().unwrap().cents, 0);
}

#[tokio::test]
async fn a_decision_is_not_stored_behind_what_another_process_wrote_in_the_place_of_its_basis() {
    let (accounts, store) = held();
    let other = Repository::<Account>::new(store.inner());
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, deposit(1_000));
    settle().await;
    // Decided on the thousand.
    let rich = spawn(&accounts, withdraw(900));
    settle().await;
    other.execute("alice", |_| deposited(1)).await.unwrap();
    store.release_append();
    first.await.unwrap().unwrap();
    // Which of them decides first again is open; the withdrawal alone would leave less than nothing.
    match rich.await.unwrap() {
        Ok(done) => assert_eq!(done.cents, 101),
        Err(refused) => assert_eq!(refused.refusal(), Some(&NotEnough { wanted: 900, there: 1 })),
    }
    assert!(
        events(&accounts)
            .await
            .iter()
            .try_fold(0_u64, |cents, event| match &event.event {
                AccountEvent::Deposited(deposited) => Some(cents + deposited.cents),
                AccountEvent::Withdrawn(withdrawn) => cents.checked_sub(withdrawn.cents),
            })
            .is_some()
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_half_done_decision_and_blocks_nobody() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, deposit(1));
    settle().await;
    let second = spawn(&accounts, deposit(2));
    let third = spawn(&accounts, deposit(4));
    settle().await;
    // The one that sends, and one that waits.
    first.abort();
    second.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    settle().await;
    store.release_append();
    let third = third.await.unwrap().unwrap();
    assert_eq!((third.version, third.cents), (Version(3), 7), "what was decided is stored");
    assert_eq!(accounts.execute("alice", |_| deposited(8)).await.unwrap().cents, 15);
}

#[tokio::test]
async fn a_loader_that_goes_away_lets_another_load() {
    let (accounts, store) = held();
    Repository::<Account>::new(store.inner()).execute("alice", |_| deposited(1)).await.unwrap();
    store.fail_loads("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, deposit(1));
    settle().await;
    let second = spawn(&accounts, deposit(2));
    settle().await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().cents, 3);
}

#[tokio::test]
async fn a_decision_that_panics_hurts_its_own_caller_alone() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, deposit(1));
    settle().await;
    let panics = spawn(&accounts, |_| panic!("no idea what to do"));
    let third = spawn(&accounts, deposit(2));
    settle().await;
    assert!(panics.await.unwrap_err().is_panic());
    store.release_append();
    assert_eq!(first.await.unwrap().unwrap().cents, 1);
    assert_eq!(third.await.unwrap().unwrap().cents, 3);
}

#[tokio::test]
async fn a_store_that_panics_leaves_the_aggregate_usable() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Panic, 1);
    assert!(spawn(&accounts, deposit(1)).await.unwrap_err().is_panic());
    assert_eq!(accounts.execute("alice", |_| deposited(2)).await.unwrap().cents, 2);
}

#[tokio::test]
async fn an_event_that_no_store_takes_hurts_its_own_caller_alone() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, deposit(1));
    settle().await;
    let good = spawn(&accounts, deposit(2));
    let bad = spawn_with(&accounts, ExecuteOptions::new().with("note", "x".repeat(70_000)), deposit(8));
    let also_good = spawn(&accounts, deposit(4));
    settle().await;
    store.release_append();
    first.await.unwrap().unwrap();
    good.await.unwrap().unwrap();
    also_good.await.unwrap().unwrap();
    let ExecuteError::Store(error) = bad.await.unwrap().unwrap_err() else { panic!("not the store's error") };
    assert!(error.is_too_large(), "{error}");
    assert_eq!(accounts.load("alice").await.unwrap().cents, 7);
}

#[tokio::test]
async fn ten_thousand_callers_may_wait_and_more_than_there_is_room_for_are_told_so() {
    let (accounts, store) = held();
    store.fail_appends("account-alice", Fault::Held, 1);
    let first = spawn(&accounts, deposit(1));
    settle().await;
    let waiting: Vec<_> = (0..20_000).map(|_| spawn(&accounts, deposit(1))).collect();
    settle().await;
    store.release_append();
    first.await.unwrap().unwrap();
    let mut stored = 1;
    for task in waiting {
        match task.await.unwrap() {
            Ok(_) => stored += 1,
            Err(ExecuteError::Store(error)) => assert!(error.is_overloaded(), "{error}"),
            Err(error) => panic!("{error}"),
        }
    }
    assert!((10_000..20_000).contains(&stored), "{stored}");
    assert_eq!(accounts.load("alice").await.unwrap().cents, stored);
}

#[tokio::test(start_paused = true)]
async fn a_command_takes_no_longer_than_it_may() {
    let (accounts, store) = held();
    let accounts = accounts.with_time_limit(Duration::from_secs(3));
    store.fail_appends("account-alice", Fault::Held, 1);
    let error = accounts.execute("alice", |_| deposited(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "a command on account \"alice\" took longer than 3s; it may have been stored or not");
    store.release_append();
    assert_eq!(accounts.execute("alice", |_| deposited(2)).await.unwrap().cents, 3);
}

#[test]
fn a_runtime_that_ends_in_the_middle_leaves_the_aggregate_usable() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (accounts, store) = held();
    let first = runtime();
    first.block_on(async {
        store.fail_appends("account-alice", Fault::Held, 1);
        spawn(&accounts, deposit(1));
        spawn(&accounts, deposit(2));
        settle().await;
    });
    drop(first);
    let done = runtime().block_on(accounts.execute("alice", |_| deposited(4))).unwrap();
    assert_eq!((done.version, done.cents), (Version(1), 4));
}
