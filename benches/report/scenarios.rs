//! What is measured.

use std::sync::Arc;

use eventsource::memory::MemoryStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    AppendOutcome, AppendRequest, EventStore, Events, ExpectedVersion, NewEvent, Read, Repository, StreamId, Version,
};
use tokio::sync::oneshot;

use crate::domain::{Account, AccountEvent, nth};
use crate::measure::{self, Bound, Rounds, Scale, Scenario, folder, micros_each, rate};
use crate::raw;

pub fn all() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "append",
            store: "sqlite",
            tasks: 1,
            unit: "events/s",
            bound: Bound::RateAtLeast(0.85),
            run: |scale| Box::pin(append_one(scale)),
        },
        Scenario {
            name: "append",
            store: "sqlite",
            tasks: 256,
            unit: "events/s",
            bound: Bound::RateAtLeast(0.70),
            run: |scale| Box::pin(append_many(scale, 256)),
        },
        Scenario {
            name: "load-1000",
            store: "sqlite",
            tasks: 1,
            unit: "µs",
            bound: Bound::TimeAtMost(1.6),
            run: |scale| Box::pin(load_thousand(scale)),
        },
        Scenario {
            name: "replay",
            store: "sqlite",
            tasks: 1,
            unit: "events/s",
            bound: Bound::RateAtLeast(0.80),
            run: |scale| Box::pin(replay(scale)),
        },
        Scenario {
            name: "decode-apply",
            store: "memory",
            tasks: 1,
            unit: "events/s",
            bound: Bound::RateAtLeast(0.90),
            run: |scale| Box::pin(decode_apply(scale)),
        },
        Scenario {
            name: "memory-of-replay",
            store: "sqlite",
            tasks: 1,
            unit: "MB, raw is the limit",
            bound: Bound::TimeAtMost(1.0),
            run: |_| Box::pin(memory_of_replay()),
        },
    ]
}

pub fn stream(id: impl std::fmt::Display) -> StreamId {
    StreamId::new("account", &id.to_string()).expect("a stream")
}

pub async fn append(store: &dyn EventStore, stream: StreamId, version: u64, n: u64) {
    let event = NewEvent::encode(&nth(n)).expect("encodes");
    let expected = if version == 0 { ExpectedVersion::NoStream } else { Version(version).into() };
    let outcome = store.append(AppendRequest::new(stream, expected, vec![event]).into()).await.expect("appends");
    assert!(matches!(outcome, AppendOutcome::Stored(_)), "{outcome:?}");
}

async fn append_one(scale: &Scale) -> Rounds {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    let count = scale.appends;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        let ours = async {
            for n in 0..count {
                append(&store, stream(round), n as u64, n as u64).await;
            }
        };
        rounds.ours.push(rate(count, ours).await);
        let raw = async {
            for n in 0..count {
                let row = raw::Row1::new(format!("account-{round}"), n as i64 + 1, n as u64);
                raw::insert(&mut connection, vec![row]).await;
            }
        };
        rounds.raw.push(rate(count, raw).await);
    }
    rounds
}

async fn append_many(scale: &Scale, tasks: usize) -> Rounds {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    let writer = raw::writer(raw::connect(&folder.path().join("raw.db")).await);
    let each = scale.appends * 8 / tasks;
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        let ours = (0..tasks).map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..each {
                    append(&store, stream(format!("{round}-{task}")), n as u64, n as u64).await;
                }
            })
        });
        rounds.ours.push(rate(tasks * each, joined(ours.collect())).await);
        let raw = (0..tasks).map(|task| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for n in 0..each {
                    let (answer, answered) = oneshot::channel();
                    let row = raw::Row1::new(format!("account-{round}-{task}"), n as i64 + 1, n as u64);
                    writer.send((row, answer)).await.expect("the writer lives");
                    answered.await.expect("the writer answers");
                }
            })
        });
        rounds.raw.push(rate(tasks * each, joined(raw.collect())).await);
    }
    rounds
}

pub async fn joined(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.expect("a task of the benchmark");
    }
}

/// Streams of `length` events, in one append each.
pub async fn fill(store: &dyn EventStore, events: usize, length: usize) {
    for (id, start) in (0..events).step_by(length).enumerate() {
        let events = (start..start + length).map(|n| NewEvent::encode(&nth(n as u64)).expect("encodes"));
        let request = AppendRequest::new(stream(id), ExpectedVersion::NoStream, events.collect());
        store.append(Arc::new(request)).await.expect("appends");
    }
}

async fn load_thousand(scale: &Scale) -> Rounds {
    const STREAMS: usize = 20;
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    fill(&store, STREAMS * 1_000, 1_000).await;
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    raw::fill(&mut connection, STREAMS * 1_000, 1_000).await;
    let accounts = Repository::<Account>::new(store);
    let count = scale.loads;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            for n in 0..count {
                let account = accounts.load(&(n % STREAMS).to_string()).await.expect("loads");
                assert_eq!(account.version, Version(1_000));
            }
        };
        rounds.ours.push(micros_each(count, ours).await);
        let raw = async {
            for n in 0..count {
                assert_eq!(raw::fetch_stream(&mut connection, &format!("account-{}", n % STREAMS)).await, 1_000);
            }
        };
        rounds.raw.push(micros_each(count, raw).await);
    }
    rounds
}

async fn replay(scale: &Scale) -> Rounds {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    fill(&store, scale.replayed, 100).await;
    let mut connection = raw::connect(&folder.path().join("raw.db")).await;
    raw::fill(&mut connection, scale.replayed, 100).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            assert_eq!(count_typed(&store).await, scale.replayed);
        };
        rounds.ours.push(rate(scale.replayed, ours).await);
        let raw = async {
            let mut count = 0;
            raw::replay(&mut connection, |known| {
                std::hint::black_box(&known);
                count += 1;
            })
            .await;
            assert_eq!(count, scale.replayed);
        };
        rounds.raw.push(rate(scale.replayed, raw).await);
    }
    rounds
}

/// Reads every event of the accounts, decoded.
pub async fn count_typed(store: &(impl EventStore + Clone)) -> usize {
    let mut count = 0;
    let mut events = Events::<AccountEvent>::new(store.clone(), Read::category("account"));
    while let Some(event) = events.next().await.expect("reads") {
        std::hint::black_box(&event);
        count += 1;
    }
    count
}

/// The memory store hands out its bytes as they lie, so loading from it is decoding and applying.
async fn decode_apply(scale: &Scale) -> Rounds {
    const EVENTS: u64 = 1_000;
    let store = MemoryStore::new();
    fill(&store, EVENTS as usize, EVENTS as usize).await;
    let encoded = raw::encoded(EVENTS);
    let accounts = Repository::<Account>::new(store);
    let times = 300;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            for _ in 0..times {
                std::hint::black_box(accounts.load("0").await.expect("loads"));
            }
        };
        rounds.ours.push(rate(EVENTS as usize * times, ours).await);
        let raw = async {
            for _ in 0..times {
                std::hint::black_box(raw::fold(std::hint::black_box(&encoded)));
            }
        };
        rounds.raw.push(rate(EVENTS as usize * times, raw).await);
    }
    rounds
}

/// The greatest memory of this process while it replays a million events, against 200 MB.
async fn memory_of_replay() -> Rounds {
    const EVENTS: usize = 1_000_000;
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
    fill(&store, EVENTS, 1_000).await;
    if !measure::forget_peak_memory() {
        return Rounds::default();
    }
    assert_eq!(count_typed(&store).await, EVENTS);
    let ours = measure::peak_memory().into_iter().collect();
    Rounds { ours, raw: vec![200.0] }
}
