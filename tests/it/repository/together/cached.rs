//! What repositories keep of aggregates that are written past their lanes.

use eventsource::{Version, execute_all};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::repository::hot::{held, settle, spawn, withdraw};
use crate::wrapped::Fault;

use super::*;

#[tokio::test]
async fn a_cached_state_knows_at_once_what_a_command_on_several_has_stored() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(100)).await.unwrap();
        for round in 1..4 {
            let both = (accounts.part("alice"), accounts.part("bob"));
            execute_all(both, transfer(10)).await.unwrap();
            for id in ["alice", "bob"] {
                assert_eq!(accounts.load_cached(id).await.unwrap(), accounts.load(id).await.unwrap());
            }
            let done = accounts.execute("alice", |account| account.withdraw(1)).await.unwrap();
            assert_eq!((done.cents, done.version), (100 - 11 * round, Version(1 + 2 * round)));
            assert_eq!(accounts.execute("bob", |_| deposited(1)).await.unwrap().cents, 11 * round);
        }
        // And a refusal says what is true.
        let refused = accounts.execute("alice", |account| account.withdraw(68)).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&NotEnough { wanted: 68, there: 67 }));
    })
    .await;
}

#[tokio::test]
async fn behind_a_command_on_several_the_next_one_on_each_is_warm() {
    let (accounts, store) = held();
    accounts.execute("alice", |_| deposited(100)).await.unwrap();
    execute_all((accounts.part("alice"), accounts.part("bob")), transfer(1)).await.unwrap();
    let (loads, appends) = (store.counts.loads.load(SeqCst), store.counts.appends.load(SeqCst));
    accounts.execute("alice", |_| deposited(1)).await.unwrap();
    assert_eq!((store.counts.loads.load(SeqCst), store.counts.appends.load(SeqCst)), (loads, appends + 1));
}

#[tokio::test]
async fn a_lane_that_is_busy_meanwhile_confirms_nothing_by_what_it_was_told() {
    let (accounts, store) = held();
    accounts.execute("alice", |_| deposited(5)).await.unwrap();
    store.fail_appends("account-alice", Fault::Held, 1);
    let all = spawn(&accounts, withdraw(5));
    settle().await;
    // Decided on a state that never comes about.
    let refused = spawn(&accounts, withdraw(3));
    settle().await;
    let (alice, _) = execute_all((accounts.part("alice"), accounts.part("bob")), |_| (deposited(7), ())).await.unwrap();
    assert_eq!((alice.cents, alice.version), (12, Version(2)));
    assert_eq!(accounts.load_cached("alice").await.unwrap().cents, 12);
    settle().await;
    assert!(!refused.is_finished(), "a refusal left on the strength of what is not stored");
    store.release_append();
    let (all, refused) = (all.await.unwrap().unwrap(), refused.await.unwrap().unwrap());
    assert_eq!(all.cents.min(refused.cents), 4);
    assert_eq!(accounts.load("alice").await.unwrap().cents, 4);
}

#[tokio::test]
async fn a_state_that_is_being_loaded_meanwhile_is_not_older_than_what_was_stored() {
    let (accounts, store) = held();
    store.fail_loads("account-alice", Fault::AnswerHeld, 1);
    let first = spawn(&accounts, withdraw(0));
    settle().await;
    execute_all((accounts.part("alice"), accounts.part("bob")), |_| (deposited(7), deposited(1))).await.unwrap();
    // What is loaded now is from before, and what is decided on it does not arrive yet.
    store.fail_appends("account-alice", Fault::Held, 1);
    store.release_load();
    settle().await;
    assert_eq!(accounts.load_cached("alice").await.unwrap().cents, 7);
    store.release_append();
    let done = first.await.unwrap().unwrap();
    assert_eq!((done.version, done.cents), (Version(2), 7));
}

#[tokio::test]
async fn a_command_on_several_is_counted_for_each() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // All tasks of this test run on its own thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (accounts, store) = held();
    let (customers, _) = shop(&accounts);
    let other = Repository::<Account>::new(store.apart());
    store.fail_appends("account-alice", Fault::Held, 1);
    let parts = (accounts.part("alice"), customers.part("anna"));
    let done = tokio::spawn(async move { execute_all(parts, |_| (deposited(1), Joined {})).await.unwrap() });
    settle().await;
    // Not counted: by another road than that of commands.
    let request = eventsource::AppendRequest::new(
        other.stream("alice").unwrap(),
        Version(0),
        vec![eventsource::NewEvent::encode(&deposited(1)).unwrap()],
    );
    other.store().append(request.into()).await.unwrap();
    store.release_append();
    done.await.unwrap();
    let counted = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let DebugValue::Counter(count) = value else { panic!("{key:?} is no counter") };
        let of = key.key().labels().next().map(|label| label.value().to_owned()).unwrap_or_default();
        (of, key.key().name().to_owned(), count)
    });
    let mut counted: Vec<_> = counted.collect();
    counted.sort();
    let expected = [
        ("account", "eventsource_command_attempts_total", 2),
        ("account", "eventsource_command_conflicts_total", 1),
        ("account", "eventsource_command_loaded_states_total", 2),
        ("account", "eventsource_commands_total", 1),
        ("customer", "eventsource_command_attempts_total", 2),
        ("customer", "eventsource_command_loaded_states_total", 2),
        ("customer", "eventsource_commands_total", 1),
    ];
    assert_eq!(counted, expected.map(|(of, name, count)| (of.to_owned(), name.to_owned(), count)));
}
