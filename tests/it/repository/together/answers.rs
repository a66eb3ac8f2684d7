//! What is stored, and what is answered.

use std::convert::Infallible;

use eventsource::memory::MemoryStore;
use eventsource::{ExecuteOptions, History, Metadata, Part, Repository, Version, execute_all, execute_all_with};
use uuid::Uuid;

use super::*;

#[tokio::test]
async fn what_is_decided_for_several_is_stored_together_and_answered_for_each() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(70)).await.unwrap();
        accounts.execute("bob", |_| [deposited(1), deposited(2)]).await.unwrap();
        let (time, correlation) = ("2024-02-29T12:30:00.000042Z".parse().unwrap(), Uuid::now_v7());
        let metadata = Metadata::default().with_actor("anna").with_correlation_id(correlation);
        let options = ExecuteOptions::new().occurred_at(time).metadata(metadata);
        let both = (accounts.part("alice"), accounts.part("bob"));
        let (alice, bob) = execute_all_with(both, options, transfer(50)).await.unwrap();
        assert_eq!((alice.cents, alice.version, alice.repeated), (20, Version(2), false));
        assert_eq!((bob.cents, bob.version, bob.repeated), (53, Version(3), false));
        for (id, done) in [("alice", &alice), ("bob", &bob)] {
            let loaded = accounts.load(id).await.unwrap();
            assert_eq!((&loaded.state, loaded.version, loaded.position), (&done.state, done.version, done.position));
            let read = accounts.history(id, History::all()).await.unwrap().events;
            assert_eq!(done.events, read[read.len() - 1..], "of {id}");
            assert_eq!((done.events[0].occurred_at, done.events[0].metadata.actor()), (time, Some("anna")));
            assert_eq!(done.events[0].metadata.correlation_id, Some(correlation));
        }
        // Whoever has come to the last place has seen both.
        assert!(alice.position < bob.position);
        assert_eq!((alice.token.position, alice.token), (bob.position, bob.token));
        assert_eq!(alice.token.event_id, Some(bob.events[0].id));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_several_carries_the_domains_answer_and_stores_nothing() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(5)).await.unwrap();
        let both = (accounts.part("alice"), accounts.part("bob"));
        let refused = execute_all(both, transfer(7)).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&NotEnough { wanted: 7, there: 5 }));
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(1));
        assert!(!accounts.exists("bob").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn aggregates_of_different_types_are_decided_together_and_one_that_is_only_read_is_left_as_it_is() {
    on_each(async |accounts| {
        let (customers, orders) = shop(&accounts);
        let refused = execute_all((customers.part("anna"), orders.part("1")), place).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&NotActive));
        let joined = customers.execute("anna", |_| Joined {}).await.unwrap();
        let (anna, order) = execute_all((customers.part("anna"), orders.part("1")), place).await.unwrap();
        assert_eq!((anna.is_active, anna.version, anna.position), (true, Version(1), joined.position));
        assert_eq!((anna.events.len(), anna.token), (0, order.token));
        assert_eq!((order.cents, order.version, order.events.len()), (990, Version(1), 1));
        assert_eq!(customers.load("anna").await.unwrap().version, Version(1));
        assert_eq!(orders.load("1").await.unwrap().cents, 990);
        customers.execute("anna", |_| Left {}).await.unwrap();
        // Where the one that is only read comes last.
        let refused = execute_all((orders.part("2"), customers.part("anna")), |(order, customer)| {
            place((customer, order)).map(|(nothing, placed)| (placed, nothing))
        });
        assert_eq!(refused.await.unwrap_err().refusal(), Some(&NotActive));
        assert!(!orders.exists("2").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_decision_without_events_for_any_of_them_stores_nothing_and_is_no_error() {
    on_each(async |accounts| {
        let first = accounts.execute("alice", |_| deposited(5)).await.unwrap();
        let both = (accounts.part("alice"), accounts.part("bob"));
        let (alice, bob) = execute_all(both, |_| (None::<Deposited>, Vec::<AccountEvent>::new())).await.unwrap();
        assert_eq!((alice.cents, alice.version, alice.position), (5, Version(1), first.position));
        assert_eq!((bob.version, bob.events.len()), (Version(0), 0));
        assert_eq!((alice.token, alice.token.position, alice.token.event_id), (bob.token, first.position, None));
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(1));
        assert!(!accounts.exists("bob").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn any_number_of_one_type_may_be_decided_together() {
    on_each(async |accounts| {
        let ids: Vec<_> = (0..20).map(|n| n.to_string()).collect();
        let parts: Vec<Part<Account>> = ids.iter().map(|id| accounts.part(id)).collect();
        let each = |all: Vec<&Account>| {
            let before: u64 = all.iter().map(|account| account.cents).sum();
            (0..all.len() as u64).map(|n| (n != 7).then(|| deposited(before + n))).collect::<Vec<_>>()
        };
        let done = execute_all(parts.clone(), each).await.unwrap();
        assert_eq!(done.len(), 20);
        for (n, id) in ids.iter().enumerate() {
            let expected = if n == 7 { 0 } else { n as u64 };
            assert_eq!((done[n].cents, accounts.load(id).await.unwrap().cents), (expected, expected), "account {n}");
        }
        let before: u64 = (0..20).filter(|n| *n != 7).sum();
        assert_eq!(execute_all(parts.clone(), each).await.unwrap()[3].cents, 3 + before + 3);
        // Whose is which?
        for said in [19, 21] {
            let error = store_error(execute_all(parts.clone(), |_| vec![Some(deposited(1)); said]).await);
            assert!(error.is_invalid() && error.to_string().contains("none for account-0"), "{error}");
        }
        assert_eq!(accounts.load("0").await.unwrap().version, Version(2));
    })
    .await;
}

#[tokio::test]
async fn six_different_parts_are_decided_together() {
    on_each(async |accounts| {
        let (customers, orders) = shop(&accounts);
        let six = (
            customers.part("1"),
            orders.part("1"),
            accounts.part("1"),
            customers.part("2"),
            orders.part("2"),
            accounts.part("2"),
        );
        let done = execute_all(six, |_| {
            Ok::<_, Infallible>((Joined {}, Placed { cents: 2 }, deposited(3), Joined {}, (), deposited(6)))
        });
        let (first, second, third, fourth, fifth, sixth) = done.await.unwrap();
        assert!(first.is_active && fourth.is_active);
        assert_eq!((second.cents, third.cents, fifth.cents, sixth.cents), (2, 3, 0, 6));
        assert!(customers.load("2").await.unwrap().is_active && !orders.exists("2").await.unwrap());
        assert_eq!(accounts.load("2").await.unwrap().cents, 6);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_one_command_is_refused_before_anything_is_decided() {
    on_each(async |accounts| {
        let elsewhere = Repository::<Account>::new(MemoryStore::new());
        let never = |_: (&Account, &Account)| -> (Deposited, Deposited) { panic!("was asked to decide") };
        let never_all = |_: Vec<&Account>| -> Vec<Deposited> { panic!("was asked to decide") };
        let twice = (accounts.part("alice"), accounts.part("alice"));
        let error = store_error(execute_all(twice, never).await);
        assert!(error.is_invalid() && error.to_string().contains("account-alice stands twice"), "{error}");
        let apart = (accounts.part("alice"), elsewhere.part("bob"));
        let error = store_error(execute_all(apart, never).await);
        assert!(error.is_invalid() && error.to_string().contains("account-bob are not in one store"), "{error}");
        let error = store_error(execute_all((accounts.part("alice"), accounts.part("")), never).await);
        assert!(error.name_error().is_some(), "{error}");
        let options = ExecuteOptions::new().expected(Version(0));
        let both = (accounts.part("alice"), accounts.part("bob"));
        let error = store_error(execute_all_with(both.clone(), options, never).await);
        assert!(error.is_invalid() && error.to_string().contains("Part::expecting"), "{error}");
        let error = store_error(execute_all_with(both, ExecuteOptions::new().command_key("$mine"), never).await);
        assert!(error.name_error().is_some(), "{error}");
        let error = store_error(execute_all(Vec::new(), never_all).await);
        assert!(error.is_invalid() && error.to_string().contains("names none"), "{error}");
        let many: Vec<_> = (0..101).map(|n| accounts.part(n.to_string())).collect();
        assert!(store_error(execute_all(many.clone(), never_all).await).is_too_large());
        assert!(execute_all(many[..100].to_vec(), |all| vec![deposited(1); all.len()]).await.is_ok());
    })
    .await;
}

#[test]
fn a_decision_on_several_may_borrow_and_its_future_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let accounts = Repository::<Account>::new(MemoryStore::new());
    let amount = String::from("7");
    let both = (accounts.part("alice"), accounts.part("bob"));
    is_send(&execute_all(both, |(from, _)| {
        Ok::<_, NotEnough>((from.withdraw(amount.len() as u64)?, deposited(amount.parse().unwrap_or_default())))
    }));
    is_send(&execute_all(vec![accounts.part("alice")], |all| vec![deposited(all.len() as u64)]));
}
