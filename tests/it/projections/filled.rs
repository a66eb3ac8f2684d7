//! Batches that are filled while a view catches up. Time stands still, so that they are full.

use eventsource::memory::MemoryStore;
use eventsource::{Activity, NewEvent, OnError, Projections, ViewReader};
use std::time::Duration;

use super::things::*;
use crate::wrapped::{Fault, Wrapped};

const EVENTS: usize = 5_000;
const MANY: usize = 1_000_000;

/// How many writes there were until it had caught up.
async fn writes(store: &Wrapped, projections: Projections<Wrapped>) -> usize {
    store.fail_writes(Fault::Late(Duration::ZERO), MANY);
    let running = Running::start(projections);
    until("it has caught up", async || running.status().activity == Activity::Live).await;
    running.stop().await.unwrap();
    MANY - store.faults_left()
}

async fn filled(poison: Option<usize>) -> Wrapped {
    let store = Wrapped::new(MemoryStore::new());
    let cents = |n| if Some(n) == poison { UNBEARABLE } else { 1 };
    let events: Vec<NewEvent> = (0..EVENTS).map(|n| moved(cents(n))).collect();
    for events in events.chunks(500) {
        append(&store, 1, events.to_vec()).await;
    }
    store
}

async fn cents(store: &Wrapped) -> i64 {
    ViewReader::<Balance>::new(store.clone()).get(account(1).id()).await.unwrap().unwrap().cents
}

#[tokio::test(start_paused = true)]
async fn a_view_that_catches_up_writes_what_many_events_make_once() {
    let store = filled(None).await;
    assert_eq!(writes(&store, Projections::new(&store).view::<Balance>()).await, 1);
    assert_eq!(cents(&store).await, EVENTS as i64);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_filled_beyond_what_was_asked_for() {
    let store = filled(None).await;
    assert_eq!(writes(&store, Projections::new(&store).view::<Balance>().batch(1_000)).await, 5);
    assert_eq!(cents(&store).await, EVENTS as i64);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_folded_is_found_in_a_filled_batch_by_a_smaller_one() {
    let store = filled(Some(2_500)).await;
    let projections = Projections::new(&store).view::<Balance>().on_error(OnError::Skip);
    let writes = writes(&store, projections).await;
    // Four batches as always, and the thousand events of the one that has it.
    assert!((1_000..1_100).contains(&writes), "{writes} writes");
    assert_eq!(cents(&store).await, EVENTS as i64 - 1);
}
