//! Stores that fail while they are read.

use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{EventStore, Read, Subscribe};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::Instant;

use super::things::*;
use crate::wrapped::{Fault, Wrapped};

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_lived_through_without_a_gap() {
    let store = Wrapped::new(MemoryStore::new());
    append(&store, stream("a"), (0..20).map(done).collect()).await;
    let mut seen = Vec::new();
    let mut subscription = store.subscribe::<Done>(Read::all().limit(3));
    for n in 0..40 {
        if n % 5 == 0 {
            store.fail(Fault::Transient, 4);
        }
        if n >= 20 {
            append_one(&store, n).await;
        }
        seen.push(next(&mut subscription).await.unwrap().event.n);
    }
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
    assert_eq!(store.faults_left(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_failure_that_is_lived_through_is_counted() {
    let recorder = DebuggingRecorder::new();
    // All tasks of this test run on its own thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let store = Wrapped::new(MemoryStore::new());
    append_one(&store, 0).await;
    let mut subscription = store.subscribe::<Done>(Read::all());
    store.fail(Fault::Transient, 3);
    next(&mut subscription).await.unwrap();
    let counted = recorder.snapshotter().snapshot().into_vec();
    let counted: Vec<_> = counted.iter().map(|(key, _, _, value)| (key.key().to_string(), value)).collect();
    let name = "Key(eventsource_subscription_retries_total)".to_owned();
    assert_eq!(counted, [(name, &DebugValue::Counter(3))]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_lasts_is_an_error_after_a_while_and_then_it_goes_on() {
    for live in [false, true] {
        for (patience, least, most) in [(Some(3), 3, 6), (None, 300, 303)] {
            let store = Wrapped::new(MemoryStore::new());
            append_one(&store, 0).await;
            let mut done = store.subscribe::<Done>(Read::all());
            if let Some(patience) = patience {
                done = done.patience(Duration::from_secs(patience));
            }
            if live {
                next(&mut done).await.unwrap();
                reach_the_end(&mut done).await;
                store.fail(Fault::Transient, usize::MAX);
                append_one(&store, 1).await;
            }
            for _ in 0..2 {
                store.fail(Fault::Transient, usize::MAX);
                let started = Instant::now();
                let error = tokio::time::timeout(Duration::from_secs(400), done.next()).await.unwrap().unwrap_err();
                assert!(error.is_transient(), "{error:?}");
                let took = started.elapsed();
                assert!((Duration::from_secs(least)..Duration::from_secs(most)).contains(&took), "{took:?}");
                assert!(usize::MAX - store.faults_left() < 1_000, "it pauses");
            }
            store.fail(Fault::Transient, 1);
            next(&mut done).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn patience_begins_anew_whenever_the_store_has_answered() {
    let store = Wrapped::new(MemoryStore::new());
    let mut done = store.subscribe::<Done>(Read::all()).patience(Duration::from_secs(10));
    reach_the_end(&mut done).await;
    for n in 0..5 {
        // Six seconds each, at most two of them in one pause.
        store.fail(Fault::Transient, usize::MAX);
        append_one(&store, n).await;
        let mended = async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            store.fail(Fault::Transient, 1);
        };
        assert_eq!(tokio::join!(next(&mut done), mended).0.unwrap().event.n, n);
    }
}

#[tokio::test]
async fn a_read_that_fails_or_panics_is_told_to_all_who_wait_and_poisons_nothing() {
    for fault in [Fault::Failed, Fault::Panic] {
        on_each(async |store| {
            let mut waiting = Vec::new();
            for _ in 0..5 {
                let mut done = store.subscribe::<Done>(Read::all());
                reach_the_end(&mut done).await;
                waiting.push(tokio::spawn(async move { (in_time(done.next()).await.map(|_| ()), done) }));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
            store.fail(fault, 1);
            append_one(&store, 1).await;
            for waiting in waiting {
                let (failed, mut done) = waiting.await.unwrap();
                let error = failed.unwrap_err();
                assert!(!error.is_transient());
                let words = if fault == Fault::Panic { "panicked" } else { "the disk is on fire" };
                assert!(error.to_string().contains(words), "{error}");
                assert_eq!(next(&mut done).await.unwrap().event.n, 1, "it goes on");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn subscriptions_end_with_an_error_when_the_store_is_closed() {
    on_each(async |store| {
        let mut waiting = store.subscribe::<Done>(Read::all());
        reach_the_end(&mut waiting).await;
        let waiting = tokio::spawn(async move { in_time(waiting.next()).await.map(|_| ()) });
        tokio::time::sleep(Duration::from_millis(30)).await;
        store.close().await.unwrap();
        assert!(waiting.await.unwrap().unwrap_err().is_closed());
        assert!(next(&mut store.subscribe::<Done>(Read::all())).await.unwrap_err().is_closed());
    })
    .await;
}
