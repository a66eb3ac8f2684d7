//! From what is stored to what comes: nothing missing, nothing twice, everything in order.

use std::time::Duration;

use eventsource::{EventStore, Read, Recorded, Subscribe};
use futures::future::join_all;

use super::things::*;
use crate::wrapped::Wrapped;

const APPENDERS: u64 = 4;
const APPENDS: u64 = 60;

fn places(events: &[Recorded<Thing>]) -> Vec<(u64, uuid::Uuid)> {
    events.iter().map(|event| (event.position.0, event.id)).collect()
}

/// Subscribers come at any time, at any pace, with pages and a feed so small that they change between both all the time.
async fn race(store: Wrapped, (events, bytes): (usize, usize)) {
    let store = store.with_feed(events, bytes);
    let appenders = (0..APPENDERS).map(|appender| {
        let store = store.inner();
        tokio::spawn(async move {
            for n in 0..APPENDS {
                let of_stream = stream((appender + n) % 3);
                append(&*store, of_stream, (0..n % 3 + 1).map(done).collect()).await;
                if n % 16 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        })
    });
    let appenders: Vec<_> = appenders.collect();
    let total = (APPENDERS * (0..APPENDS).map(|n| n % 3 + 1).sum::<u64>()) as usize;
    let subscribers = (0..8_u64).map(|subscriber| {
        let store = store.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(subscriber * 3)).await;
            let limit = [1, 3, 7, 1_000][subscriber as usize % 4];
            let mut things = store.subscribe::<Thing>(Read::all().limit(limit));
            let mut seen = Vec::new();
            while seen.len() < total {
                seen.push(next(&mut things).await.unwrap());
                // Some are slow, and more than the feed keeps comes meanwhile.
                if subscriber % 3 == 1 && seen.len() % 50 == 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            (things, seen)
        })
    });
    let subscribed = in_time(join_all(subscribers.collect::<Vec<_>>())).await;
    for appender in appenders {
        appender.await.unwrap();
    }
    let stored = all::<Thing>(&store, Read::all()).await;
    assert_eq!(stored.len(), total);
    check_order(&stored);
    for subscribed in subscribed {
        let (mut things, seen) = subscribed.unwrap();
        check_order(&seen);
        assert_eq!(places(&seen), places(&stored));
        reach_the_end(&mut things).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn subscribers_that_come_while_others_append_miss_nothing_and_get_nothing_twice() {
    for bounds in [(1, 1), (8, 1 << 20), (4_096, 200), (4_096, 1 << 20)] {
        on_each(async |store| race(store, bounds).await).await;
    }
}

#[tokio::test]
async fn one_that_begins_beyond_the_end_gets_nothing_from_before_and_holds_up_nobody() {
    on_each(async |store| {
        for n in 0..3 {
            append_one(&store, n).await;
        }
        let end = store.position_at(eventsource::now()).await.unwrap();
        let mut beyond = store.subscribe::<Done>(Read::all().after(eventsource::Position(end.0 + 2)));
        reach_the_end(&mut beyond).await;
        let mut from_the_start = store.subscribe::<Done>(Read::all());
        take(&mut from_the_start, 3).await;
        for n in 3..6 {
            append_one(&store, n).await;
        }
        assert_eq!(take(&mut from_the_start, 3).await.last().unwrap().event.n, 5);
        assert_eq!(next(&mut beyond).await.unwrap().event.n, 5);
    })
    .await;
}

#[tokio::test]
async fn a_read_with_an_end_ends_there_and_one_without_does_not() {
    on_each(async |store| {
        let mut until = Vec::new();
        for n in 0..4 {
            until.push(append_one(&store, n).await);
        }
        // What is stored already, up to an event and up to what is between two.
        let mut stored = store.subscribe::<Done>(Read::all().until(until[1]));
        take(&mut stored, 2).await;
        for _ in 0..2 {
            assert_eq!(in_time(stored.next()).await.unwrap(), None);
        }
        // What comes.
        let mut coming = store.subscribe::<Done>(Read::all().until(eventsource::Position(until[3].0 + 2)));
        take(&mut coming, 4).await;
        reach_the_end(&mut coming).await;
        append(&store, stream("a"), (4..9).map(done).collect()).await;
        assert_eq!(take(&mut coming, 2).await[1].event.n, 5);
        for _ in 0..2 {
            assert_eq!(in_time(coming.next()).await.unwrap(), None);
        }
    })
    .await;
}
