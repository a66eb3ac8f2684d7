//! What is told of events outside the store: each at least once, in order, and known by its key.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsource::{
    BoxError, DomainEvent, EventSet, FencingToken, NewEvent, Projections, Recorded, Sink, SinkStart, StoreError,
    Version, View, ViewStore,
};
use serde::{Deserialize, Serialize};

use super::rebuilt::Doubled;
use super::tally::Counted;
use super::things::*;
use crate::wrapped::{Fault, Wrapped};

/// A message as somebody outside has got it.
#[derive(Clone, Debug)]
struct Told {
    key: String,
    stream: String,
    version: Version,
    token: FencingToken,
}

/// Everything that was told, and how often it shall fail.
#[derive(Clone, Default)]
struct Outside {
    told: Arc<Mutex<Vec<Told>>>,
    fails: Arc<Mutex<Option<StoreError>>>,
}

impl Outside {
    fn all(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    fn tell<E>(&self, events: &[Recorded<E>], token: FencingToken) -> Result<(), BoxError> {
        let mut told = self.told.lock().unwrap();
        told.extend(events.iter().map(|event| Told {
            key: event.idempotency_key(),
            stream: event.stream.to_string(),
            version: event.version,
            token,
        }));
        match self.fails.lock().unwrap().take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

/// Told of what comes.
#[derive(Clone, Default)]
struct Messages(Outside);

impl Sink for Messages {
    type Event = Counted;
    const NAME: &'static str = "messages";

    async fn deliver(&self, events: &[Recorded<Counted>], token: FencingToken) -> Result<(), BoxError> {
        self.0.tell(events, token)
    }
}

/// Told of everything.
#[derive(Clone, Default)]
struct Archive(Outside);

impl Sink for Archive {
    type Event = Counted;
    const NAME: &'static str = "archive";
    const START: SinkStart = SinkStart::FirstEvent;

    async fn deliver(&self, events: &[Recorded<Counted>], token: FencingToken) -> Result<(), BoxError> {
        self.0.tell(events, token)
    }
}

fn sink(store: &Wrapped, sink: impl Sink) -> Projections<Wrapped> {
    Projections::new(store).lease(Duration::from_secs(1)).sink(sink)
}

/// Every event of a store that a sink is told of, as stream and version, in order, whatever fault is next.
async fn all(store: &Wrapped) -> Vec<(String, Version)> {
    let mut events = eventsource::Events::<Counted>::new(store.apart(), eventsource::Read::all());
    let mut all = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        all.push((event.stream.to_string(), event.version));
    }
    all
}

/// What a receiver has that takes each key once.
fn once(told: &[Told]) -> Vec<(String, Version)> {
    let mut seen = HashSet::new();
    let new = told.iter().filter(|told| seen.insert(told.key.clone()));
    new.map(|told| (told.stream.clone(), told.version)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sink_is_told_of_each_event_at_least_once_in_order_with_the_same_key() {
    on_each(async |store| {
        let archive = Archive::default();
        let mut expected = Expected::default();
        for round in 0..12 {
            let running = Running::start(sink(&store, archive.clone()).batch(7));
            expected.append_round(&store).await;
            match round % 4 {
                0 => store.fail(Fault::Transient, 2),
                // Delivered, and that is not noted, or noted and nobody hears of it.
                1 => store.fail_saves(Fault::Transient, 2),
                2 => store.fail_saves(Fault::Unanswered, 1),
                _ => *archive.0.fails.lock().unwrap() = Some(StoreError::transient("nobody answers")),
            }
            expected.append_round(&store).await;
            let wanted = all(&store).await;
            match round % 2 {
                0 => {
                    until("it was told", async || once(&archive.0.all()) == wanted).await;
                    running.stop().await.unwrap();
                }
                // At any moment, the one between the delivery and its note among them.
                _ => running.kill().await,
            }
        }
        let running = Running::start(sink(&store, archive.clone()));
        let wanted = all(&store).await;
        until("it was told of all", async || once(&archive.0.all()).len() == wanted.len()).await;
        running.stop().await.unwrap();
        let told = archive.0.all();
        assert_eq!(once(&told), wanted);
        assert!(told.len() > wanted.len(), "some were told twice");
        // Also counting repetitions, it only ever goes back to where it was noted to be.
        let mut newest: HashMap<&str, u64> = HashMap::new();
        for Told { stream, version, .. } in &told {
            let newest = newest.entry(stream).or_default();
            assert!(version.0 <= *newest + 2, "{stream} jumps from {newest} to {version}");
            *newest = version.0;
        }
        assert!(told.is_sorted_by_key(|told| told.token), "an owner's token is greater than those before it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_sink_begins_with_what_comes_and_goes_on_where_it_was() {
    on_each(async |store| {
        let messages = Messages::default();
        append(&store, 1, vec![moved(1), moved(2)]).await;
        let running = Running::start(sink(&store, messages.clone()));
        until("it runs", async || running.owns()).await;
        append(&store, 2, vec![moved(3)]).await;
        until("it was told", async || messages.0.all().len() == 1).await;
        running.stop().await.unwrap();
        // Nobody runs it, and it misses nothing.
        append(&store, 3, vec![moved(4)]).await;
        let running = Running::start(sink(&store, messages.clone()));
        until("it was told", async || messages.0.all().len() == 2).await;
        running.stop().await.unwrap();
        let streams: Vec<String> = messages.0.all().into_iter().map(|told| told.stream).collect();
        assert_eq!(streams, ["account-2", "account-3"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sink_that_began_on_an_empty_store_misses_nothing_while_nobody_runs_it() {
    on_each(async |store| {
        let messages = Messages::default();
        let running = Running::start(sink(&store, messages.clone()));
        until("it runs", async || running.owns()).await;
        running.kill().await;
        append(&store, 1, vec![moved(1)]).await;
        let running = Running::start(sink(&store, messages.clone()));
        until("it was told", async || messages.0.all().len() == 1).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sink_that_fails_stops_and_begins_with_the_same_events_again() {
    on_each(async |store| {
        let archive = Archive::default();
        append(&store, 1, vec![moved(1)]).await;
        *archive.0.fails.lock().unwrap() = Some(StoreError::failed("the mailbox is full"));
        let impatient = sink(&store, archive.clone()).retry(Duration::ZERO);
        let error = Running::start(impatient).ended().await.unwrap_err();
        assert!(error.to_string().contains("the mailbox is full"), "{error}");
        let running = Running::start(sink(&store, archive.clone()));
        until("it was told again", async || archive.0.all().len() == 2).await;
        running.stop().await.unwrap();
        let told = archive.0.all();
        assert_eq!(told[0].key, told[1].key);
        assert!(told[0].token < told[1].token);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sink_that_fails_for_a_while_goes_on_by_itself() {
    on_each(async |store| {
        let archive = Archive::default();
        append(&store, 1, vec![moved(1)]).await;
        *archive.0.fails.lock().unwrap() = Some(StoreError::failed("the mailbox is full"));
        let running = Running::start(sink(&store, archive.clone()));
        append(&store, 1, vec![moved(2)]).await;
        until("all was told", async || once(&archive.0.all()).len() == 2).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_owner_that_was_taken_over_while_it_delivered_is_known_by_its_token() {
    on_each(async |store| {
        let archive = Archive::default();
        let first = Running::start(sink(&store, archive.clone()));
        until("the first owns it", async || first.owns()).await;
        // It delivers, and notes it only when its lease has ended and somebody else has begun.
        store.fail_saves(Fault::Late(Duration::from_millis(2_500)), 1);
        append(&store, 1, vec![moved(1)]).await;
        until("the first has delivered", async || archive.0.all().len() == 1).await;
        let second = Running::start(sink(&store, archive.clone()));
        until("the second has taken over", async || second.owns()).await;
        append(&store, 1, vec![moved(2)]).await;
        until("all was told", async || once(&archive.0.all()).len() == 2).await;
        until("the first has noticed", async || first.status().last_error.is_some()).await;
        second.stop().await.unwrap();
        first.stop().await.unwrap();
        let told = archive.0.all();
        assert!(told[0].token < told[1].token, "{told:?}");
        assert_eq!(once(&told), all(&store).await);
    })
    .await;
}

#[derive(DomainEvent, Serialize, Deserialize, Clone)]
#[event(name = "money.sent", version = 1)]
struct Sent {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone)]
#[event(name = "money.gone", version = 1, split_from("money.sent", with = gone))]
struct Gone {
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone)]
#[event(name = "money.come", version = 1, split_from("money.sent", with = come))]
struct Come {
    cents: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_outside_is_told_anything_again_by_a_rebuild() {
    on_each(async |store| {
        let archive = Archive::default();
        let mut expected = Expected::default();
        expected.append_round(&store).await;
        let running = Running::start(Projections::new(&store).view::<Balance>().sink(archive.clone()));
        let wanted = all(&store).await;
        until("all was told", async || archive.0.all().len() == wanted.len()).await;
        running.stop().await.unwrap();
        let rebuilding = Running::start(Projections::new(&store).view::<Doubled>().sink(archive.clone()));
        until("the rebuilt view serves", async || {
            let held = store.held_views("balances").await.unwrap();
            held.iter().any(|held| held.serving && held.is(&Doubled::TABLE))
        })
        .await;
        rebuilding.stop().await.unwrap();
        assert_eq!(archive.0.all().len(), wanted.len());
    })
    .await;
}

fn gone(sent: &Sent) -> Option<Gone> {
    Some(Gone { cents: sent.cents })
}

fn come(sent: &Sent) -> Option<Come> {
    Some(Come { cents: sent.cents })
}

#[derive(EventSet)]
enum Halves {
    Gone(Gone),
    Come(Come),
}

#[derive(Clone, Default)]
struct Both(Outside);

impl Sink for Both {
    type Event = Halves;
    const NAME: &'static str = "both";
    const START: SinkStart = SinkStart::FirstEvent;

    async fn deliver(&self, events: &[Recorded<Halves>], token: FencingToken) -> Result<(), BoxError> {
        assert!(events.len().is_multiple_of(2), "halves are delivered together");
        let total: i64 = events
            .iter()
            .map(|half| match &half.event {
                Halves::Gone(gone) => -gone.cents,
                Halves::Come(come) => come.cents,
            })
            .sum();
        assert_eq!(total, 0);
        self.0.tell(events, token)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_parts_of_a_split_event_are_told_together_with_a_key_each() {
    on_each(async |store| {
        let both = Both::default();
        append(&store, 1, vec![NewEvent::encode(&Sent { cents: 5 }).unwrap(); 1]).await;
        append(&store, 1, vec![NewEvent::encode(&Sent { cents: 6 }).unwrap()]).await;
        let running = Running::start(sink(&store, both.clone()).batch(1));
        until("all was told", async || both.0.all().len() == 4).await;
        running.stop().await.unwrap();
        let told = both.0.all();
        let keys: HashSet<&String> = told.iter().map(|told| &told.key).collect();
        assert_eq!(keys.len(), 4);
        assert_eq!(told[0].version, told[1].version);
        assert!(told[0].key.ends_with(":1") && told[1].key.ends_with(":2"));
    })
    .await;
}
