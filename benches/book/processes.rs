//! Commands that follow from events: a process manager beside a loop of one's own, which reads a page, executes its commands under
//! keys, as many at a time, and saves how far it is.

use std::future::ready;
use std::time::Duration;

use eventsource::postgres::PgOptions;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    Aggregate, AppendRequest, Apply, Checkpoint, CheckpointKey, DomainEvent, EventStore, Events, ExecuteOptions,
    ExpectedVersion, Handle, NewEvent, NoInput, ProcessManager, Projections, Reaction, Read, Recorded, Repository,
    StreamId, ViewStore,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::domain::{Account, Deposited, deposited};
use super::postgres::server;
use super::scenario::Bound::AtLeast;
use super::scenario::{Scale, Scenario};
use super::sides::Sides;
use super::system::folder;
use super::work::COMMANDS;

pub fn all() -> Vec<Scenario> {
    const LOOP: &str = "a loop of one's own over the same store: a page, its commands under keys, the checkpoint";
    vec![
        Scenario::new("sqlite/processes", COMMANDS, AtLeast(0.25), LOOP, async |scale| {
            let folder = folder();
            let ours = SqliteStore::open(folder.path().join("ours.db")).await.expect("opens");
            let raw = SqliteStore::open(folder.path().join("raw.db")).await.expect("opens");
            beside_a_loop(scale, ours, raw).await
        }),
        Scenario::new("postgres/processes", COMMANDS, AtLeast(0.25), LOOP, async |scale| {
            let (one, other) = (server::database().await, server::database().await);
            let ours = server::store(&one, PgOptions::default()).await;
            let raw = server::store(&other, PgOptions::default()).await;
            beside_a_loop(scale, ours, raw).await
        }),
    ]
}

/// As many as a process manager serves.
const AT_ONCE: usize = 8;
const PAGE: usize = 1_000;
/// Among which the commands go round.
const ACCOUNTS: usize = 500;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.paid", version = 1)]
struct Paid {
    shop: String,
    n: u64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "order", events(Paid))]
struct Order {}

impl Apply<Paid> for Order {
    fn apply(&mut self, _: &Paid) {}
}

struct Deposit {
    n: u64,
}

impl Handle<Deposit> for Account {
    type Decision = Deposited;

    fn handle(&self, deposit: &Deposit) -> Deposited {
        deposited(deposit.n)
    }
}

impl ProcessManager for Order {
    type Input = NoInput;

    fn react(&self, event: &Recorded<OrderEvent>, then: &mut Reaction<Self>) {
        let OrderEvent::Paid(paid) = &event.event;
        then.to::<Account>(&paid.shop).send(Deposit { n: paid.n });
    }
}

async fn beside_a_loop<S: ViewStore + Clone>(scale: Scale, ours: S, raw: S) -> Sides {
    let count = scale.replayed / 50;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        pay(&ours, round.number, count).await;
        sides.ours.whole(round, count, managed(&ours, count)).await;
        pay(&raw, round.number, count).await;
        sides.raw.whole(round, count, by_hand(&raw)).await;
    }
    sides
}

/// So many orders.
async fn pay(store: &dyn EventStore, round: usize, count: usize) {
    let orders = (0..count).map(|n| {
        let paid = Paid { shop: (n % ACCOUNTS).to_string(), n: n as u64 };
        let event = NewEvent::encode(&paid).expect("encodes");
        let order = StreamId::new("order", &format!("{round}-{n}")).expect("a stream");
        store.append(AppendRequest::new(order, ExpectedVersion::NoStream, vec![event]).into())
    });
    stream::iter(orders).buffer_unordered(64).try_for_each(|_| ready(Ok(()))).await.expect("appends");
}

async fn managed(store: &(impl ViewStore + Clone), count: usize) {
    let projections = Projections::new(store).manager::<Order>();
    let statuses = projections.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(projections.run(async {
        let _ = stopped.await;
    }));
    while statuses.all().iter().any(|status| status.handled < count as u64) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(stop);
    running.await.expect("does not panic").expect("runs");
}

async fn by_hand(store: &(impl EventStore + Clone)) {
    let accounts = Repository::<Account>::new(store.clone());
    let key = CheckpointKey::new("by_hand");
    let saved = store.load_checkpoint(&key).await.expect("a checkpoint");
    let read = saved.iter().fold(Read::category("order"), |read, saved| read.after(saved.cursor.position));
    let mut orders = Events::<Paid>::new(store.clone(), read.limit(PAGE));
    loop {
        let mut page = Vec::new();
        while page.len() < PAGE
            && let Some(paid) = orders.next().await.expect("a page")
        {
            page.push(paid);
        }
        if page.is_empty() {
            return;
        }
        let commands = page.into_iter().map(|paid| {
            let accounts = accounts.clone();
            async move {
                let options = ExecuteOptions::new().caused_by(&paid).command_key(paid.id.to_string());
                let Paid { shop, n } = paid.event;
                accounts.execute_with(&shop, options, |account: &Account| account.handle(&Deposit { n })).await
            }
        });
        stream::iter(commands).buffer_unordered(AT_ONCE).try_for_each(|_| ready(Ok(()))).await.expect("executes");
        let checkpoint = Checkpoint::new(orders.cursor(), store.identity());
        store.save_checkpoint(&key, checkpoint).await.expect("saves");
    }
}
