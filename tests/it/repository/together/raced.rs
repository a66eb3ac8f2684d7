//! Many of them at once.

use std::time::Duration;

use eventsource::{ExecuteError, Retry, execute_all};

use super::*;

/// Long enough for a loaded machine; whoever waits longer waits for ever.
const AT_MOST: Duration = Duration::from_secs(120);
const ROUNDS: usize = 60;

/// Two customers may leave, but not both: each is decided on both, and writes one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_commands_each_reading_what_the_other_writes_never_both_are_stored_on_what_they_read() {
    on_each(async |accounts| {
        let (customers, _) = shop(&accounts);
        let mut left = 0;
        for round in 0..ROUNDS {
            let names = [format!("anna-{round}"), format!("berta-{round}")];
            for name in &names {
                customers.execute(name, |_| Joined {}).await.unwrap();
            }
            let leave = |who: usize| {
                let parts = (customers.part(&names[who]), customers.part(&names[1 - who]));
                tokio::spawn(async move {
                    execute_all(parts, |(one, other)| {
                        if one.is_active && other.is_active { Ok((Left {}, ())) } else { Err(NotActive) }
                    })
                    .await
                })
            };
            let (anna, berta) = (leave(0), leave(1));
            for done in [anna.await.unwrap(), berta.await.unwrap()] {
                match done {
                    Ok((one, other)) => {
                        assert!(!one.is_active && other.is_active);
                        left += 1;
                    }
                    Err(error) => assert_eq!(error.refusal(), Some(&NotActive), "{error}"),
                }
            }
            let mut active = 0;
            for name in &names {
                active += usize::from(customers.load(name).await.unwrap().is_active);
            }
            assert_eq!(active, 1, "customers that are left in round {round}");
        }
        assert_eq!(left, ROUNDS);
    })
    .await;
}

/// Three that each read the next one: a ring, which no look at two of them shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_ring_of_commands_each_reading_what_the_next_one_writes_not_all_are_stored_on_what_they_read() {
    on_each(async |accounts| {
        for round in 0..ROUNDS {
            let name = |n: usize| format!("{round}-{}", n % 3);
            let tasks: Vec<_> = (0..3)
                .map(|n| {
                    let parts = (accounts.part(name(n)), accounts.part(name(n + 1)));
                    // As long as the next one has nothing.
                    tokio::spawn(execute_all(parts, |(_, next)| ((next.cents == 0).then(|| deposited(1)), ())))
                })
                .collect();
            let mut stored = 0;
            for task in tasks {
                stored += task.await.unwrap().unwrap().0.events.len();
            }
            assert!((1..3).contains(&stored), "{stored} of three in round {round}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_among_few_accounts_in_all_directions_neither_wait_for_each_other_nor_lose_a_cent() {
    const ACCOUNTS: usize = 4;
    const TASKS: usize = 12;
    const EACH: usize = 12;
    on_each(async |accounts| {
        let accounts = accounts.with_retry(Retry::attempts(1_000));
        for id in 0..ACCOUNTS {
            accounts.execute(&id.to_string(), |_| deposited(1_000)).await.unwrap();
        }
        let race = async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|task| {
                    let accounts = accounts.clone();
                    tokio::spawn(async move {
                        let mut events = 0;
                        for n in 0..EACH {
                            let from = (task + n) % ACCOUNTS;
                            let to = (from + 1 + (task * 7 + n) % (ACCOUNTS - 1)) % ACCOUNTS;
                            let parts = (accounts.part(from.to_string()), accounts.part(to.to_string()));
                            let (from, to) = execute_all(parts, transfer(1 + n as u64)).await.unwrap();
                            events += from.events.len() + to.events.len();
                            // Beside them go commands on one.
                            if n % 4 == 0 {
                                let id = (task % ACCOUNTS).to_string();
                                let in_and_out = |_: &Account| (deposited(1), Withdrawn { cents: 1 });
                                events += accounts.execute(&id, in_and_out).await.unwrap().events.len();
                            }
                        }
                        events
                    })
                })
                .collect();
            let mut events = 0;
            for task in tasks {
                events += task.await.unwrap();
            }
            events
        };
        let events = tokio::time::timeout(AT_MOST, race).await.expect("nobody waits for ever");
        let (mut sum, mut versions) = (0, 0);
        for id in 0..ACCOUNTS {
            let account = accounts.load(&id.to_string()).await.unwrap();
            (sum, versions) = (sum + account.cents, versions + account.version.0);
        }
        assert_eq!(sum, 1_000 * ACCOUNTS as u64);
        assert_eq!(versions as usize, ACCOUNTS + events, "events in the streams, against those that were answered");
    })
    .await;
}

/// An order is placed only while the customer is active, and the customer leaves only while there is no order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_across_two_types_holds_whoever_is_faster() {
    on_each(async |accounts| {
        let (customers, orders) = shop(&accounts);
        for round in 0..ROUNDS {
            let id = round.to_string();
            customers.execute(&id, |_| Joined {}).await.unwrap();
            let parts = (customers.part(&id), orders.part(&id));
            let placing = tokio::spawn(execute_all(parts.clone(), place));
            let leaving =
                tokio::spawn(execute_all(
                    parts,
                    |(_, order)| {
                        if order.cents == 0 { Ok((Left {}, ())) } else { Err(NotActive) }
                    },
                ));
            let (placed, left) = (placing.await.unwrap(), leaving.await.unwrap());
            let is_refusal = |error: &ExecuteError<NotActive>| error.refusal().is_some();
            assert!(placed.as_ref().err().is_none_or(is_refusal) && left.as_ref().err().is_none_or(is_refusal));
            assert_eq!(usize::from(placed.is_ok()) + usize::from(left.is_ok()), 1, "in round {round}");
        }
    })
    .await;
}
