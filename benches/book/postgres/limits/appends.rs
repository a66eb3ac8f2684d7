//! One append or one command after the other, on as many connections as there are tasks.

use std::sync::Arc;

use eventsource::postgres::PgOptions;

use super::statements::Statements;
use super::{raw, raw_bytes, server};
use crate::book::postgres::command::LENGTH;
use crate::book::scenario::Bound::AtLeast;
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::Sides;
use crate::book::work::{APPENDS, COMMANDS};

pub fn all() -> Vec<Scenario> {
    const COMMAND: &str = "`SELECT` and `INSERT`; ours: the store's statements alone, on as many connections";
    const WARM: &str =
        "`SELECT` and `INSERT`, on one connection; ours: the store's statement that appends, and nothing else";
    const APPEND: &str = "an `INSERT` for each; ours: the store's statement alone, on as many connections";
    let limit = |name: &str, unit, bound, beside, (ours, raw), tasks| {
        let run = move |scale| on_connections(scale, tasks, ours, raw);
        Scenario::new(format!("postgres/limit-{name}@{tasks}"), unit, AtLeast(bound), beside, run)
    };
    let append = |tasks| limit("append-alone", APPENDS, 0.80, APPEND, (Work::Append, Work::Append), tasks);
    let command = |tasks| limit("command-1", COMMANDS, 1.0, COMMAND, (Work::Command, Work::Command), tasks);
    vec![
        append(8),
        append(32),
        command(1),
        command(8),
        limit("warm", COMMANDS, 1.4, WARM, (Work::Append, Work::Command), 1),
    ]
}

#[derive(Clone, Copy)]
enum Work {
    Append,
    Command,
}

async fn on_connections(scale: Scale, tasks: usize, ours: Work, raw: Work) -> Sides {
    let database = server::database().await;
    server::store(&database, PgOptions::default().listen(false)).await;
    raw::create_tables(database.url()).await;
    let connections = raw::connections(database.url(), tasks).await;
    let statements = Arc::new(Statements::new());
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let limit = sides.ours.on(round, &connections, |mut pg, task, mut laps| {
            let (statements, label) = (statements.clone(), format!("account-limit-{}-{task}", round.number));
            async move {
                for n in laps.by_ref() {
                    let (stream, mut before) = (format!("{label}-{}", n / LENGTH), n % LENGTH);
                    if let Work::Command = ours {
                        let (account, version) = statements.load(&mut pg, &stream).await;
                        std::hint::black_box(account.cents);
                        before = version as u64;
                    }
                    statements.append(&mut pg, &stream, before, n).await;
                }
                laps
            }
        });
        limit.await;
        let by_hand = sides.raw.on(round, &connections, |mut pg, task, mut laps| {
            let label = format!("account-{}-{task}", round.number);
            async move {
                for n in laps.by_ref() {
                    let stream = format!("{label}-{}", n / LENGTH);
                    match raw {
                        Work::Append => raw_bytes::insert(&mut pg, &stream, n % LENGTH, 1).await,
                        Work::Command => raw::command(&mut pg, &stream, n, 1).await,
                    }
                }
                laps
            }
        });
        by_hand.await;
    }
    sides
}
