//! How often the network is crossed.

use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{
    Aggregate, AppendRequest, Apply, Checkpoint, Cursor, DomainEvent, EventStore, ExpectedVersion, Fold, InlineViews,
    Load as Ask, NewEvent, Position, Read, Recorded, Repository, StreamId, Subscribe, Version, View,
};
use eventsource_test_cluster::Proxy;
use serde::{Deserialize, Serialize};

use super::things::{any, in_time, request, stored, thing};
use super::{database, patient, store_in};

/// So that no answer overtakes the second half of its question; see [`Proxy::round_trips`].
const DELAY: Duration = Duration::from_millis(2);
const WARM: usize = 3;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "counter.counted", version = 1)]
struct Counted {}

#[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
#[aggregate(name = "counter", events(Counted), snapshot(every = 100))]
struct Counter {
    count: u64,
}

impl Apply<Counted> for Counter {
    fn apply(&mut self, _: &Counted) {
        self.count += 1;
    }
}

#[derive(View)]
#[view(name = "wire_counts", version = 1, events(Counted))]
struct Counts {
    #[view(key = stream)]
    counter: String,
    #[view(version)]
    version: Version,
}

impl Fold<Counted> for Counts {
    fn fold(counter: &String, _: Option<Self>, counted: &Recorded<Counted>) -> Option<Self> {
        Some(Self { counter: counter.clone(), version: counted.version })
    }
}

