//! What is copied: requests, and stores that are full of them.

use chrono::{DateTime, Utc};
use eventsource::memory::MemoryStore;
use eventsource::{
    AppendOutcome, AppendRequest, EventStore, ExpectedVersion, Metadata, NewEvent, Page, Position, RawEvent, Read,
    StreamId, Version,
};
use proptest::prelude::*;
use uuid::Uuid;

pub(super) fn stream(category: &str, id: &str) -> StreamId {
    StreamId::new(category, id).unwrap()
}

pub(super) fn event(text: &str) -> NewEvent {
    NewEvent::new("thing.done", 1, format!("{{\"text\":\"{text}\"}}").into_bytes())
}

/// An append of so many events.
pub(super) fn batch(stream: &StreamId, events: usize) -> AppendRequest {
    let events = (0..events).map(|n| event(&n.to_string())).collect();
    AppendRequest::new(stream.clone(), ExpectedVersion::Any, events)
}

pub(super) async fn append(store: &dyn EventStore, request: AppendRequest) {
    let outcome = store.append(request.into()).await.unwrap();
    assert!(matches!(outcome, AppendOutcome::Stored(_)), "{outcome:?}");
}

pub(super) async fn last(store: &dyn EventStore, stream: &StreamId) -> (Version, DateTime<Utc>) {
    let mut last = None;
    let visit = &mut |event: &RawEvent<'_>| {
        last = Some((event.version, event.recorded_at));
        Ok(())
    };
    store.read(&Read::stream(stream), visit).await.unwrap();
    last.unwrap()
}

/// A page, and the positions in it.
pub(super) async fn page(store: &dyn EventStore, read: &Read) -> (Page, Vec<Position>) {
    let mut positions = Vec::new();
    let visit = &mut |event: &RawEvent<'_>| {
        positions.push(event.position);
        Ok(())
    };
    (store.read(read, visit).await.unwrap(), positions)
}

/// Fourteen events with something in every field, in several streams, by keyed and unkeyed appends.
pub(super) async fn rich() -> MemoryStore {
    let store = MemoryStore::new();
    let full = |text: &str| {
        let metadata = Metadata::default()
            .with_actor("anna \u{1f98a}")
            .with("deep", serde_json::json!({"a": [1, null, "\u{7f}"]}))
            .with_correlation_id(Uuid::now_v7())
            .with_causation_id(Uuid::now_v7());
        let payload = format!("{{ \"text\" :\n \"{text}\", \"n\": 1.50 }}").into_bytes();
        NewEvent::new("thing.changed", 7, payload)
            .with_metadata(metadata)
            .with_occurred_at("1969-07-20T20:17:40.000042Z".parse().unwrap())
    };
    let (one, odd) = (stream("thing", "1"), stream("other", "it's - \u{1f98a}"));
    append(&store, batch(&one, 1)).await;
    append(&store, AppendRequest::new(one.clone(), Version(1), vec![full("x")])).await;
    let keyed = AppendRequest::new(odd.clone(), ExpectedVersion::NoStream, vec![full("a"), full("b"), event("c")]);
    append(&store, keyed.and(one.clone(), Version(2), vec![full("d"), event("e")]).with_command_key("command 1")).await;
    append(&store, batch(&stream("thing", "2"), 4)).await;
    append(&store, AppendRequest::new(one, Version(4), vec![event("f"), full("g")]).with_command_key("command 2"))
        .await;
    append(&store, batch(&odd, 1)).await;
    store
}

/// Appends to few streams.
#[derive(Debug, Clone)]
pub(super) struct History(Vec<Step>);

#[derive(Debug, Clone)]
struct Step {
    streams: Vec<u8>,
    events: usize,
    keyed: bool,
    actor: Option<String>,
    occurred: Option<i64>,
    payload: String,
}

impl Arbitrary for History {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let streams = prop::collection::hash_set(0_u8..6, 1..3).prop_map(|streams| streams.into_iter().collect());
        let occurred = prop::option::of(-4_000_000_000_000_000_i64..4_000_000_000_000_000);
        let step = (streams, 1_usize..5, any::<bool>(), prop::option::of(".{0,9}"), occurred, ".{0,30}");
        let step = step.prop_map(|(streams, events, keyed, actor, occurred, payload)| Step {
            streams,
            events,
            keyed,
            actor,
            occurred,
            payload,
        });
        prop::collection::vec(step, 0..12).prop_map(Self).boxed()
    }
}

impl History {
    pub(super) async fn written(&self) -> MemoryStore {
        let store = MemoryStore::new();
        for (number, step) in self.0.iter().enumerate() {
            let mut request = AppendRequest::default();
            for id in &step.streams {
                let events = (0..step.events).map(|_| step.event()).collect();
                request = request.and(stream("thing", &id.to_string()), ExpectedVersion::Any, events);
            }
            if step.keyed {
                request = request.with_command_key(format!("key {number}"));
            }
            append(&store, request).await;
        }
        store
    }
}

impl Step {
    fn event(&self) -> NewEvent {
        let payload = serde_json::to_vec(&self.payload).unwrap();
        let mut metadata = Metadata::default();
        if let Some(actor) = &self.actor {
            metadata = metadata.with_actor(actor).with_causation_id(Uuid::now_v7());
        }
        let event = NewEvent::new("thing.done", 1 + self.events as u32, payload).with_metadata(metadata);
        match self.occurred.and_then(DateTime::from_timestamp_micros) {
            Some(time) => event.with_occurred_at(time),
            None => event,
        }
    }
}
