//! Executing commands.

use std::convert::Infallible;

use eventsource::{
    Apply, Conflict, ExecuteError, ExecuteOptions, ExpectedVersion, History, Metadata, Position, Recorded, Repository,
    Version,
};
use serde_json::json;
use uuid::Uuid;

use super::account::*;

#[tokio::test]
async fn a_command_answers_state_version_position_and_events() {
    on_each(async |accounts| {
        let done = accounts.execute("alice", |_| [deposited(70), deposited(30)]).await.unwrap();
        assert_eq!((done.cents, done.version, done.repeated), (100, Version(2), false));
        assert_eq!(done.position, done.events[1].position);
        let loaded = accounts.load("alice").await.unwrap();
        assert_eq!((&loaded.state, loaded.version, loaded.position), (&done.state, done.version, done.position));
    })
    .await;
}

#[tokio::test]
async fn the_events_of_a_command_are_what_a_reader_gets() {
    on_each(async |accounts| {
        let time = "2024-02-29T12:30:00.000042Z".parse().unwrap();
        let (correlation, causation) = (Uuid::now_v7(), Uuid::now_v7());
        let metadata = Metadata::default()
            .with_actor("anna")
            .with("channel", json!({ "branch": 7 }))
            .with_correlation_id(correlation)
            .with_causation_id(causation);
        let options = ExecuteOptions::new().command_key("k").occurred_at(time).metadata(metadata);
        let done = accounts.execute_with("alice", options, |_| [deposited(1), deposited(2)]).await.unwrap();
        let read = accounts.history("alice", History::all()).await.unwrap().events;
        assert_eq!(done.events, read);
        assert_eq!(read[1].occurred_at, time);
        assert_eq!(read[1].metadata.actor(), Some("anna"));
        assert_eq!(read[1].metadata.get("channel"), Some(&json!({ "branch": 7 })));
        assert_eq!(read[1].metadata.correlation_id, Some(correlation));
        assert_eq!(read[1].metadata.causation_id, Some(causation));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_carries_the_domains_answer_and_stores_nothing() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(5)).await.unwrap();
        let refused = accounts.execute("alice", |account| account.withdraw(7)).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&NotEnough { wanted: 7, there: 5 }));
        assert_eq!(refused.to_string(), "7 cents wanted, 5 there");
        let refused = accounts.handle("alice", Withdraw { cents: 8 }).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&NotEnough { wanted: 8, there: 5 }));
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(1));
    })
    .await;
}

#[tokio::test]
async fn a_decision_without_events_stores_nothing_and_is_no_error() {
    on_each(async |accounts| {
        let done = accounts.execute("alice", |_| ()).await.unwrap();
        assert_eq!((done.version, done.position, done.events.len()), (Version(0), Position(0), 0));
        assert!(!accounts.exists("alice").await.unwrap());
        accounts.execute("alice", |_| Some(deposited(1))).await.unwrap();
        assert!(accounts.exists("alice").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_decision_of_several_steps_sees_each_step() {
    on_each(async |accounts| {
        let done = accounts
            .execute("alice", |account| {
                let deposit = deposited(10);
                let richer = account.after(&deposit);
                Ok::<_, NotEnough>((deposit, richer.withdraw(10)?))
            })
            .await
            .unwrap();
        assert_eq!((done.cents, done.version), (0, Version(2)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_tasks_racing_for_the_last_money_one_gets_it_and_seven_are_refused() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(100)).await.unwrap();
        let tasks = (0..8).map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.execute("alice", |account| account.withdraw(100)).await })
        });
        let mut stored = 0;
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(_) => stored += 1,
                Err(error) => assert_eq!(error.refusal(), Some(&NotEnough { wanted: 100, there: 0 })),
            }
        }
        assert_eq!(stored, 1);
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_tasks_that_all_may_write_none_is_lost_and_none_is_doubled() {
    on_each(async |accounts| {
        let tasks = (0..20).map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.execute("alice", |_| deposited(1)).await.unwrap().version })
        });
        let mut versions = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            versions.push(task.await.unwrap().0);
        }
        versions.sort_unstable();
        assert_eq!(versions, (1..=20).collect::<Vec<_>>());
        assert_eq!(accounts.load("alice").await.unwrap().cents, 20);
    })
    .await;
}

