//! Commands with what this process knows: on one aggregate, and on many whose states are cached.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eventsource::Repository;
use eventsource_test_cluster::Database;

use super::command::{ByHand, LENGTH, by_hand_on, side};
use super::two_processes::two_processes;
use super::{raw, raw_bytes};
use crate::book::domain::Account;
use crate::book::owner::Owner;
use crate::book::scenario::Bound::{self, AtLeast, AtMost};
use crate::book::scenario::{Round, Scale, Scenario};
use crate::book::sides::{Connections, Side, Sides};
use crate::book::work::{COMMANDS, assert_states, commands};

pub fn all() -> Vec<Scenario> {
    const OWNER: &str = "a map of states, and a task that writes what waits by one `INSERT`";
    let batched = |tasks: usize| {
        let name = format!("postgres/warm-batched@{tasks}");
        Scenario::new(name, COMMANDS, AtLeast(0.75), OWNER, move |scale| beside_owner(scale, tasks)).counted()
    };
    vec![
        hot(8, 4.5),
        hot(256, 22.0),
        Scenario::new(
            "postgres/hot-two-processes@16",
            COMMANDS,
            AtLeast(2.0),
            "`SELECT` and `INSERT` by one task, without conflicts; ours: 8 tasks in each of two processes",
            two_processes,
        ),
        warm(1, AtLeast(1.4)),
        warm(8, AtLeast(1.4)),
        warm(32, AtLeast(3.5)),
        warm(256, AtLeast(5.0)),
        batched(32),
        batched(256),
        Scenario::new("postgres/warm-p99@32", "ms", AtMost(3.0), "p50 of the same commands; ours: p99", tail),
    ]
}

fn hot(tasks: usize, bound: f64) -> Scenario {
    let beside = "`SELECT` and `INSERT` by one task, without conflicts";
    let run = move |scale| one_for_all(scale, tasks);
    Scenario::new(format!("postgres/hot@{tasks}"), COMMANDS, AtLeast(bound), beside, run).counted()
}

fn warm(tasks: usize, bound: Bound) -> Scenario {
    let run = move |scale| one_for_each(scale, tasks);
    Scenario::new(format!("postgres/warm@{tasks}"), COMMANDS, bound, by_hand_on(tasks), run).counted()
}

/// One aggregate for all tasks, beside one task by hand on streams that stay short, and beside eight that are in conflict.
async fn one_for_all(scale: Scale, tasks: usize) -> Sides {
    let (database, store) = side().await;
    let accounts = Repository::<Account>::new(store);
    let mut by_hand = ByHand::new(&database, 1, 1).await;
    let (contended, _store) = side().await;
    let connections = raw::connections(contended.url(), 8).await;
    let (mut ours, mut contending) = (Side::rate(), Side::rate());
    for round in scale.rounds() {
        ours.add(round, &commands(round, &accounts, (tasks, |_, _, _| "hot".to_owned()), 1).await);
        by_hand.round(round).await;
        contend(&mut contending, round, &connections).await;
    }
    assert_states(&accounts, ["hot".to_owned()].into_iter(), ours.operations).await;
    assert_eq!(raw::rows(&mut raw::connect(contended.url()).await, "raw_json").await, contending.operations);
    Sides { ours, raw: by_hand.end().await, others: vec![("8 tasks with conflicts", contending)] }
}

/// All tasks on one stream, until it is long: then on the next.
async fn contend(side: &mut Side, round: Round, connections: &Connections<sqlx::PgConnection>) {
    let stored = Arc::new(AtomicU64::new(0));
    let by_hand = side.on(round, connections, |mut pg, _, mut laps| {
        let stored = stored.clone();
        async move {
            for n in laps.by_ref() {
                loop {
                    let stream = format!("account-{}-{}", round.number, stored.load(Ordering::Relaxed) / LENGTH);
                    if raw::try_command(&mut pg, &stream, n, 1).await {
                        break;
                    }
                }
                stored.fetch_add(1, Ordering::Relaxed);
            }
            laps
        }
    });
    by_hand.await;
}

/// Aggregates of the tasks, with all that was stored.
async fn assert_each(accounts: &Repository<Account>, tasks: usize, commands: u64) {
    assert_states(accounts, (0..tasks).map(|task| task.to_string()), commands).await;
}

/// One aggregate for each task, beside as many by hand on streams that stay short.
async fn one_for_each(scale: Scale, tasks: usize) -> Sides {
    let (database, store) = side().await;
    let accounts = Repository::<Account>::new(store);
    let mut by_hand = ByHand::new(&database, tasks, 1).await;
    let mut ours = Side::rate();
    for round in scale.rounds() {
        ours.add(round, &commands(round, &accounts, (tasks, |_, task, _| task.to_string()), 1).await);
        by_hand.round(round).await;
    }
    assert_each(&accounts, tasks, ours.operations).await;
    Sides::of(ours, by_hand.end().await)
}

/// The same beside a program that caches and collects as well.
async fn beside_owner(scale: Scale, tasks: usize) -> Sides {
    let (database, store) = side().await;
    let accounts = Repository::<Account>::new(store);
    let owner = Owner::new(raw_bytes::writer(raw::connect(database.url()).await));
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        sides.ours.add(round, &commands(round, &accounts, (tasks, |_, task, _| task.to_string()), 1).await);
        owner.commands(&mut sides.raw, round, tasks, |task| format!("account-{task}")).await;
    }
    assert_each(&accounts, tasks, sides.ours.operations).await;
    assert_eq!(rows_by_owner(&database).await, sides.raw.operations);
    sides
}

async fn rows_by_owner(database: &Database) -> u64 {
    raw::rows(&mut raw::connect(database.url()).await, "raw_bytes").await
}

/// How long the slowest of a hundred commands take, beside the one in the middle.
async fn tail(scale: Scale) -> Sides {
    const TASKS: usize = 32;
    let (_database, store) = side().await;
    let accounts = Repository::<Account>::new(store);
    let mut sides = Sides::of(Side::quantile(0.99), Side::quantile(0.5));
    for round in scale.rounds() {
        let done = commands(round, &accounts, (TASKS, |_, task, _| task.to_string()), 1).await;
        sides.ours.add(round, &done);
        sides.raw.add(round, &done);
    }
    assert_each(&accounts, TASKS, sides.ours.operations).await;
    sides
}
