//! The same filters before and behind the seam.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use eventsource::{EventStore, NewEvent, Position, Read, Subscribe, Version};
use futures::StreamExt;

use super::things::*;
use crate::wrapped::Wrapped;

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(day)
}

/// Streams of two categories, one of which begins like the other; two names; days that go back.
async fn append_all(store: &Wrapped, numbers: Range<u64>) -> Position {
    let mut last = Position(0);
    for n in numbers {
        let category = ["thing", "things", "other"][n as usize % 3];
        let stream = eventsource::StreamId::new(category, ["a", "a-b"][n as usize % 2]).unwrap();
        let event = match n % 4 {
            0 => NewEvent::encode(&Undone { n }).unwrap(),
            1 => NewEvent::new("thing.unknown", 1, b"{}".to_vec()),
            _ => done(n),
        };
        last = append(store, stream, vec![event.with_occurred_at(day(n as i64 * 7 % 10))]).await;
    }
    last
}

/// Every filter, alone and with others. `behind` is where the events begin.
fn reads(behind: Position, started: DateTime<Utc>, middle: DateTime<Utc>) -> Vec<Read> {
    let all = Read::all;
    let at = |offset| Position(behind.0 + offset);
    vec![
        all(),
        Read::category("thing"),
        Read::category("things"),
        Read::category("th"),
        Read::stream(&stream("a")),
        Read::stream(&stream("a-b")),
        Read::stream(&stream("none")),
        all().after(at(7)),
        all().until(at(9)),
        all().after(at(3)).until(at(11)),
        all().after_version(Version(2)),
        all().names(["thing.done"]),
        all().names(["thing.undone", "thing.unknown"]),
        all().recorded(middle..),
        all().recorded(..middle),
        all().recorded(..started),
        all().occurred(day(3)..day(7)),
        all().occurred(day(3)..=day(7)),
        all().occurred((std::ops::Bound::Excluded(day(3)), std::ops::Bound::Unbounded)),
        Read::category("thing").names(["thing.done"]).after(at(2)).occurred(day(1)..).after_version(Version(1)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_filter_takes_the_same_of_what_comes_as_of_what_is_stored() {
    on_each(async |store| {
        append_all(&store, 0..24).await;
        let started = eventsource::now();
        append_all(&store, 0..12).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let middle = eventsource::now();
        let behind = append_all(&store, 12..24).await;
        let first = Position(behind.0 - 24);
        let mut from_before = Vec::new();
        for read in reads(first, started, middle) {
            let read = read.clone().after(read.after.max(first));
            let until = read.until.unwrap_or(behind);
            let expected = all::<Thing>(&store, read.clone()).await;
            let mut things = store.subscribe::<Thing>(read.clone().until(until).limit(2));
            let mut stored = Vec::new();
            while let Some(thing) = in_time(things.next()).await.unwrap() {
                stored.push(thing);
            }
            assert_eq!(stored, expected, "{read:?}");
            from_before.push(stored.len());
        }
        assert_eq!(from_before.iter().filter(|count| **count == 0).count(), 3, "{from_before:?}");

        let mut waiting = Vec::new();
        let started = eventsource::now();
        let middle = started + TimeDelta::seconds(2);
        for mut read in reads(behind, started, middle) {
            read.after = read.after.max(behind);
            read.until = read.until.or(Some(Position(behind.0 + 24)));
            let mut things = store.subscribe::<Thing>(read.clone());
            let waiter = tokio::spawn(async move {
                let mut came = Vec::new();
                while let Some(thing) = in_time(things.next()).await.unwrap() {
                    came.push(thing);
                }
                came
            });
            waiting.push((read, waiter));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let own = store.counts.own();
        append_all(&store, 0..12).await;
        assert!(eventsource::now() < middle);
        tokio::time::sleep((middle - eventsource::now()).to_std().unwrap() + Duration::from_millis(1)).await;
        append_all(&store, 12..24).await;
        let mut came = 0;
        let mut compared = Vec::new();
        for (read, waiter) in waiting {
            let live = waiter.await.unwrap();
            came += live.len();
            compared.push((read, live));
        }
        assert_eq!(store.counts.own(), own, "all of it came out of the feed");
        assert!(came > 100, "only {came} events came");
        for (read, live) in compared {
            assert_eq!(live, all::<Thing>(&store, read.clone()).await, "{read:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn names_outside_the_set_are_an_error_and_not_a_wait_for_ever() {
    let store = Wrapped::new(eventsource::memory::MemoryStore::new());
    let mut none = store.subscribe::<Done>(Read::all().names(["thing.undone"]));
    for _ in 0..2 {
        let error = in_time(none.next()).await.unwrap_err();
        assert!(error.is_invalid(), "{error:?}");
    }
}

#[tokio::test]
async fn a_stream_of_them_ends_behind_the_first_error_and_at_the_end_that_was_asked_for() {
    let store = Wrapped::new(eventsource::memory::MemoryStore::new());
    let last = append_one(&store, 1).await;
    let done: Vec<_> = store.subscribe::<Done>(Read::all().until(last)).into_stream().collect().await;
    assert_eq!(done.len(), 1);
    let mut done = store.subscribe::<Done>(Read::all()).into_stream();
    assert_eq!(in_time(done.next()).await.unwrap().unwrap().event.n, 1);
    store.close().await.unwrap();
    assert!(in_time(done.next()).await.unwrap().unwrap_err().is_closed());
    assert!(in_time(done.next()).await.is_none());
}
