//! What subscriptions cost that wait.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use eventsource::{Read, Subscribe};
use futures::future::join_all;

use super::things::*;

const MANY: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_subscriptions_wait_as_one_and_read_as_one() {
    on_each(async |store| {
        append_one(&store, 0).await;
        let waiting: Vec<_> = (0..MANY)
            .map(|_| {
                let mut done = store.subscribe::<Done>(Read::category("thing"));
                tokio::spawn(async move { take(&mut done, 3).await.len() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let counts = &store.counts;
        let read = || counts.own() + counts.feed_reads.load(SeqCst);
        let before = read();
        assert!(before >= MANY, "each has read what was stored");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(read(), before, "nothing is read while nothing comes");
        assert_eq!(counts.waits.load(SeqCst), 1);
        for n in 1..3 {
            append_one(&store, n).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for taken in in_time(join_all(waiting)).await {
            assert_eq!(taken.unwrap(), 3);
        }
        assert_eq!(read(), before + 2, "one page for all, each time");
        assert_eq!(counts.most_waiting.load(SeqCst), 1);
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_those_who_have_gone() {
    on_each(async |store| {
        let mut done = store.subscribe::<Done>(Read::all());
        reach_the_end(&mut done).await;
        drop(done);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let waits = store.counts.waits.load(SeqCst);
        append_one(&store, 1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(store.counts.feed_reads.load(SeqCst), 0);
        assert_eq!(store.counts.waits.load(SeqCst), waits);
        let feed = format!("{:?}", eventsource::EventStore::feed(&store));
        assert!(feed.contains("end: None, events: 0"), "{feed}");
    })
    .await;
}
