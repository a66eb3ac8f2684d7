//! Who is slow, is not polled or goes away holds up nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use eventsource::memory::MemoryStore;
use eventsource::{Read, Subscribe};
use futures::FutureExt;

use super::things::*;
use crate::wrapped::Wrapped;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_is_slower_than_the_feed_keeps_catches_up_by_itself_and_holds_up_nobody() {
    on_each(async |store| {
        let store = store.with_feed(8, 1 << 20);
        let mut slow = store.subscribe::<Done>(Read::all().limit(10));
        let mut fast = store.subscribe::<Done>(Read::all().limit(10));
        for subscription in [&mut slow, &mut fast] {
            reach_the_end(subscription).await;
        }
        append_one(&store, 0).await;
        assert_eq!(next(&mut slow).await.unwrap().event.n, 0);
        assert_eq!(next(&mut fast).await.unwrap().event.n, 0);
        let own = store.counts.own();
        for n in 1..100 {
            append_one(&store, n).await;
            assert_eq!(next(&mut fast).await.unwrap().event.n, n);
        }
        assert_eq!(store.counts.own(), own);
        let caught_up: Vec<_> = take(&mut slow, 99).await.iter().map(|done| done.event.n).collect();
        assert_eq!(caught_up, (1..100).collect::<Vec<_>>());
        assert!(store.counts.own() > own, "the feed had left it behind");
        // From there on, both are in the feed again.
        let own = {
            reach_the_end(&mut slow).await;
            store.counts.own()
        };
        append_one(&store, 100).await;
        assert_eq!(next(&mut slow).await.unwrap().event.n, 100);
        assert_eq!(next(&mut fast).await.unwrap().event.n, 100);
        assert_eq!(store.counts.own(), own);
    })
    .await;
}

#[tokio::test]
async fn one_whose_future_is_not_polled_any_more_holds_up_nobody() {
    on_each(async |store| {
        let mut asleep = store.subscribe::<Done>(Read::all());
        let mut awake = store.subscribe::<Done>(Read::all());
        reach_the_end(&mut asleep).await;
        let mut sleeping = Box::pin(asleep.next());
        // It has begun to wait for the next page, and nobody asks it how far it has come.
        assert!((&mut sleeping).now_or_never().is_none());
        for n in 0..3 {
            let waiting = async { next(&mut awake).await.unwrap().event.n };
            let appending = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                append_one(&store, n).await;
            };
            assert_eq!(tokio::join!(waiting, appending).0, n);
        }
        assert_eq!(in_time(sleeping).await.unwrap().unwrap().event.n, 0);
        assert_eq!(take(&mut asleep, 2).await[1].event.n, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_next_that_is_dropped_while_it_waits_loses_nothing() {
    on_each(async |store| {
        let store = store.with_feed(4, 1 << 20);
        let dropped = Arc::new(AtomicU64::new(0));
        let appending = tokio::spawn({
            let (store, dropped) = (store.inner(), dropped.clone());
            async move {
                for n in 0..200 {
                    // Until somebody has waited for it in vain.
                    while n % 10 == 0 && dropped.load(Relaxed) <= n / 10 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    append_one(&*store, n).await;
                }
            }
        });
        let mut done = store.subscribe::<Done>(Read::all().limit(3));
        let mut seen = Vec::new();
        let started = Instant::now();
        while seen.len() < 200 {
            assert!(started.elapsed() < Duration::from_secs(60), "{} events came", seen.len());
            // From not at all to just about long enough.
            let patience = Duration::from_micros(37 * (dropped.load(Relaxed) % 64));
            match tokio::time::timeout(patience, done.next()).await {
                Ok(event) => seen.push(event.unwrap().unwrap().event.n),
                Err(_) => drop(dropped.fetch_add(1, Relaxed)),
            }
        }
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        appending.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_that_reads_for_all_and_goes_away_is_followed_by_another() {
    on_each(async |store| {
        let mut subscriptions: Vec<_> = (0..10).map(|_| store.subscribe::<Done>(Read::all())).collect();
        for subscription in &mut subscriptions {
            reach_the_end(subscription).await;
        }
        let mut waiting: Vec<_> = subscriptions
            .into_iter()
            .map(|mut subscription| tokio::spawn(async move { next(&mut subscription).await.unwrap().event.n }))
            .collect();
        tokio::time::sleep(Duration::from_millis(30)).await;
        let last = waiting.pop().unwrap();
        for goes_away in waiting {
            goes_away.abort();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        append_one(&store, 7).await;
        assert_eq!(in_time(last).await.unwrap(), 7);
    })
    .await;
}

#[tokio::test]
async fn one_far_ahead_of_the_feed_does_not_read_everything_between_for_the_others() {
    let store = Wrapped::new(MemoryStore::new()).with_feed(16, 1 << 20);
    let mut early = store.subscribe::<Done>(Read::all());
    reach_the_end(&mut early).await;
    append_one(&store, 0).await;
    assert_eq!(next(&mut early).await.unwrap().event.n, 0);
    // The feed ends there, for the early one does not ask any more.
    append(&store, stream("b"), (1..2_000).map(done).collect()).await;
    let mut late = store.subscribe::<Done>(Read::all());
    take(&mut late, 2_000).await;
    let feed_reads = || store.counts.feed_reads.load(std::sync::atomic::Ordering::SeqCst);
    let before = feed_reads();
    reach_the_end(&mut late).await;
    append_one(&store, 2_000).await;
    assert_eq!(next(&mut late).await.unwrap().event.n, 2_000);
    assert!(feed_reads() <= before + 2, "{} pages were read", feed_reads() - before);
    assert_eq!(take(&mut early, 2_000).await.last().unwrap().event.n, 2_000);
}
