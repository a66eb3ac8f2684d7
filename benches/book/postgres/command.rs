//! Commands with nothing cached: load, decide, append.

use std::time::{Duration, Instant};

use eventsource::Repository;
use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::{Database, Proxy};

use super::{BEST_OF, raw, server};
use crate::book::domain::Account;
use crate::book::scenario::Bound::{self, AtLeast, AtMost};
use crate::book::scenario::{Round, Scale, Scenario};
use crate::book::sides::{Connections, Side, Sides, best};
use crate::book::work::{COMMANDS, commands, count_typed, execute};
use sqlx::PgConnection;

pub fn all() -> Vec<Scenario> {
    vec![
        command(1, 1, AtLeast(1.0)),
        command(1, 8, AtLeast(1.0)),
        command(1, 32, AtLeast(1.3)),
        command(1, 256, AtLeast(1.6)),
        command(10, 32, AtLeast(1.2)),
        Scenario::new(
            "postgres/command-far-away",
            "ms",
            AtMost(1.0),
            "two round trips of 1 ms each, measured, and 1 ms more",
            far_away,
        ),
    ]
}

fn command(events: u64, tasks: usize, bound: Bound) -> Scenario {
    let name = format!("postgres/command-{events}@{tasks}");
    Scenario::new(name, COMMANDS, bound, by_hand_on(tasks), move |scale| cold(scale, tasks, events)).counted()
}

/// What commands are held against.
pub(super) fn by_hand_on(tasks: usize) -> &'static str {
    match tasks {
        1 => "`SELECT` and `INSERT`, on one connection",
        256 => "`SELECT` and `INSERT`, on the best of 8, 16 and 32 connections",
        _ => "`SELECT` and `INSERT`, on as many connections",
    }
}

/// Commands to a stream before the next stream is taken: it stays as short as most are.
pub(super) const LENGTH: u64 = 10;

pub(super) async fn side() -> (Database, PgStore) {
    let database = server::database().await;
    raw::create_tables(database.url()).await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    (database, store)
}

/// Commands by hand, on one or several numbers of connections.
pub(super) struct ByHand {
    connections: Connections<PgConnection>,
    counts: Vec<usize>,
    sides: Vec<Side>,
    events: u64,
}

impl ByHand {
    pub(super) async fn new(database: &Database, tasks: usize, events: u64) -> Self {
        let counts = if tasks == 256 { BEST_OF.to_vec() } else { vec![tasks] };
        let connections = raw::connections(database.url(), counts[counts.len() - 1]).await;
        let sides = counts.iter().map(|_| Side::rate()).collect();
        Self { connections, counts, sides, events }
    }

    pub(super) async fn round(&mut self, round: Round) {
        let events = self.events;
        for (side, count) in self.sides.iter_mut().zip(&self.counts) {
            let by_hand = side.on(round, &self.connections[..*count], |mut pg, task, mut laps| {
                let label = format!("account-{count}-{}-{task}", round.number);
                async move {
                    for n in laps.by_ref() {
                        raw::command(&mut pg, &format!("{label}-{}", n / LENGTH), n, events).await;
                    }
                    laps
                }
            });
            by_hand.await;
        }
    }

    /// The best of them, all of whose commands are stored.
    pub(super) async fn end(self) -> Side {
        let stored = raw::rows(&mut *self.connections[0].lock().await, "raw_json").await;
        assert_eq!(stored, self.events * self.sides.iter().map(|side| side.operations).sum::<u64>());
        best(self.sides)
    }
}

async fn cold(scale: Scale, tasks: usize, events: u64) -> Sides {
    let (database, store) = side().await;
    let accounts = Repository::<Account>::new(store.clone()).without_cache();
    let mut by_hand = ByHand::new(&database, tasks, events).await;
    let mut ours = Side::rate();
    for round in scale.rounds() {
        let id = |round, task, n| format!("{round}-{task}-{}", n / LENGTH);
        ours.add(round, &commands(round, &accounts, (tasks, id), events).await);
        by_hand.round(round).await;
    }
    assert_eq!(count_typed(&store).await as u64, ours.operations * events);
    Sides::of(ours, by_hand.end().await)
}

/// The median time of a command when each round trip takes a millisecond more.
async fn far_away(scale: Scale) -> Sides {
    const MORE: f64 = 1.0;
    let database = server::database().await;
    server::store(&database, PgOptions::default()).await;
    let proxy = Proxy::start(database.address().expect("an address")).expect("a proxy");
    let url = proxy.url(database.url()).expect("a url");
    let store = PgStore::connect_with(&url, PgOptions::default().listen(false)).await.expect("connects");
    let accounts = Repository::<Account>::new(store).without_cache();
    let mut pg = raw::connect(&url).await;
    execute(&accounts, "warm", 0, 1).await;
    proxy.set_delay(Duration::from_micros(500));
    let mut sides = Sides::of(Side::quantile(0.5), Side::rate());
    for round in scale.rounds() {
        let id = |round, _, n| format!("{round}-{}", n / LENGTH);
        sides.ours.add(round, &commands(round, &accounts, (1, id), 1).await);
        let start = Instant::now();
        let mut times = 0;
        while times == 0 || start.elapsed() < round.length {
            raw::nothing(&mut pg, 2).await;
            times += 1;
        }
        sides.raw.push(round, start.elapsed().as_secs_f64() * 1e3 / f64::from(times) + MORE);
    }
    sides
}
