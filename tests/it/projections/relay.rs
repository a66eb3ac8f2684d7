//! Events that are published: what a message says, and that each arrives, in order, whatever happens.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeZone, Utc};
use eventsource::memory::{MemoryBroker, MemoryQueue, MemoryStore};
use eventsource::{
    DomainEvent, EventSet, Events, Message, Metadata, NewEvent, Projections, Publication, Read, Relay, SinkStart,
};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use uuid::Uuid;

use super::tally::Counted;
use super::things::*;
use crate::wrapped::{Fault, Wrapped};

/// Stored as dollars for programs of yesterday.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, alias = "account.paid_in", write = 1, previous = DepositedV1)]
struct Deposited {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct DepositedV1 {
    dollars: i64,
}

impl From<DepositedV1> for Deposited {
    fn from(old: DepositedV1) -> Self {
        Self { cents: old.dollars * 100 }
    }
}

impl From<&Deposited> for DepositedV1 {
    fn from(new: &Deposited) -> Self {
        Self { dollars: new.cents / 100 }
    }
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.sent", version = 1)]
struct Sent {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.decreased", version = 1, split_from("account.sent", with = decreased))]
struct Decreased {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.charged", version = 1, split_from("account.sent", with = charged))]
struct Charged {
    fee: i64,
}

fn decreased(sent: &Sent) -> Option<Decreased> {
    Some(Decreased { cents: sent.cents })
}

fn charged(_: &Sent) -> Option<Charged> {
    Some(Charged { fee: 1 })
}

#[derive(EventSet)]
enum Told {
    Deposited(Deposited),
    Decreased(Decreased),
    Charged(Charged),
}

struct ToldOut;

impl Publication for ToldOut {
    type Event = Told;
    const NAME: &'static str = "told_out";
    const SOURCE: &'static str = "/bank";
    const ROUTING_KEY: &'static str = "bank.{name}.{category}.{id}";
    const START: SinkStart = SinkStart::FirstEvent;
}

/// Everything, with the template that is there without one.
struct CountedOut;

impl Publication for CountedOut {
    type Event = Counted;
    const NAME: &'static str = "counted_out";
    const SOURCE: &'static str = "/bank";
    const START: SinkStart = SinkStart::FirstEvent;
}

fn relay<P: Publication>(store: &Wrapped, broker: &MemoryBroker) -> Projections<Wrapped> {
    Projections::new(store).lease(Duration::from_secs(1)).sink(Relay::<P, _>::new(broker.clone()))
}

/// All that is in a queue.
fn take(queue: &MemoryQueue) -> Vec<Message> {
    std::iter::from_fn(|| {
        let delivery = queue.next().now_or_never()?;
        let message = delivery.clone();
        delivery.done();
        Some(message)
    })
    .collect()
}

fn body(message: &Message) -> Value {
    serde_json::from_slice(&message.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_is_published_in_its_current_version_as_a_cloud_event() {
    on_each(async |store| {
        let broker = MemoryBroker::new();
        let queue = broker.bind("bank.account.deposited.account.#").unwrap();
        let (correlation, causation) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let time = Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap();
        let metadata = Metadata::default().with_correlation_id(correlation).with_causation_id(causation);
        let metadata = metadata.with_actor("teller-7");
        let today = NewEvent::encode(&Deposited { cents: 500 }).unwrap().with_occurred_at(time).with_metadata(metadata);
        assert_eq!(today.schema_version, 1, "what is stored is the older version");
        let yesterday = NewEvent::new("account.paid_in", 1, br#"{"dollars": 3}"#.to_vec()).with_occurred_at(time);
        let ids = [today.id, yesterday.id];
        append(&store, 1, vec![today, yesterday]).await;
        let running = Running::start(relay::<ToldOut>(&store, &broker));
        until("both are told", async || running.status().handled == 2).await;
        running.stop().await.unwrap();

        let [first, second] = &take(&queue)[..] else { panic!("not two messages") };
        let envelope = json!({
            "specversion": "1.0", "id": format!("{}:1", ids[0]), "source": "/bank", "type": "account.deposited",
            "subject": "account-1", "time": "2026-03-01T12:00:00Z", "datacontenttype": "application/json",
            "dataversion": 2, "sequence": "00000000000000000001",
            "correlationid": correlation, "causationid": causation, "data": {"cents": 500},
        });
        assert_eq!(body(first), envelope);
        assert_eq!((&first.id, first.correlation_id), (&format!("{}:1", ids[0]), Some(correlation)));
        assert_eq!(first.routing_key, "bank.account.deposited.account.1");
        let mut envelope = envelope;
        envelope["id"] = format!("{}:1", ids[1]).into();
        envelope["sequence"] = "00000000000000000002".into();
        envelope["data"]["cents"] = 300.into();
        for absent in ["correlationid", "causationid"] {
            envelope.as_object_mut().unwrap().remove(absent);
        }
        assert_eq!(body(second), envelope);
        assert!(!format!("{first:?}").contains("cents"), "a payload is in {first:?}");
    })
    .await;
}

#[tokio::test]
async fn the_parts_of_a_split_event_are_published_with_an_id_each() {
    let (store, broker) = (Wrapped::new(MemoryStore::new()), MemoryBroker::new());
    let queue = broker.bind("#").unwrap();
    let sent = NewEvent::encode(&Sent { cents: 5 }).unwrap();
    let id = sent.id;
    append(&store, 1, vec![sent]).await;
    let running = Running::start(relay::<ToldOut>(&store, &broker));
    until("both are told", async || running.status().handled == 2).await;
    running.stop().await.unwrap();
    let told: Vec<_> = take(&queue).iter().map(|message| (message.id.clone(), body(message))).collect();
    let brief: Vec<_> =
        told.iter().map(|(id, body)| (id.clone(), body["type"].clone(), body["data"].clone())).collect();
    let part = |part: u32| format!("{id}:{part}");
    assert_eq!(brief[0], (part(1), json!("account.decreased"), json!({"cents": 5})));
    assert_eq!(brief[1], (part(2), json!("account.charged"), json!({"fee": 1})));
    assert_eq!(brief.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_relay_that_is_killed_again_and_again_publishes_all_in_order_with_the_same_ids() {
    on_each(async |store| {
        let broker = MemoryBroker::new();
        let queue = broker.bind("#").unwrap();
        let (mut expected, mut told) = (Expected::default(), Vec::new());
        for round in 0..12 {
            let running = Running::start(relay::<CountedOut>(&store, &broker).batch(7));
            expected.append_round(&store).await;
            match round % 4 {
                0 => broker.stop(),
                // Published, and that is not noted, or noted and nobody hears of it.
                1 => store.fail_saves(Fault::Transient, 2),
                2 => store.fail_saves(Fault::Unanswered, 1),
                _ => {}
            }
            expected.append_round(&store).await;
            broker.start();
            if round % 3 == 0 {
                let before = told.len();
                until("something was told", async || {
                    told.extend(take(&queue));
                    told.len() > before
                })
                .await;
            }
            running.kill().await;
        }
        let wanted = all(&store).await;
        let running = Running::start(relay::<CountedOut>(&store, &broker));
        until("all was told", async || {
            told.extend(take(&queue));
            told.iter().map(|message| &message.id).collect::<HashSet<_>>().len() == wanted.len()
        })
        .await;
        running.stop().await.unwrap();
        let mut seen = HashSet::new();
        let once: Vec<_> = told.iter().filter(|message| seen.insert(&message.id)).map(|message| &message.id).collect();
        assert_eq!(once, wanted.iter().collect::<Vec<_>>());
        assert!(told.len() > wanted.len(), "some were told twice");
    })
    .await;
}

/// The ids of all messages that there must be, in order, whatever fault is next.
async fn all(store: &Wrapped) -> Vec<String> {
    let mut events = Events::<Counted>::new(store.apart(), Read::all());
    let mut all = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        all.push(event.idempotency_key());
    }
    all
}

/// Notes each warning.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!("{field}={value:?} "));
        });
        self.0.lock().unwrap().push(text);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_broker_that_is_down_makes_the_relay_lag_and_say_so_and_blocks_no_append() {
    let warnings = Warnings::default();
    let _noting = tracing::subscriber::set_default(warnings.clone());
    let (store, broker) = (Wrapped::new(MemoryStore::new()), MemoryBroker::new());
    let queue = broker.bind("#").unwrap();
    broker.stop();
    // Longer than anything that fails is otherwise tried again.
    let running = Running::start(relay::<CountedOut>(&store, &broker).patience(Duration::ZERO).retry(Duration::ZERO));
    until("it has warned", async || {
        tracing::callsite::rebuild_interest_cache();
        append(&store, 1, vec![moved(1)]).await;
        warnings.0.lock().unwrap().iter().any(|warning| warning.contains("the broker in memory was stopped"))
    })
    .await;
    let status = running.status();
    assert!(status.failing_since.is_some_and(|since| since <= Utc::now()), "{status:?}");
    assert!(status.last_error.is_some_and(|error| error.contains("the broker in memory was stopped")));
    let wanted = all(&store).await;
    assert_eq!(running.statuses.progress().await.unwrap()[0].lag, wanted.len() as u64);
    broker.start();
    until("all was told", async || running.status().handled == wanted.len() as u64).await;
    assert_eq!(running.status().failing_since, None);
    running.stop().await.unwrap();
    assert_eq!(take(&queue).into_iter().map(|message| message.id).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn a_message_that_nobody_was_done_with_is_the_next_again() {
    let (store, broker) = (Wrapped::new(MemoryStore::new()), MemoryBroker::new());
    let queue = broker.bind("account.*").unwrap();
    append(&store, 1, vec![moved(1), moved(2)]).await;
    let running = Running::start(relay::<CountedOut>(&store, &broker));
    let first = in_time(queue.next()).await;
    let id = first.id.clone();
    drop(first);
    let again = in_time(queue.next()).await;
    assert_eq!(again.id, id);
    again.done();
    assert_ne!(in_time(queue.next()).await.id, id);
    running.stop().await.unwrap();
}
