//! The memory store beside a map by hand.

mod limits;
mod raw;

use std::sync::Arc;

use eventsource::Repository;
use eventsource::memory::MemoryStore;
use tokio::task::coop::consume_budget;

use super::by_hand::{self, Known, RawRow};
use super::domain::{Account, snapshots};
use super::scenario::Bound::{AtLeast, Unsaid};
use super::scenario::{Round, Scale, Scenario};
use super::sides::{Laps, Side, Sides};
use super::work::{self, APPENDS, COMMANDS, EVENTS, LOADS, STREAMS, TASKS};
use raw::Map;

pub fn all() -> Vec<Scenario> {
    const MAP: &str = "a sharded map, with the same encoding";
    const FOLD: &str = "the same payloads, decoded and applied by hand";
    let append = |events: u64, tasks: usize| {
        let name = format!("memory/append-{events}@{tasks}");
        Scenario::new(name, APPENDS, Unsaid, MAP, move |scale| appends(scale, events, tasks)).counted()
    };
    let appends = [1, 10].into_iter().flat_map(|events| TASKS.map(|tasks| append(events, tasks)));
    let mut all: Vec<Scenario> = appends.collect();
    all.extend([
        Scenario::new("memory/hot@8", COMMANDS, AtLeast(0.70), MAP, |scale| commands(scale, 8, |_| 0)).counted(),
        Scenario::new("memory/spread@8", COMMANDS, AtLeast(0.70), MAP, |scale| commands(scale, 8, |task| task))
            .counted(),
        Scenario::new("memory/load-100", LOADS, Unsaid, FOLD, |scale| load(scale, 100)).counted(),
        Scenario::new("memory/load-1000", LOADS, AtLeast(0.90), FOLD, |scale| load(scale, 1_000)).counted(),
        Scenario::new("memory/load-snapshot-and-10", LOADS, Unsaid, FOLD, load_saved).counted(),
        Scenario::new("memory/replay", EVENTS, Unsaid, "a list of the same payloads, decoded by hand", replay)
            .counted(),
    ]);
    all.extend(limits::all());
    all
}

/// Tasks that ask the map, which waits for nobody: they give way as those of a store do.
async fn by_hand<M: Send + Sync + 'static>(
    side: &mut Side,
    round: Round,
    tasks: usize,
    map: &Arc<M>,
    each: impl Fn(&M, usize, u64) + Copy + Send + 'static,
) {
    side.tasks(round, tasks, |task, mut laps: Laps| {
        let map = map.clone();
        async move {
            for n in laps.by_ref() {
                each(&map, task, n);
                consume_budget().await;
            }
            laps
        }
    })
    .await;
}

/// A store and a map for each round: memory is not endless.
async fn appends(scale: Scale, events: u64, tasks: usize) -> Sides {
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let store = MemoryStore::new();
        let before = sides.ours.operations;
        work::appends(&mut sides.ours, round, &store, ("", tasks), events).await;
        work::assert_events(&store, (sides.ours.operations - before) * events).await;
        drop(store);
        let (map, before) = (Arc::new(Map::new()), sides.raw.operations);
        let append = move |map: &Map, task, n| map.append(&format!("account-{task}"), n * events, events);
        by_hand(&mut sides.raw, round, tasks, &map, append).await;
        assert_eq!(map.counts().0, (sides.raw.operations - before) * events);
    }
    sides
}

/// On the aggregates that `id` names for each task.
async fn commands(scale: Scale, tasks: usize, id: fn(usize) -> usize) -> Sides {
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let accounts = Repository::<Account>::new(MemoryStore::new());
        let done = work::commands(round, &accounts, (tasks, move |_, task, _| id(task).to_string()), 1).await;
        sides.ours.add(round, &done);
        let last = id(tasks - 1);
        work::assert_states(&accounts, (0..=last).map(|id| id.to_string()), done.operations).await;
        drop(accounts);
        map_commands(&mut sides.raw, round, (tasks, id)).await;
    }
    sides
}

async fn map_commands(side: &mut Side, round: Round, (tasks, id): (usize, fn(usize) -> usize)) {
    let (map, before) = (Arc::new(Map::new()), side.operations);
    let command = move |map: &Map, task, n| map.command(&format!("account-{}", id(task)), n);
    by_hand(side, round, tasks, &map, command).await;
    let commands = side.operations - before;
    assert_eq!(map.counts(), (commands, commands));
}

/// The memory store hands out its bytes as they lie, so loading from it is decoding and applying.
async fn load(scale: Scale, length: usize) -> Sides {
    let store = MemoryStore::new();
    work::fill(&store, STREAMS * length, length).await;
    let map = Arc::new(Map::new());
    (0..STREAMS).for_each(|id| map.append(&format!("account-{id}"), 0, length as u64));
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::loads(&mut sides.ours, round, &accounts, length).await;
        let load = move |map: &Map, _, n| {
            let (account, version) = map.load(&format!("account-{}", n as usize % STREAMS), length);
            std::hint::black_box(account);
            assert_eq!(version, length);
        };
        by_hand(&mut sides.raw, round, 1, &map, load).await;
    }
    sides
}

async fn load_saved(scale: Scale) -> Sides {
    let store = MemoryStore::new();
    snapshots::prepare(&store).await;
    let map = Arc::new(Map::new());
    map.append("account-0", 0, 1_000);
    let accounts = Repository::new(store);
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::loads_saved(&mut sides.ours, round, &accounts).await;
        let load = |map: &Map, _, _| {
            let saved: snapshots::Saved = serde_json::from_slice(br#"{"cents":6600000}"#).expect("decodes");
            std::hint::black_box((saved.cents, map.load("account-0", 10)));
        };
        by_hand(&mut sides.raw, round, 1, &map, load).await;
    }
    sides
}

async fn replay(scale: Scale) -> Sides {
    let store = MemoryStore::new();
    work::fill(&store, scale.replayed, 100).await;
    let rows: Vec<RawRow> = (0..scale.replayed)
        .map(|n| RawRow::new(format!("account-{}", n / 100), (n % 100) as i64 + 1, n as u64))
        .collect();
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        work::replay(&mut sides.ours, round, &store, scale.replayed).await;
        let by_hand = async {
            for (n, row) in rows.iter().enumerate() {
                let event = by_hand::decode(row.name, &row.data);
                let (stream, version) = (row.stream.clone(), row.version);
                std::hint::black_box(Known { position: n as i64, stream, version, recorded_at: 0, event });
            }
        };
        sides.raw.whole(round, scale.replayed, by_hand).await;
    }
    sides
}
