//! The server is killed while events are appended, published and consumed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use eventsource::sqlite::SqliteStore;
use eventsource::testing::conformance::publishers::Received;
use eventsource::{
    AppendRequest, CloudEvent, DomainEvent, EventStore, Events, ExpectedVersion, NewEvent, Projections, Publication,
    Read, Relay, SinkStart, StreamId,
};
use eventsource_rabbitmq::RabbitMq;
use eventsource_test_cluster::RabbitMq as Server;
use serde::{Deserialize, Serialize};

use crate::queue::Queue;
use crate::{PATIENCE, until};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.moved", version = 1)]
struct Moved {
    cents: u64,
    note: String,
}

struct Moves;

impl Publication for Moves {
    type Event = Moved;
    const NAME: &'static str = "moves";
    const SOURCE: &'static str = "/bank";
    const ROUTING_KEY: &'static str = "bank.{name}";
    const START: SinkStart = SinkStart::FirstEvent;
}

const KILLS: usize = 2;
const STREAMS: u64 = 20;
/// Some thousand events in all, of which each is confirmed.
const PAUSE: Duration = Duration::from_millis(100);

/// One event for each of many streams; some payloads are so large that the server keeps them apart from the others.
async fn append_round(store: &SqliteStore, round: u64) {
    for stream in 0..STREAMS {
        let note = "x".repeat(if (round + stream).is_multiple_of(3) { 20_000 } else { 10 });
        let event = NewEvent::encode(&Moved { cents: round, note }).unwrap();
        let stream = StreamId::new("account", &stream.to_string()).unwrap();
        store.append(AppendRequest::new(stream, ExpectedVersion::Any, vec![event]).into()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_in_the_middle_loses_nothing_and_keeps_the_order_of_each_stream() {
    let server = Arc::new(tokio::task::spawn_blocking(Server::new).await.unwrap().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("published.db")).await.unwrap();
    let queue = Arc::new(Queue::new(&server, "bank", "bank.#").await);
    let rabbit = RabbitMq::new(&server.url(), "bank").unwrap();
    let relay = Projections::new(&store).batch(50).sink(Relay::<Moves, _>::new(rabbit));
    let statuses = relay.statuses();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(relay.run(async { drop(stopped.await) }));

    // Somebody appends all the time, and somebody consumes.
    let appends = Arc::new(AtomicBool::new(true));
    let appending = tokio::spawn({
        let (store, appends) = (store.clone(), appends.clone());
        async move {
            let mut round = 0;
            while appends.load(SeqCst) {
                round += 1;
                append_round(&store, round).await;
                tokio::time::sleep(PAUSE).await;
            }
        }
    });
    let consumed = Arc::new(std::sync::Mutex::new(Vec::<Received>::new()));
    let consuming = tokio::spawn({
        let (queue, consumed) = (queue.clone(), consumed.clone());
        async move {
            loop {
                let (received, _) = queue.next().await;
                consumed.lock().unwrap().push(received);
            }
        }
    });

    for _ in 0..KILLS {
        let before = consumed.lock().unwrap().len();
        until("some have arrived", async || consumed.lock().unwrap().len() > before + 100).await;
        let killed = server.clone();
        tokio::task::spawn_blocking(move || killed.kill().unwrap()).await.unwrap();
        // Down, the server makes the relay lag and say so, and nobody who appends waits.
        let head = store.head().await.unwrap().newest;
        until("appends go on", async || store.head().await.unwrap().newest.0 > head.0 + 2 * STREAMS).await;
        until("it says so", async || statuses.all()[0].failing_since.is_some()).await;
        assert!(statuses.progress().await.unwrap()[0].lag > STREAMS);
        let started = server.clone();
        tokio::task::spawn_blocking(move || started.start().unwrap()).await.unwrap();
    }

    appends.store(false, SeqCst);
    appending.await.unwrap();
    let mut wanted: HashMap<String, Vec<String>> = HashMap::new();
    let mut events = Events::<Moved>::new(store.clone(), Read::all());
    while let Some(event) = events.next().await.unwrap() {
        wanted.entry(event.stream.to_string()).or_default().push(event.idempotency_key());
    }
    let count: usize = wanted.values().map(Vec::len).sum();
    let arrived = || consumed.lock().unwrap().iter().map(|received| received.id.clone()).collect::<HashSet<_>>();
    let all_arrived = async {
        while arrived().len() < count {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, all_arrived).await.is_err() {
        let missing: Vec<_> = wanted.values().flatten().filter(|id| !arrived().contains(*id)).take(3).collect();
        panic!("{} of {count} have arrived, {missing:?} have not; {:?}", arrived().len(), statuses.all());
    }
    assert_eq!(statuses.all()[0].failing_since, None);
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    consuming.abort();

    // Whoever passes over the ids that it knows has each event once, and of each stream in order.
    let (mut seen, mut once) = (HashMap::new(), HashMap::<String, Vec<String>>::new());
    for Received { id, body, .. } in std::mem::take(&mut *consumed.lock().unwrap()) {
        let event: CloudEvent<Moved> = serde_json::from_slice(&body).unwrap();
        assert_eq!(event.id, id);
        assert_eq!(event.data.cents, event.version.0);
        match seen.get(&id) {
            Some(known) => assert_eq!(known, &body, "what is seen twice is the same"),
            None => {
                once.entry(event.subject).or_default().push(id.clone());
                seen.insert(id, body);
            }
        }
    }
    assert_eq!(once, wanted);
}
