//! How long after its commit an event reaches a subscription.

use std::time::{Duration, Instant};

use eventsource::memory::MemoryStore;
use eventsource::postgres::{PgOptions, PgStore};
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, Read, Subscribe};
use tokio::sync::mpsc;

use crate::domain::AccountEvent;
use crate::measure::{Bound, Rounds, Scale, Scenario, folder};
use crate::postgres::server;
use crate::scenarios::{append, stream};

pub fn all() -> Vec<Scenario> {
    let scenario = |name, store, run| Scenario {
        name,
        store,
        tasks: 1,
        unit: "ms, raw is the limit",
        bound: Bound::TimeAtMost(1.0),
        run,
    };
    vec![
        scenario("delivery", "memory", |scale| {
            Box::pin(async move {
                let store = MemoryStore::new();
                deliver(scale, &store, &store, IN_PROCESS).await
            })
        }),
        scenario("delivery", "sqlite", |scale| {
            Box::pin(async move {
                let folder = folder();
                let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
                deliver(scale, &store, &store, IN_PROCESS).await
            })
        }),
        scenario("delivery", "postgres", |scale| {
            Box::pin(async move {
                let database = server::database().await;
                let store = server::store(&database, PgOptions::default()).await;
                deliver(scale, &store, &store, IN_PROCESS).await
            })
        }),
        scenario("delivery-to-another-process", "postgres", |scale| {
            Box::pin(async move {
                let database = server::database().await;
                let writer = server::store(&database, PgOptions::default()).await;
                // Two stores share nothing but the server, as two processes do.
                let reader = PgStore::connect(database.url()).await.expect("connects");
                deliver(scale, &writer, &reader, ACROSS).await
            })
        }),
    ]
}

/// Milliseconds.
const IN_PROCESS: f64 = 0.5;
const ACROSS: f64 = 1.0;

/// Two hundred appends a second.
const EVERY: Duration = Duration::from_millis(5);

/// The median of each round, from the acknowledged append to the event in the subscriber's hands.
async fn deliver<S: Subscribe>(scale: &Scale, writer: &S, reader: &S, limit: f64) -> Rounds {
    let mut events = reader.subscribe::<AccountEvent>(Read::category("account"));
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let subscriber = tokio::spawn(async move {
        while let Some(event) = events.next().await.expect("reads") {
            let _ = delivered.send((event.position, Instant::now()));
        }
    });
    let mut rounds = Rounds::default();
    // The first finds connections closed and statements unprepared.
    for round in 0..=scale.rounds {
        let mut times = Vec::new();
        for n in 0..scale.loads / 2 {
            append(writer as &dyn EventStore, stream(round), n as u64, n as u64).await;
            let acknowledged = Instant::now();
            let (_, arrived) = deliveries.recv().await.expect("the subscriber lives");
            times.push(arrived.saturating_duration_since(acknowledged).as_secs_f64() * 1e3);
            tokio::time::sleep(EVERY).await;
        }
        if round > 0 {
            times.sort_by(f64::total_cmp);
            rounds.ours.push(times[times.len() / 2]);
            rounds.raw.push(limit);
        }
    }
    subscriber.abort();
    rounds
}
