//! A view that is folded on demand, now and as of a moment in the past.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use eventsource::memory::MemoryStore;
use eventsource::{LiveView, NewEvent, Position, Read, StreamId, Version};

use super::domain::{Balance, Closed, Deposited, Opened, append, happened};

async fn cents(view: LiveView<Balance>) -> Vec<(String, i64)> {
    view.rows().await.unwrap().into_iter().map(|(account, row)| (account, row.cents)).collect()
}

async fn deposits() -> MemoryStore {
    let store = MemoryStore::new();
    for account in ["alice", "bob"] {
        happened(&store, account, &Opened { owner: None }).await;
    }
    for amount in [1, 2, 4] {
        for account in ["alice", "bob"] {
            happened(&store, account, &Deposited { cents: amount }).await;
        }
    }
    store
}

fn of(rows: &[(&str, i64)]) -> Vec<(String, i64)> {
    rows.iter().map(|(account, cents)| ((*account).to_owned(), *cents)).collect()
}

#[tokio::test]
async fn a_view_can_be_seen_as_of_a_position() {
    let store = deposits().await;
    let until = |position| cents(LiveView::new(store.clone(), Read::all().until(Position(position))));
    assert_eq!(until(0).await, []);
    assert_eq!(until(3).await, of(&[("alice", 1), ("bob", 0)]));
    assert_eq!(until(5).await, of(&[("alice", 3), ("bob", 1)]));
    assert_eq!(until(99).await, of(&[("alice", 7), ("bob", 7)]));
}

#[tokio::test]
async fn a_view_can_be_seen_as_of_a_version() {
    let store = deposits().await;
    let read = Read::stream(&StreamId::new("account", "alice").unwrap());
    let until = |version| cents(LiveView::new(store.clone(), read.clone()).until_version(Version(version)));
    assert_eq!(until(0).await, []);
    assert_eq!(until(1).await, of(&[("alice", 0)]));
    assert_eq!(until(3).await, of(&[("alice", 3)]));
    assert_eq!(until(9).await, of(&[("alice", 7)]));
    // Of several streams it is that version of each.
    let all = LiveView::new(store, Read::all()).until_version(Version(2));
    assert_eq!(cents(all).await, of(&[("alice", 1), ("bob", 1)]));
}

#[tokio::test]
async fn a_view_can_be_seen_as_of_a_time() {
    let store = MemoryStore::new();
    happened(&store, "alice", &Opened { owner: None }).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let between = eventsource::now();
    tokio::time::sleep(Duration::from_millis(2)).await;
    happened(&store, "alice", &Deposited { cents: 5 }).await;
    let recorded = LiveView::new(store.clone(), Read::all().recorded(..=between));
    assert_eq!(cents(recorded).await, of(&[("alice", 0)]));
    // Back-dated, and then of another day.
    let day = DateTime::UNIX_EPOCH + TimeDelta::days(1);
    let store = MemoryStore::new();
    for (days, event) in
        [(0, NewEvent::encode(&Opened { owner: None })), (3, NewEvent::encode(&Deposited { cents: 5 }))]
    {
        append(&store, "account", "alice", event.unwrap().with_occurred_at(day + TimeDelta::days(days))).await;
    }
    let occurred = |days| {
        let until = day + TimeDelta::days(days);
        cents(LiveView::new(store.clone(), Read::all().occurred(..=until)))
    };
    assert_eq!(occurred(2).await, of(&[("alice", 0)]));
    assert_eq!(occurred(3).await, of(&[("alice", 5)]));
}

#[tokio::test]
async fn one_row_is_folded_without_the_others() {
    let store = deposits().await;
    happened(&store, "bob", &Closed {}).await;
    let view = LiveView::<Balance>::new(store, Read::all());
    assert_eq!(view.row("alice").await.unwrap().unwrap().cents, 7);
    assert_eq!(view.row("bob").await.unwrap(), None);
    assert_eq!(view.row("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn more_events_than_a_batch_holds_are_folded() {
    let store = MemoryStore::new();
    happened(&store, "alice", &Opened { owner: None }).await;
    let events = (0..2_500).map(|_| NewEvent::encode(&Opened { owner: Some("Alice".into()) }).unwrap()).collect();
    let stream = StreamId::new("account", "alice").unwrap();
    let request = eventsource::AppendRequest::new(stream, eventsource::ExpectedVersion::Any, events);
    eventsource::EventStore::append(&store, request.into()).await.unwrap();
    happened(&store, "alice", &Deposited { cents: 5 }).await;
    let row = LiveView::<Balance>::new(store, Read::all().limit(300)).row("alice").await.unwrap().unwrap();
    assert_eq!((row.owner.as_deref(), row.cents), (Some("Alice"), 5));
}