#[tokio::test]
async fn an_expected_version_that_does_not_hold_is_a_conflict_without_a_decision() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(5)).await.unwrap();
        for expected in [ExpectedVersion::NoStream, Version(2).into(), Version(0).into()] {
            let options = ExecuteOptions::new().expected(expected);
            let asked = accounts
                .execute_with("alice", options, |_| -> Result<Deposited, Infallible> { panic!("was asked to decide") });
            match asked.await.unwrap_err() {
                ExecuteError::Conflict(conflict) => {
                    let stream = accounts.stream("alice").unwrap();
                    assert_eq!(conflict, Conflict::new(stream, expected, Version(1)));
                }
                other => panic!("{other}"),
            }
        }
        let options = ExecuteOptions::new().expected(Version(1));
        assert!(accounts.execute_with("alice", options, |_| deposited(1)).await.is_ok());
        let options = ExecuteOptions::new().expected(ExpectedVersion::StreamExists);
        assert!(accounts.execute_with("bob", options, |_| deposited(1)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_repeated_command_returns_its_first_result_and_is_not_refused_by_its_own_effect() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(100)).await.unwrap();
        let withdraw = async || {
            let options = ExecuteOptions::new().command_key("withdrawal-1");
            accounts.execute_with("alice", options, |account| account.withdraw(100)).await.unwrap()
        };
        let first = withdraw().await;
        accounts.execute("alice", |_| deposited(7)).await.unwrap();
        let again = withdraw().await;
        assert!(again.repeated && !first.repeated);
        assert_eq!((&again.state, again.version, again.position), (&first.state, first.version, first.position));
        assert_eq!(again.events, first.events);
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(3));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_command_of_several_events_returns_them_all() {
    on_each(async |accounts| {
        let key = || ExecuteOptions::new().command_key("salary");
        let first = accounts.execute_with("alice", key(), |_| vec![deposited(1); 12]).await.unwrap();
        // Decided differently by other code: the first result stands.
        let again = accounts.execute_with("alice", key(), |_| deposited(99)).await.unwrap();
        assert_eq!(again.events, first.events);
        assert_eq!((again.cents, again.version), (12, Version(12)));
    })
    .await;
}

#[tokio::test]
async fn a_refused_command_may_succeed_later_under_its_key() {
    on_each(async |accounts| {
        let key = || ExecuteOptions::new().command_key("withdrawal-1");
        assert!(accounts.handle_with("alice", key(), Withdraw { cents: 5 }).await.is_err());
        accounts.execute("alice", |_| deposited(5)).await.unwrap();
        let done = accounts.handle_with("alice", key(), Withdraw { cents: 5 }).await.unwrap();
        assert!(!done.repeated);
    })
    .await;
}

#[tokio::test]
async fn a_caused_event_carries_its_cause_and_the_conversation() {
    on_each(async |accounts| {
        let first = accounts.execute("alice", |_| deposited(1)).await.unwrap();
        let reason: &Recorded<AccountEvent> = &first.events[0];
        let options = ExecuteOptions::new().caused_by(reason);
        let second = accounts.execute_with("bob", options, |_| deposited(1)).await.unwrap();
        assert_eq!(second.events[0].metadata.causation_id, Some(reason.id));
        assert_eq!(second.events[0].metadata.correlation_id, Some(reason.id));
        let options = ExecuteOptions::new().caused_by(&second.events[0]);
        let third = accounts.execute_with("carol", options, |_| deposited(1)).await.unwrap();
        assert_eq!(third.events[0].metadata.causation_id, Some(second.events[0].id));
        assert_eq!(third.events[0].metadata.correlation_id, Some(reason.id));
    })
    .await;
}

#[tokio::test]
async fn an_id_or_a_key_that_breaks_the_rules_is_refused_by_name() {
    on_each(async |accounts| {
        let long = "x".repeat(300);
        for id in ["", "line\nbreak", &long] {
            let error = accounts.execute(id, |_| deposited(1)).await.unwrap_err();
            assert!(matches!(&error, ExecuteError::Store(error) if error.is_invalid()), "{error}");
        }
        for key in ["", "$mine", "line\nbreak", &long] {
            let options = ExecuteOptions::new().command_key(key);
            let error = accounts.execute_with("alice", options, |_| deposited(1)).await.unwrap_err();
            assert!(matches!(&error, ExecuteError::Store(error) if error.is_invalid()), "{error}");
        }
        let options = ExecuteOptions::new().with("$secret", 1);
        let error = accounts.execute_with("alice", options, |_| deposited(1)).await.unwrap_err();
        assert!(error.to_string().contains("$secret"), "{error}");
    })
    .await;
}

#[test]
fn a_decision_may_borrow_and_its_future_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let accounts = Repository::<Account>::new(eventsource::memory::MemoryStore::new());
    let amount = String::from("7");
    let execute = accounts.execute("alice", |_| deposited(amount.parse().unwrap_or_default()));
    is_send(&execute);
    is_send(&accounts.handle("alice", Withdraw { cents: 1 }));
    is_send(&accounts.load("alice"));
    is_send(&accounts.history("alice", History::all()));
}
