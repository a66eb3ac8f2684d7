//! What is asked of every store: appends, commands, loads, replays, through the public interface.

use std::fmt::Display;
use std::ops::Range;

use eventsource::{
    AppendOutcome, AppendRequest, EventStore, Events, ExpectedVersion, NewEvent, Read, Repository, StreamId, Version,
};
use tokio::task::coop::consume_budget;

use super::domain::snapshots::Saved;
use super::domain::{Account, AccountEvent, nth};
use super::scenario::Round;
use super::sides::{Done, Side, tasks};

pub const COMMANDS: &str = "commands/s";
pub const APPENDS: &str = "appends/s";
pub const LOADS: &str = "loads/s";
pub const EVENTS: &str = "events/s";

/// How many tasks appends and commands are measured with.
pub const TASKS: [usize; 4] = [1, 8, 32, 256];

pub fn stream(id: impl Display) -> StreamId {
    StreamId::new("account", &id.to_string()).expect("a stream")
}

/// Events behind those that the stream has.
pub async fn append(store: &dyn EventStore, stream: StreamId, version: u64, numbers: Range<u64>) {
    let events = numbers.map(|n| NewEvent::encode(&nth(n)).expect("encodes")).collect();
    let expected = if version == 0 { ExpectedVersion::NoStream } else { Version(version).into() };
    let outcome = store.append(AppendRequest::new(stream, expected, events).into()).await.expect("appends");
    assert!(matches!(outcome, AppendOutcome::Stored(_)), "{outcome:?}");
}

/// Appends of so many events, by each task to a stream of its own.
pub async fn appends(
    side: &mut Side,
    round: Round,
    store: &(impl EventStore + Clone),
    (label, count): (&str, usize),
    events: u64,
) {
    side.tasks(round, count, |task, mut laps| {
        let (store, id) = (store.clone(), format!("{label}-{}-{task}", round.number));
        async move {
            for n in laps.by_ref() {
                append(&store, stream(&id), n * events, n * events..(n + 1) * events).await;
                // Where nothing is waited for, the other tasks shall have their turn all the same.
                consume_budget().await;
            }
            laps
        }
    })
    .await;
}

/// Commands of so many events, to the aggregates that `id` names by round, task and number.
pub async fn commands<I>(round: Round, accounts: &Repository<Account>, (count, id): (usize, I), events: u64) -> Done
where
    I: Fn(usize, usize, u64) -> String + Copy + Send + 'static,
{
    tasks(round, count, |task, mut laps| {
        let accounts = accounts.clone();
        async move {
            for n in laps.by_ref() {
                execute(&accounts, &id(round.number, task, n), n, events).await;
                consume_budget().await;
            }
            laps
        }
    })
    .await
}

pub async fn execute(accounts: &Repository<Account>, id: &str, n: u64, events: u64) {
    let decide = |_: &Account| -> Vec<AccountEvent> { (n..n + events).map(nth).collect() };
    accounts.execute(id, decide).await.expect("the command is stored");
}

/// That every acknowledged command is in the states: no update was lost.
pub async fn assert_states(accounts: &Repository<Account>, ids: impl Iterator<Item = String>, commands: u64) {
    let mut found = 0;
    for id in ids {
        let account = accounts.load(&id).await.expect("loads");
        assert_eq!(account.version, Version(account.count), "{id}");
        found += account.count;
    }
    assert_eq!(found, commands, "states know of as many commands as were acknowledged");
}

/// That a store holds as many events as were acknowledged.
pub async fn assert_events(store: &(impl EventStore + Clone), events: u64) {
    assert_eq!(count_typed(store).await as u64, events, "events are stored as often as they were acknowledged");
}

/// Streams of `length` events, in one append each.
pub async fn fill(store: &dyn EventStore, events: usize, length: usize) {
    for (id, start) in (0..events as u64).step_by(length).enumerate() {
        append(store, stream(id), 0, start..start + length as u64).await;
    }
}

/// Streams that are loaded in turns.
pub const STREAMS: usize = 20;

/// Loads of streams of so many events, one after the other.
pub async fn loads(side: &mut Side, round: Round, accounts: &Repository<Account>, length: usize) {
    side.tasks(round, 1, |_, mut laps| {
        let accounts = accounts.clone();
        async move {
            for n in laps.by_ref() {
                let account = accounts.load(&(n as usize % STREAMS).to_string()).await.expect("loads");
                assert_eq!(account.version, Version(length as u64));
            }
            laps
        }
    })
    .await;
}

/// Loads of the one stream of `prepare`: a snapshot, and ten events behind it.
pub async fn loads_saved(side: &mut Side, round: Round, accounts: &Repository<Saved>) {
    side.tasks(round, 1, |_, mut laps| {
        let accounts = accounts.clone();
        async move {
            for _ in laps.by_ref() {
                assert_eq!(accounts.load("0").await.expect("loads").version, Version(1_000));
            }
            laps
        }
    })
    .await;
}

/// Every event of the accounts, decoded.
pub async fn replay(side: &mut Side, round: Round, store: &(impl EventStore + Clone), events: usize) {
    side.whole(round, events, async { assert_eq!(count_typed(store).await, events) }).await;
}

pub async fn count_typed(store: &(impl EventStore + Clone)) -> usize {
    let mut count = 0;
    let mut events = Events::<AccountEvent>::new(store.clone(), Read::category("account"));
    while let Some(event) = events.next().await.expect("reads") {
        std::hint::black_box(&event);
        count += 1;
    }
    count
}
