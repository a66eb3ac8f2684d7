//! The names under which metrics and spans are recorded: dashboards are made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Activity, Claim, EventStore, OnError, View};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use uuid::Uuid;

use super::things::*;
use crate::wrapped::{Fault, Wrapped};

/// Name and kind of everything that was recorded, with its value, under one label at most.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<(&'static str, String), f64> {
    let mut all = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (kind, key) = key.into_parts();
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<_> = key.labels().map(|label| (label.key(), label.value())).collect();
        match key.name() {
            "eventsource_store_held_back_seconds" => assert_eq!(labels, []),
            _ => assert_eq!(labels, [("projection", "balances v1")]),
        }
        let value = match value {
            DebugValue::Counter(count) => count as f64,
            DebugValue::Gauge(value) => value.0,
            DebugValue::Histogram(values) => values.len() as f64,
        };
        all.insert((kind, key.name().to_owned()), value);
    }
    all
}

#[tokio::test]
async fn what_happens_to_a_projection_is_recorded_under_documented_names() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // All tasks of this test run on its own thread.
    let _recording = metrics::set_default_local_recorder(&recorder);
    let store = Wrapped::new(MemoryStore::new());
    let running = Running::start(balances(&store).on_progress(Duration::from_secs(3_600), |_| {}));
    let mut handled = 0;
    let mut some_more = async |store: &Wrapped, running: &Running| {
        append(store, 1, vec![moved(1), moved(2), moved(3)]).await;
        handled += 3;
        until("they are handled", async || running.status().handled == handled).await;
    };
    until("it lives", async || running.status().activity == Activity::Live).await;

    store.fail_writes(Fault::Transient, 2);
    some_more(&store, &running).await;

    // Somebody takes over, and gives it back.
    let (key, other) = (Balance::TABLE.checkpoint_key(), Uuid::now_v7());
    store.release(&key, running.status().owner.unwrap()).await.unwrap();
    let claim = store.claim(&key, other, Duration::from_secs(3_600)).await.unwrap();
    assert!(matches!(claim, Claim::Owned(_)));
    append(&store, 1, vec![moved(4)]).await;
    until("it is noticed", async || running.status().owner == Some(other)).await;
    running.statuses.progress().await.unwrap();
    let gauges = recorded(&snapshotter);
    assert_eq!(gauges[&("gauge", "eventsource_projection_lag_events".to_owned())], 1.0);
    store.release(&key, other).await.unwrap();
    until("it goes on", async || running.status().handled == 4).await;

    store.fail_writes(Fault::Failed, 1);
    append(&store, 1, vec![moved(5)]).await;
    let statuses = running.statuses.clone();
    running.ended().await.unwrap_err();
    store.hold_back(Duration::from_secs(7));
    statuses.progress().await.unwrap();

    let mut all = recorded(&snapshotter);
    let mut take = |kind, name: &str| all.remove(&(kind, name.to_owned())).unwrap_or_else(|| panic!("no {name}"));
    assert!(take("gauge", "eventsource_projection_lag_seconds") < 60.0);
    assert_eq!(take("gauge", "eventsource_projection_lag_events"), 1.0);
    assert_eq!(take("gauge", "eventsource_store_held_back_seconds"), 7.0);
    // What was told once is not told again: a snapshot takes counts and histograms along.
    let counted = |name: &str| gauges.get(&("counter", name.to_owned())).copied().unwrap_or_default();
    let mut count = |name: &str| counted(name) + take("counter", name);
    assert_eq!(count("eventsource_projection_events_total"), 4.0);
    assert_eq!(count("eventsource_projection_batches_total"), 2.0);
    assert_eq!(count("eventsource_projection_retries_total"), 2.0);
    assert_eq!(count("eventsource_projection_fenced_total"), 1.0);
    assert_eq!(count("eventsource_projection_stopped_total"), 1.0);
    assert_eq!(take("gauge", "eventsource_projection_parked_events"), 0.0);
    assert!(take("histogram", "eventsource_projection_batch_seconds") >= 1.0);
    assert!(all.is_empty(), "not documented: {all:?}");
}

#[tokio::test]
async fn what_is_skipped_or_parked_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let store = Wrapped::new(MemoryStore::new());
    append(&store, 1, vec![moved(UNBEARABLE), moved(1)]).await;
    let running = Running::start(balances(&store).on_error(OnError::Skip));
    until("it is skipped", async || running.status().skipped == 1 && running.status().handled == 1).await;
    running.stop().await.unwrap();
    append(&store, 1, vec![moved(UNBEARABLE), moved(1)]).await;
    let running = Running::start(balances(&store).on_error(OnError::Park));
    until("both are parked", async || running.status().parked == 2).await;
    running.stop().await.unwrap();
    let all = recorded(&snapshotter);
    assert_eq!(all[&("counter", "eventsource_projection_skipped_total".to_owned())], 1.0);
    assert_eq!(all[&("gauge", "eventsource_projection_parked_events".to_owned())], 2.0);
}

/// Notes name, level and fields of each span.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeSet<String>>>);

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("eventsource_core") && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        let fields: Vec<_> = metadata.fields().iter().map(|field| field.name()).collect();
        self.0.lock().unwrap().insert(format!("{} {} {fields:?}", metadata.level(), metadata.name()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn what_a_projection_does_happens_in_documented_spans() {
    let spans = Spans::default();
    let _noting = tracing::subscriber::set_default(spans.clone());
    // A span that another test comes to for the first time just now may be noted as wanted by nobody.
    until("both are seen", async || {
        tracing::callsite::rebuild_interest_cache();
        let store = Wrapped::new(MemoryStore::new());
        append(&store, 1, vec![moved(1)]).await;
        let running = Running::start(balances(&store));
        until("it is handled", async || running.status().handled == 1).await;
        running.stop().await.unwrap();
        spans.0.lock().unwrap().len() >= 2
    })
    .await;
    let spans: Vec<_> = spans.0.lock().unwrap().iter().cloned().collect();
    assert_eq!(spans, [r#"DEBUG projection_batch ["events"]"#, r#"INFO projection ["name"]"#]);
}
