//! Commands: load, decide, append, with nothing cached.

use std::time::Duration;

use eventsource::Repository;
use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::{Database, Proxy};

use super::{raw, server};
use crate::domain::{Account, AccountEvent, nth};
use crate::measure::{Bound, Rounds, Scale, Scenario, rate};
use crate::scenarios::joined;

pub fn all() -> Vec<Scenario> {
    let scenario =
        |name, tasks, bound, run| Scenario { name, store: "postgres", tasks, unit: "commands/s", bound, run };
    vec![
        scenario("command", 1, Bound::RateAtLeast(1.0), |scale| Box::pin(commands(scale, 1, 1, &[1]))),
        scenario("command", 8, Bound::RateAtLeast(1.0), |scale| Box::pin(commands(scale, 8, 1, &[8]))),
        scenario("command", 32, Bound::RateAtLeast(1.3), |scale| Box::pin(commands(scale, 32, 1, &[32]))),
        scenario("command", 256, Bound::RateAtLeast(1.6), |scale| Box::pin(commands(scale, 256, 1, &[8, 16, 32]))),
        scenario("command-of-10", 32, Bound::RateAtLeast(1.2), |scale| Box::pin(commands(scale, 32, 10, &[32]))),
        Scenario {
            name: "command-far-away",
            store: "postgres",
            tasks: 1,
            unit: "ms, raw is two round trips",
            // Two round trips of 1 ms each, and one more millisecond, against two round trips.
            bound: Bound::AtMostPlus(1.0),
            run: |scale| Box::pin(far_away(scale)),
        },
    ]
}

/// Commands to a stream before the next stream is taken: it stays as short as most are.
pub(super) const LENGTH: usize = 10;

pub(super) async fn side(connections: u32) -> (Database, Repository<Account>) {
    let database = server::database().await;
    raw::create_tables(database.url()).await;
    let options = PgOptions::default().connections(connections).listen(false);
    let store = server::store(&database, options).await;
    (database, Repository::new(store))
}

async fn commands(scale: &Scale, tasks: usize, events: u64, raw_tasks: &[usize]) -> Rounds {
    let (database, accounts) = side(8).await;
    let ours = |round, task, n| format!("{round}-{task}-{}", n / LENGTH);
    beside(scale, &database, &accounts.without_cache(), (tasks, ours), events, raw_tasks).await
}

/// Ours, whose streams `id` names by round, task and number, beside commands by hand.
pub(super) async fn beside(
    scale: &Scale,
    database: &Database,
    accounts: &Repository<Account>,
    (tasks, id): (usize, impl Fn(usize, usize, usize) -> String + Copy + Send + 'static),
    events: u64,
    raw_tasks: &[usize],
) -> Rounds {
    let total = if events == 1 { scale.appends * 2 } else { scale.appends / 2 };
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        let each = total / tasks;
        let ours = (0..tasks).map(|task| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                for n in 0..each {
                    execute(&accounts, &id(round, task, n), n as u64, events).await;
                }
            })
        });
        rounds.ours.push(rate(tasks * each, joined(ours.collect())).await);
        let mut best = 0.0_f64;
        for tasks in raw_tasks {
            let each = total / tasks;
            let mut connections = Vec::new();
            for _ in 0..*tasks {
                connections.push(raw::connect(database.url()).await);
            }
            let raw = connections.into_iter().enumerate().map(|(task, mut pg)| {
                let tasks = *tasks;
                tokio::spawn(async move {
                    for n in 0..each {
                        let stream = format!("account-{tasks}-{round}-{task}-{}", n / LENGTH);
                        raw::command(&mut pg, &stream, n as u64, events).await;
                    }
                })
            });
            best = best.max(rate(tasks * each, joined(raw.collect())).await);
        }
        rounds.raw.push(best);
    }
    rounds
}

pub(super) async fn execute(accounts: &Repository<Account>, id: &str, n: u64, events: u64) {
    let decide = |_: &Account| -> Vec<AccountEvent> { (0..events).map(|offset| nth(n + offset)).collect() };
    accounts.execute(id, decide).await.expect("the command is stored");
}

/// The median time of a command when each round trip takes a millisecond more, against two bare round trips.
async fn far_away(scale: &Scale) -> Rounds {
    let database = server::database().await;
    server::store(&database, PgOptions::default()).await;
    let proxy = Proxy::start(database.address().expect("an address")).expect("a proxy");
    let url = proxy.url(database.url()).expect("a url");
    let store = PgStore::connect_with(&url, PgOptions::default().listen(false)).await.expect("connects");
    let accounts = Repository::<Account>::new(store).without_cache();
    let mut pg = raw::connect(&url).await;
    execute(&accounts, "warm", 0, 1).await;
    proxy.set_delay(Duration::from_micros(500));
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        let mut ours = Vec::new();
        let mut raw = Vec::new();
        for n in 0..100 {
            let start = std::time::Instant::now();
            execute(&accounts, &format!("{round}"), n, 1).await;
            ours.push(start.elapsed().as_secs_f64() * 1e3);
            let start = std::time::Instant::now();
            for _ in 0..2 {
                sqlx::query("SELECT 1").execute(&mut pg).await.expect("a round trip");
            }
            raw.push(start.elapsed().as_secs_f64() * 1e3);
        }
        for (mut times, figures) in [(ours, &mut rounds.ours), (raw, &mut rounds.raw)] {
            times.sort_by(f64::total_cmp);
            figures.push(times[times.len() / 2]);
        }
    }
    rounds
}
