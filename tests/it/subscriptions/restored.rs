//! A backup in the place of the store, under running subscriptions.

use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Read, Subscribe};

use super::things::*;
use crate::wrapped::{Fault, Wrapped};

/// Ten events, of which a subscription has seen all, and then a store with other events in their place.
async fn replaced(count: u64) -> (Wrapped, eventsource::Subscription<Done>) {
    let store = Wrapped::new(MemoryStore::new());
    for n in 0..10 {
        append_one(&store, n).await;
    }
    let mut done = store.subscribe::<Done>(Read::all());
    take(&mut done, 10).await;
    // Everything is awaited under a clock that runs by itself, so this is soon.
    reach_the_end(&mut done).await;
    let other = MemoryStore::new();
    for n in 0..count {
        append_one(&other, n).await;
    }
    store.replace(other);
    (store, done)
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_restored_is_noticed_by_those_who_only_wait() {
    let (_store, mut done) = replaced(5).await;
    let error = tokio::time::timeout(Duration::from_secs(20), done.next()).await.expect("noticed in time").unwrap_err();
    assert!(error.is_rewound(), "{error:?}");
    assert!(error.to_string().contains("position 10"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_restored_and_has_grown_past_its_readers_is_noticed() {
    for count in [10, 12, 100] {
        let (store, mut done) = replaced(count).await;
        for _ in 0..2 {
            let waiting = tokio::time::timeout(Duration::from_secs(20), done.next());
            let error = waiting.await.expect("noticed in time").unwrap_err();
            assert!(error.is_rewound(), "{error:?}");
        }
        // The store itself is sound, and so is the feed.
        let mut anew = store.subscribe::<Done>(Read::all());
        take(&mut anew, count as usize).await;
        append_one(&store, 1).await;
        next(&mut anew).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_store_must_hold_what_was_seen() {
    let store = Wrapped::new(MemoryStore::new());
    for n in 0..10 {
        append_one(&store, n).await;
    }
    let mut done = store.subscribe::<Done>(Read::all().limit(2));
    take(&mut done, 4).await;
    let other = MemoryStore::new();
    for n in 0..20 {
        append_one(&other, n).await;
    }
    store.replace(other);
    store.fail(Fault::Transient, 3);
    let error = loop {
        // The page that was on its way.
        match done.next().await {
            Ok(event) => assert!(event.unwrap().event.n < 8),
            Err(error) => break error,
        }
    };
    assert!(error.is_rewound(), "{error:?}");
}
