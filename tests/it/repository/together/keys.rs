//! Command keys: the whole is done once, whichever of its streams are written.

use eventsource::memory::MemoryStore;
use eventsource::{ExecuteOptions, Position, Version, execute_all_with};

use crate::repository::hot::settle;
use crate::wrapped::{Fault, Wrapped};

use super::*;

fn once() -> ExecuteOptions {
    ExecuteOptions::new().command_key("transfer-1")
}

#[tokio::test]
async fn a_repeated_command_on_several_returns_its_first_results() {
    on_each(async |accounts| {
        let other = Repository::<Account>::new(accounts.store().clone());
        accounts.execute("alice", |_| deposited(100)).await.unwrap();
        let both = |accounts: &Repository<Account>| (accounts.part("alice"), accounts.part("bob"));
        // Two events there, so that the first results are more than one each.
        let pay =
            |(from, _): (&Account, &Account)| Ok::<_, NotEnough>((from.withdraw(100)?, [deposited(60), deposited(40)]));
        let first = execute_all_with(both(&accounts), once(), pay).await.unwrap();
        accounts.execute("alice", |_| deposited(7)).await.unwrap();
        accounts.execute("bob", |_| deposited(7)).await.unwrap();
        // Refused by its own effect, were it not for the key; also where the parts come in another order.
        let again = execute_all_with(both(&other), once(), pay).await.unwrap();
        let swapped = execute_all_with((other.part("bob"), other.part("alice")), once(), |(bob, alice)| {
            pay((alice, bob)).map(|(withdrawn, deposited)| (deposited, withdrawn))
        });
        let swapped = swapped.await.unwrap();
        for (alice, bob) in [again, (swapped.1, swapped.0)] {
            for (again, first) in [(alice, &first.0), (bob, &first.1)] {
                assert!(again.repeated && !first.repeated);
                assert_eq!(
                    (&again.state, again.version, again.position),
                    (&first.state, first.version, first.position)
                );
                assert_eq!((again.events, again.token), (first.events.clone(), first.token));
            }
        }
        assert_eq!(accounts.load("alice").await.unwrap().version, Version(3));
        assert_eq!(accounts.load("bob").await.unwrap().version, Version(3));
    })
    .await;
}

#[tokio::test]
async fn of_a_repeated_command_what_was_only_read_is_as_it_was_then() {
    on_each(async |accounts| {
        let (customers, orders) = shop(&accounts);
        customers.execute("anna", |_| Joined {}).await.unwrap();
        let order = || execute_all_with((customers.part("anna"), orders.part("1")), once(), place);
        let (_, first) = order().await.unwrap();
        customers.execute("anna", |_| Left {}).await.unwrap();
        let (anna, again) = order().await.unwrap();
        assert_eq!((anna.is_active, anna.version, anna.events.len(), anna.repeated), (true, Version(1), 0, true));
        assert_eq!((again.repeated, &again.events, again.token), (true, &first.events, first.token));
        assert_eq!(anna.token, first.token);
        // One that had no event then.
        let parts = (orders.part("1"), orders.part("2"));
        let (_, second) = execute_all_with(parts, once(), |_| (Placed { cents: 1 }, ())).await.unwrap();
        assert_eq!((second.version, second.position, second.repeated), (Version(0), Position(0), true));
    })
    .await;
}

#[tokio::test]
async fn the_key_of_a_refusal_or_of_other_streams_is_free() {
    on_each(async |accounts| {
        let to = |id: &str| (accounts.part("alice"), accounts.part(id));
        assert!(execute_all_with(to("bob"), once(), transfer(5)).await.is_err());
        accounts.execute("alice", |_| deposited(5)).await.unwrap();
        let (alice, _) = execute_all_with(to("bob"), once(), transfer(5)).await.unwrap();
        assert!(!alice.repeated);
        let parts = (accounts.part("carol"), accounts.part("dave"));
        let (carol, _) = execute_all_with(parts, once(), |_| (deposited(1), ())).await.unwrap();
        assert!(!carol.repeated);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_racing_commands_on_several_with_one_key_one_is_stored_and_all_answer_it() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| deposited(100)).await.unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let parts = (accounts.part("alice"), accounts.part("bob"));
                // Some write to one of them only, so that the key is in one stream or in the other.
                let decide = move |(from, _): (&Account, &Account)| match n % 3 {
                    0 => Ok((Some(from.withdraw(100)?), Some(deposited(100)))),
                    1 => Ok((Some(from.withdraw(100)?), None)),
                    _ => Ok::<_, NotEnough>((None, Some(deposited(100)))),
                };
                tokio::spawn(async move { execute_all_with(parts, once(), decide).await.unwrap() })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|(alice, bob)| !alice.repeated && !bob.repeated).count(), 1);
        for (alice, bob) in &answers {
            assert_eq!((&alice.events, &bob.events), (&answers[0].0.events, &answers[0].1.events));
            assert_eq!((alice.version, bob.version), (answers[0].0.version, answers[0].1.version));
            assert_eq!((alice.cents, bob.cents), (answers[0].0.cents, answers[0].1.cents));
        }
        let stored = accounts.load("alice").await.unwrap().version.0 + accounts.load("bob").await.unwrap().version.0;
        assert_eq!(stored, 1 + answers[0].0.events.len() as u64 + answers[0].1.events.len() as u64);
    })
    .await;
}

#[tokio::test]
async fn what_another_has_done_meanwhile_under_the_key_is_answered_whichever_streams_it_has_written() {
    for (others_bob, own_bob) in [(true, true), (true, false), (false, true)] {
        let store = Wrapped::new(MemoryStore::new());
        let accounts = Repository::<Account>::new(store.clone());
        let other = Repository::<Account>::new(store.apart());
        store.fail_appends("account-alice", Fault::Held, 1);
        let parts = (accounts.part("alice"), accounts.part("bob"));
        let held = tokio::spawn(async move {
            execute_all_with(parts, once(), |_| (deposited(1), own_bob.then(|| deposited(1)))).await
        });
        settle().await;
        let parts = (other.part("alice"), other.part("bob"));
        let first =
            execute_all_with(parts, once(), |_| (deposited(5), others_bob.then(|| deposited(5)))).await.unwrap();
        store.release_append();
        let (alice, bob) = held.await.unwrap().unwrap();
        assert!(alice.repeated && bob.repeated && !first.0.repeated);
        assert_eq!((alice.cents, bob.cents), (5, if others_bob { 5 } else { 0 }));
        assert_eq!((alice.events, bob.events), (first.0.events, first.1.events), "{others_bob} {own_bob}");
    }
}
