//! What waits together, by the store's statement: batch after batch by a task that does nothing else.

use std::sync::Arc;

use eventsource::postgres::PgOptions;
use sqlx::PgConnection;

use super::statements::Statements;
use super::{raw, raw_bytes, server};
use crate::book::by_hand::RawRow;
use crate::book::owner::{self, Owner};
use crate::book::postgres::command::{ByHand, LENGTH};
use crate::book::scenario::Bound::AtLeast;
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::{Side, Sides};
use crate::book::work::COMMANDS;

pub fn all() -> Vec<Scenario> {
    const OWNER: &str =
        "a map of states, and a task that writes what waits by one `INSERT`; ours: the same with the store's statement";
    const COMMAND: &str = "`SELECT` and `INSERT`, on as many connections; ours: loads by the store's statement on as many, \
                           and a task that appends what waits by the store's statement";
    let warm = |tasks: usize| {
        let name = format!("postgres/limit-warm-batched@{tasks}");
        Scenario::new(name, COMMANDS, AtLeast(0.75), OWNER, move |scale| warm_batched(scale, tasks))
    };
    vec![
        warm(32),
        warm(256),
        Scenario::new("postgres/limit-command-10@32", COMMANDS, AtLeast(1.2), COMMAND, |scale| commands(scale, 32, 10)),
    ]
}

/// By the same task, with three statements: the store's, the raw one, and the raw one into the store's table.
async fn warm_batched(scale: Scale, tasks: usize) -> Sides {
    let database = server::database().await;
    server::store(&database, PgOptions::default().listen(false)).await;
    raw::create_tables(database.url()).await;
    let statements = Arc::new(Statements::new());
    let ours = Owner::new(owner::writer(raw::connect(database.url()).await, move |mut pg, appends| {
        let statements = statements.clone();
        async move {
            statements.append_each(&mut pg, appends.into_iter().flatten().collect()).await;
            pg
        }
    }));
    let by_hand = Owner::new(raw_bytes::writer(raw::connect(database.url()).await));
    let unchecked = async |mut pg: PgConnection, appends: Vec<Vec<RawRow>>| {
        raw_bytes::insert_each(&mut pg, appends.into_iter().flatten().collect()).await;
        pg
    };
    let without_checks = Owner::new(owner::writer(raw::connect(database.url()).await, unchecked));
    let (mut sides, mut unchecked) = (Sides::rates(), Side::rate());
    for round in scale.rounds() {
        ours.commands(&mut sides.ours, round, tasks, |task| format!("account-limit-{task}")).await;
        by_hand.commands(&mut sides.raw, round, tasks, |task| format!("account-{task}")).await;
        without_checks.commands(&mut unchecked, round, tasks, |task| format!("account-unchecked-{task}")).await;
    }
    sides.others.push(("the raw `INSERT` into the store's table", unchecked));
    sides
}

/// Each task loads on a connection of its own.
async fn commands(scale: Scale, tasks: usize, events: u64) -> Sides {
    let database = server::database().await;
    server::store(&database, PgOptions::default().listen(false)).await;
    raw::create_tables(database.url()).await;
    let connections = raw::connections(database.url(), tasks).await;
    let statements = Arc::new(Statements::new());
    let appending = statements.clone();
    let writer = owner::writer(raw::connect(database.url()).await, move |mut pg, appends| {
        let statements = appending.clone();
        async move {
            statements.append_batch(&mut pg, appends).await;
            pg
        }
    });
    let mut by_hand = ByHand::new(&database, tasks, events).await;
    let mut ours = Side::rate();
    for round in scale.rounds() {
        let limit = ours.on(round, &connections, |mut pg, task, mut laps| {
            let (statements, writer) = (statements.clone(), writer.clone());
            let label = format!("account-limit-{}-{task}", round.number);
            async move {
                for n in laps.by_ref() {
                    let stream = format!("{label}-{}", n / LENGTH);
                    let (account, version) = statements.load(&mut pg, &stream).await;
                    std::hint::black_box(account.cents);
                    owner::append(&writer, RawRow::several(&stream, version as u64, events)).await;
                }
                laps
            }
        });
        limit.await;
        by_hand.round(round).await;
    }
    Sides::of(ours, by_hand.end().await)
}
