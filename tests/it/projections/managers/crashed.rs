//! A manager that dies in the middle, at every point there is.

use eventsource::{Aggregate, Events, Read, Recorded};

use super::things::*;
use super::transfer::{Account, AccountEvent, Transfer};
use crate::projections::things::{Running, until};
use crate::wrapped::{Fault, Wrapped};

/// More calls than that are made in a run without a death.
const AT_LEAST: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_dies_at_any_point_has_done_nothing_twice_and_left_nothing_out() {
    for calls in 1.. {
        let (ahead, ahead_too) = (Ahead::default(), Ahead::default());
        let memory = dies_behind(calls, ahead.memory(), &ahead).await;
        let sqlite = dies_behind(calls, ahead_too.sqlite().await, &ahead_too).await;
        if !memory && !sqlite {
            assert!(calls > AT_LEAST, "only {calls} calls");
            break;
        }
    }
}

/// Answers whether it died before it was done.
async fn dies_behind(calls: usize, store: Wrapped, ahead: &Ahead) -> bool {
    open(&store, "alice", 100).await;
    open(&store, "bob", 0).await;
    open(&store, "carol", 0).await;
    request(&store, "1", "alice", "bob", 30).await;
    request(&store, "2", "alice", "carol", 20).await;
    request(&store, "3", "alice", "bob", 180).await;
    close(&store, "carol").await;
    let mortal = store.apart();
    mortal.die_behind(calls);
    let first = Running::start(managing::<Transfer>(&mortal));
    let all_over = async || is_over(&store, "1").await && is_over(&store, "2").await && is_over(&store, "3").await;
    until("it is dead or done", async || mortal.is_dead() || all_over().await).await;
    let died = mortal.is_dead();
    first.kill().await;
    ahead.hours(1);
    let second = Running::start(managing::<Transfer>(&store));
    until("the other one has done the rest", all_over).await;
    second.stop().await.unwrap();
    assert_eq!(story(&store, "1").await, ["requested", "taken", "arrived"], "died behind {calls} calls");
    assert_eq!(story(&store, "2").await, ["requested", "taken", "bounced", "returned"], "died behind {calls} calls");
    assert_eq!(story(&store, "3").await, ["requested", "refused"], "died behind {calls} calls");
    let slips = [("alice", -30, "1"), ("alice", -20, "2"), ("alice", 20, "2"), ("bob", 30, "1")];
    assert_eq!(moves(&store).await, slips.map(|(to, cents, slip)| (to.to_owned(), cents, slip.to_owned())));
    died
}

/// All money that was moved, in order.
async fn moves(store: &Wrapped) -> Vec<(String, i64, String)> {
    let mut events = Events::<AccountEvent>::new(store.clone(), Read::category(Account::NAME));
    let mut moves = Vec::new();
    while let Some(Recorded { event, stream, .. }) = events.next().await.unwrap() {
        match event {
            AccountEvent::Withdrawn(slip) => moves.push((stream.id().to_owned(), -slip.cents, slip.slip)),
            AccountEvent::Deposited(slip) => moves.push((stream.id().to_owned(), slip.cents, slip.slip)),
            _ => {}
        }
    }
    moves.sort();
    moves.sort_by(|a, b| (&a.0, &a.2, a.1).cmp(&(&b.0, &b.2, b.1)));
    moves
}

/// Alice has no money, so the transfer is refused; then she has, and the manager begins anew with the same event.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_refused_before_a_crash_is_not_allowed_after_it() {
    on_each_with_clock(async |store, ahead| {
        open(&store, "alice", 0).await;
        open(&store, "bob", 0).await;
        request(&store, "1", "alice", "bob", 30).await;
        let mortal = store.apart();
        mortal.fail_writes(Fault::Held, 1);
        let first = Running::start(managing::<Transfer>(&mortal));
        until("it is about to note how far it is", async || mortal.faults_left() == 0).await;
        assert_eq!(story(&store, "1").await, ["requested", "refused"]);
        first.kill().await;
        open(&store, "alice", 100).await;
        ahead.hours(1);
        let second = Running::start(managing::<Transfer>(&store));
        request(&store, "2", "alice", "bob", 1).await;
        ends(&store, "2").await;
        second.stop().await.unwrap();
        assert_eq!(story(&store, "1").await, ["requested", "refused"]);
        assert_eq!(cents(&store, "alice").await, 99);
    })
    .await;
}