/// What it costs when it was done before.
async fn trips(proxy: &Proxy, what: &str, mut work: impl AsyncFnMut()) -> u64 {
    for _ in 0..WARM {
        in_time(what, work()).await;
    }
    proxy.reset_round_trips();
    in_time(what, work()).await;
    proxy.round_trips()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_warm_command_crosses_the_network_once_and_so_does_each_other_call() {
    let database = database().await;
    // What is told of appends goes over the same network, at its own time.
    let options = patient().listen(false);
    drop(store_in(&database, options.clone()).await);
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let store = PgStore::connect_with(&proxy.url(database.url()).unwrap(), options).await.unwrap();
    proxy.set_delay(DELAY);
    let counters = Repository::<Counter>::new(store.clone());

    let warm =
        trips(&proxy, "a warm command", async || drop(counters.execute("one", |_| Counted {}).await.unwrap())).await;
    assert_eq!(warm, 1, "a command on a state that is known");
    let cold = counters.clone().without_cache();
    let cold = trips(&proxy, "a command", async || drop(cold.execute("one", |_| Counted {}).await.unwrap())).await;
    assert_eq!(cold, 2, "a command on a state that is not known");
    let load = trips(&proxy, "a load", async || _ = counters.load("one").await.unwrap()).await;
    assert_eq!(load, 1, "a load");
    let missing = trips(&proxy, "a load of nothing", async || _ = counters.load("none").await.unwrap()).await;
    assert_eq!(missing, 1, "a load of nothing");
    let counter = StreamId::new("counter", "one").unwrap();
    let tail = trips(&proxy, "a tail", async || {
        store.load(&Ask::new(counter.clone()), &mut |_| Ok(())).await.unwrap();
    });
    assert_eq!(tail.await, 1, "a tail");

    for (count, streams) in [(1, 1), (5, 1), (2, 2)] {
        let append = trips(&proxy, "an append", async || {
            let mut request = AppendRequest::clone(&request("a", ExpectedVersion::Any, count));
            if streams == 2 {
                request = request.and(thing("b"), ExpectedVersion::Any, super::things::events(count));
            }
            drop(stored(store.append(request.into()).await));
        });
        assert_eq!(append.await, 1, "an append of {count} events to {streams} streams");
    }
    let kept = InlineViews::new(store.clone()).add::<Counter, Counts>().start().await.unwrap();
    let counters = Repository::<Counter>::new(kept);
    let inline = trips(&proxy, "an append with an inline view", async || {
        drop(counters.execute("two", |_| Counted {}).await.unwrap());
    });
    // The lock, the event and the row as it is, the row as it becomes, the commit.
    assert_eq!(inline.await, 4, "an append of one event with an inline view");
    let twice = trips(&proxy, "an append of two events with an inline view", async || {
        drop(counters.execute("two", |_| [Counted {}, Counted {}]).await.unwrap());
    });
    assert_eq!(twice.await, 5, "an append of two events with an inline view");

    let conflict = trips(&proxy, "a conflict", async || {
        store.append(request("a", ExpectedVersion::NoStream, 1)).await.unwrap();
    });
    // The second time it looks whether these very events were stored before.
    assert_eq!(conflict.await, 2, "a conflict");

    let page = Read::all().limit(5);
    let full = trips(&proxy, "a full page", async || {
        let read = store.read(&page, &mut |_| Ok(())).await.unwrap();
        assert_eq!(read.count, 5);
    });
    assert_eq!(full.await, 1, "a full page below a watermark that is known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_appends_at_once_share_their_round_trips() {
    let database = database().await;
    let options = patient().listen(false);
    drop(store_in(&database, options.clone()).await);
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let store = PgStore::connect_with(&proxy.url(database.url()).unwrap(), options).await.unwrap();
    proxy.set_delay(Duration::from_millis(20));
    let round = async || {
        let appends = (0..256).map(|n| store.append(any(n)));
        futures::future::join_all(appends).await.into_iter().for_each(|outcome| drop(stored(outcome)));
    };
    // The first goes alone, and while it is on its way all others gather; on a slow machine in several parts.
    let count = trips(&proxy, "many appends", round).await;
    assert!(count <= 16, "{count} round trips");
    assert!(store.wait_past(Position(1_000)).await.unwrap() > Position(1_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_reaches_subscribers_of_its_process_in_one_round_trip_and_those_of_another_in_two() {
    let database = database().await;
    let options = patient().listen(false);
    let writer = store_in(&database, options.clone()).await;
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let store = PgStore::connect_with(&proxy.url(database.url()).unwrap(), options).await.unwrap();
    proxy.set_delay(DELAY);
    let mut counted = store.subscribe::<Counted>(Read::all());
    let next = async |store: &PgStore| {
        let counters = Repository::<Counter>::new(store.clone());
        counters.execute("one", |_| Counted {}).await.unwrap();
    };
    let mut appended = 0;
    let mut deliver = async |store: &PgStore| {
        next(store).await;
        appended += 1;
        assert_eq!(counted.next().await.unwrap().unwrap().version.0, appended);
    };
    let own = trips(&proxy, "an event of this process", async || deliver(&store).await).await;
    assert_eq!(own, 3, "two of the command, and a page");
    let foreign = trips(&proxy, "an event of another process", async || deliver(&writer).await).await;
    assert_eq!(foreign, 2, "a look, and a page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_asks_once_a_page_for_rows_that_appends_have_kept() {
    let database = database().await;
    let options = patient().listen(false);
    drop(store_in(&database, options.clone()).await);
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let store = PgStore::connect_with(&proxy.url(database.url()).unwrap(), options).await.unwrap();
    let counted = |n| AppendRequest::new(stream(n), Version(0), vec![NewEvent::encode(&Counted {}).unwrap()]);
    let appends = (0..1_000).map(|n| store.append(counted(n).into()));
    futures::future::join_all(appends).await.into_iter().for_each(|outcome| drop(stored(outcome)));
    // All is folded by the first start, and the second one begins where a start before it would have ended.
    let start = async || drop(InlineViews::new(store.clone()).add::<Counter, Counts>().start().await.unwrap());
    start().await;
    let key = Counts::TABLE.checkpoint_key();
    let reached = store.load_checkpoint(&key).await.unwrap().unwrap();
    let beginning = Checkpoint::new(Cursor::START, store.identity()).owner_epoch(reached.owner_epoch);
    store.save_checkpoint(&key, beginning).await.unwrap();
    proxy.set_delay(DELAY);
    proxy.reset_round_trips();
    start().await;
    let trips = proxy.round_trips();
    assert!(trips < 20, "{trips} round trips");
    assert_eq!(store.load_checkpoint(&key).await.unwrap().unwrap().cursor, reached.cursor);
}

fn stream(n: u64) -> StreamId {
    StreamId::new("counter", &n.to_string()).unwrap()
}
