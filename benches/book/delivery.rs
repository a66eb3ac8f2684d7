//! How long after its commit an event reaches a subscription.

use std::time::{Duration, Instant};

use eventsource::memory::MemoryStore;
use eventsource::postgres::{PgOptions, PgStore};
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, Read, Subscribe};
use tokio::sync::mpsc;

use super::domain::AccountEvent;
use super::postgres::server;
use super::scenario::Bound::AtMost;
use super::scenario::{Scale, Scenario};
use super::sides::{Done, Side, Sides};
use super::system::folder;
use super::work::{append, stream};

pub fn all() -> Vec<Scenario> {
    const LIMIT: &str = "the limit; from the acknowledged append to the event in the subscriber's hands, p50";
    vec![
        Scenario::new("memory/delivery", "ms", AtMost(1.0), LIMIT, async |scale| {
            let store = MemoryStore::new();
            deliver(scale, &store, &store, IN_PROCESS).await
        }),
        Scenario::new("sqlite/delivery", "ms", AtMost(1.0), LIMIT, async |scale| {
            let folder = folder();
            let store = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
            deliver(scale, &store, &store, IN_PROCESS).await
        }),
        Scenario::new("postgres/delivery", "ms", AtMost(1.0), LIMIT, async |scale| {
            let database = server::database().await;
            let store = server::store(&database, PgOptions::default()).await;
            deliver(scale, &store, &store, IN_PROCESS).await
        }),
        Scenario::new("postgres/delivery-to-another-process", "ms", AtMost(1.0), LIMIT, async |scale| {
            let database = server::database().await;
            let writer = server::store(&database, PgOptions::default()).await;
            // Two stores share nothing but the server, as two processes do.
            let reader = PgStore::connect(database.url()).await.expect("connects");
            deliver(scale, &writer, &reader, ACROSS).await
        }),
    ]
}

/// Milliseconds.
const IN_PROCESS: f64 = 0.5;
const ACROSS: f64 = 1.0;

/// Two hundred appends a second.
const EVERY: Duration = Duration::from_millis(5);

async fn deliver<S: Subscribe>(scale: Scale, writer: &S, reader: &S, limit: f64) -> Sides {
    let mut events = reader.subscribe::<AccountEvent>(Read::category("account"));
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let subscriber = tokio::spawn(async move {
        while let Some(event) = events.next().await.expect("reads") {
            let _ = delivered.send((event.position, Instant::now()));
        }
    });
    let mut ours = Side::quantile(0.5);
    for round in scale.rounds() {
        let mut times = Vec::new();
        let start = Instant::now();
        while times.is_empty() || start.elapsed() < round.length {
            let n = times.len() as u64;
            append(writer as &dyn EventStore, stream(round.number), n, n..n + 1).await;
            let acknowledged = Instant::now();
            let (_, arrived) = deliveries.recv().await.expect("the subscriber lives");
            times.push(arrived.saturating_duration_since(acknowledged));
            tokio::time::sleep(EVERY).await;
        }
        ours.add(round, &Done::of(&times));
    }
    subscriber.abort();
    Sides::of(ours, Side::limit(limit))
}
