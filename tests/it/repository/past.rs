//! Looking at the past.

use chrono::{DateTime, TimeDelta, Utc};
use eventsource::memory::MemoryStore;
use eventsource::{
    AppendRequest, AsOf, EventStore, Events, ExecuteOptions, ExpectedVersion, History, NewEvent, Position, Read,
    Repository, StreamId, Version,
};

use super::account::*;
use crate::wrapped::Wrapped;

fn day(day: u32) -> DateTime<Utc> {
    format!("2024-03-{day:02}T00:00:00Z").parse().unwrap()
}

/// Deposits of 1, 2, 4, 8 cents, recorded in this order, that occurred on days 1, 5, 3, 5.
async fn back_dated(accounts: &Repository<Account>) {
    for (cents, on) in [(1, 1), (2, 5), (4, 3), (8, 5)] {
        let options = ExecuteOptions::new().occurred_at(day(on));
        accounts.execute_with("alice", options, |_| deposited(cents)).await.unwrap();
        // Recorded times differ, so that each can be asked for.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_state_can_be_had_as_of_a_version_a_position_and_both_times() {
    on_each(async |accounts| {
        back_dated(&accounts).await;
        let recorded = accounts.history("alice", History::all()).await.unwrap().events;
        for (index, sum) in [1, 3, 7, 15].into_iter().enumerate() {
            let event = &recorded[index];
            for as_of in [event.version.into(), event.position.into(), AsOf::RecordedAt(event.recorded_at)] {
                let account = accounts.load_at("alice", as_of).await.unwrap();
                assert_eq!((account.cents, account.version), (sum, event.version), "{as_of:?}");
            }
            let before = AsOf::RecordedAt(event.recorded_at - TimeDelta::microseconds(1));
            assert_eq!(accounts.load_at("alice", before).await.unwrap().version, Version(index as u64));
        }
        for (on, sum) in [(1, 1), (2, 1), (3, 5), (4, 5), (5, 15), (6, 15)] {
            assert_eq!(accounts.load_at("alice", AsOf::OccurredAt(day(on))).await.unwrap().cents, sum, "day {on}");
        }
        let beyond = accounts.load_at("alice", Version(99)).await.unwrap();
        assert_eq!((beyond.cents, beyond.version), (15, Version(4)));
        assert_eq!(accounts.load_at("alice", Position(0)).await.unwrap().version, Version(0));
        assert_eq!(accounts.load("nobody").await.unwrap().version, Version(0));
    })
    .await;
}

#[tokio::test]
async fn a_history_comes_in_pages_and_spans_of_time() {
    on_each(async |accounts| {
        back_dated(&accounts).await;
        let page = accounts.history("alice", History::all().limit(3)).await.unwrap();
        assert_eq!((page.events.len(), page.next), (3, Some(Version(3))));
        let rest = accounts.history("alice", History::all().limit(3).after(Version(3))).await.unwrap();
        assert_eq!((rest.events[0].version, rest.next), (Version(4), None));
        let on_the_fifth = accounts.history("alice", History::all().occurred(day(5)..day(6))).await.unwrap();
        let versions: Vec<_> = on_the_fifth.events.iter().map(|event| event.version.0).collect();
        assert_eq!(versions, [2, 4]);
        let second = page.events[1].recorded_at;
        let since = accounts.history("alice", History::all().recorded(second..)).await.unwrap();
        assert_eq!(since.events.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn typed_events_of_all_streams_come_in_order_across_pages() {
    on_each(async |accounts| {
        for n in 0..25_u64 {
            accounts.execute(&format!("{}", n % 4), |_| deposited(n)).await.unwrap();
        }
        for limit in [1, 7, 25, 1000] {
            let mut events = Events::<Deposited>::new(accounts.store().clone(), Read::category("account").limit(limit));
            let mut cents = Vec::new();
            while let Some(event) = events.next().await.unwrap() {
                cents.push(event.event.cents);
            }
            assert_eq!(cents, (0..25).collect::<Vec<_>>(), "pages of {limit}");
            // What comes later is found by asking again.
            assert!(events.next().await.unwrap().is_none());
        }
        // Names outside the set leave nothing to read, and no event comes from before the place that was named.
        let mut none = Events::<Deposited>::new(accounts.store().clone(), Read::all().names(["account.withdrawn"]));
        assert!(none.next().await.unwrap().is_none());
        let mut beyond = Events::<Deposited>::new(accounts.store().clone(), Read::all().after(Position(1_000)));
        assert!(beyond.next().await.unwrap().is_none());
        accounts.execute("early", |_| deposited(98)).await.unwrap();
        assert!(beyond.next().await.unwrap().is_none());
        let mut tail = Events::<Deposited>::new(accounts.store().clone(), Read::all());
        while tail.next().await.unwrap().is_some() {}
        accounts.execute("late", |_| deposited(99)).await.unwrap();
        assert_eq!(tail.next().await.unwrap().unwrap().event.cents, 99);
    })
    .await;
}

#[tokio::test]
async fn pages_grow_while_they_are_full_and_small() {
    // Pages of 10, 20, 40, and then of 80; one of 10, and then of the 4 that have less than 4 MiB; never of more than a read allows.
    let cases = [(1_000, 0, 10, 3 + 12), (60, 1_000_000, 10, 1 + 13), (65_537, 0, 65_536, 2)];
    for (events, padding, limit, reads) in cases {
        let store = Wrapped::new(MemoryStore::new());
        let padding = "x".repeat(padding);
        for start in (0..events).step_by(1_000) {
            let of = |n: usize| {
                let data = format!(r#"{{"cents":{n},"padding":"{padding}"}}"#);
                NewEvent::new("account.deposited", 1, data.into_bytes())
            };
            let stream = StreamId::new("account", &start.to_string()).unwrap();
            let each = (start..events.min(start + 1_000)).map(of);
            for events in each.collect::<Vec<_>>().chunks(if padding.is_empty() { 1_000 } else { 1 }) {
                let request = AppendRequest::new(stream.clone(), ExpectedVersion::Any, events.to_vec());
                store.append(request.into()).await.unwrap();
            }
        }
        let mut all = Events::<Deposited>::new(store.clone(), Read::all().limit(limit));
        let mut next = 0;
        while let Some(event) = all.next().await.unwrap() {
            assert_eq!(event.event.cents, next);
            next += 1;
        }
        assert_eq!((next, store.counts.own()), (events as u64, reads), "{limit}");
    }
}
