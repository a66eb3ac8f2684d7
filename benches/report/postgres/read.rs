//! Loads and replays.

use eventsource::postgres::{PgOptions, PgStore};
use eventsource::{EventStore, Position, RawEvent, Read, Repository, Version};
use eventsource_test_cluster::Database;

use super::{raw, server};
use crate::domain::Account;
use crate::measure::{Bound, Rounds, Scale, Scenario, micros_each, rate};
use crate::scenarios::{count_typed, fill};

pub fn all() -> Vec<Scenario> {
    let load = |name, bound, run| Scenario { name, store: "postgres", tasks: 1, unit: "µs", bound, run };
    let replay = |name, bound, run| Scenario { name, store: "postgres", tasks: 1, unit: "events/s", bound, run };
    vec![
        load("load-100-undecoded", Bound::TimeAtMost(1.45), |scale| Box::pin(load_undecoded(scale, 100))),
        load("load-1000-undecoded", Bound::TimeAtMost(2.2), |scale| Box::pin(load_undecoded(scale, 1_000))),
        load("load-100-by-hand", Bound::TimesFaster(1.05), |scale| Box::pin(load_by_hand(scale, 100))),
        load("load-1000-by-hand", Bound::TimesFaster(1.35), |scale| Box::pin(load_by_hand(scale, 1_000))),
        load("load-snapshot-and-10", Bound::TimeAtMost(1.4), |scale| Box::pin(load_snapshot(scale))),
        replay("replay-untyped", Bound::RateAtLeast(0.85), |scale| Box::pin(replay_untyped(scale))),
        replay("replay", Bound::RateAtLeast(1.0), |scale| Box::pin(replay_typed(scale))),
    ]
}

const STREAMS: usize = 20;

pub async fn side(events: usize, length: usize) -> (Database, PgStore) {
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    fill(&store, events, length).await;
    raw::create_tables(database.url()).await;
    let mut pg = raw::connect(database.url()).await;
    raw::fill_json(&mut pg, events, length).await;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&mut pg).await.expect("vacuums");
    (database, store)
}

async fn loads(accounts: &Repository<Account>, count: usize, length: usize) {
    for n in 0..count {
        let account = accounts.load(&(n % STREAMS).to_string()).await.expect("loads");
        assert_eq!(account.version, Version(length as u64));
    }
}

async fn load_undecoded(scale: &Scale, length: usize) -> Rounds {
    let (database, store) = side(STREAMS * length, length).await;
    let accounts = Repository::<Account>::new(store);
    let mut pg = raw::connect(database.url()).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        rounds.ours.push(micros_each(scale.loads, loads(&accounts, scale.loads, length)).await);
        let raw = async {
            for n in 0..scale.loads {
                assert_eq!(raw::fetch_undecoded(&mut pg, &format!("account-{}", n % STREAMS)).await, length);
            }
        };
        rounds.raw.push(micros_each(scale.loads, raw).await);
    }
    rounds
}

async fn load_by_hand(scale: &Scale, length: usize) -> Rounds {
    let (database, store) = side(STREAMS * length, length).await;
    let accounts = Repository::<Account>::new(store);
    let mut pg = raw::connect(database.url()).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        rounds.ours.push(micros_each(scale.loads, loads(&accounts, scale.loads, length)).await);
        let raw = async {
            for n in 0..scale.loads {
                let (account, version) = raw::load(&mut pg, &format!("account-{}", n % STREAMS)).await;
                assert_eq!(version, length as i64);
                std::hint::black_box(account);
            }
        };
        rounds.raw.push(micros_each(scale.loads, raw).await);
    }
    rounds
}

/// A snapshot and ten events behind it, beside a statement that asks for nothing.
async fn load_snapshot(scale: &Scale) -> Rounds {
    use crate::domain::snapshots::{Saved, prepare};
    let database = server::database().await;
    let store = server::store(&database, PgOptions::default().listen(false)).await;
    prepare(&store).await;
    let accounts = Repository::<Saved>::new(store);
    let mut pg = raw::connect(database.url()).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            for _ in 0..scale.loads {
                assert_eq!(accounts.load("0").await.expect("loads").version, Version(1_000));
            }
        };
        rounds.ours.push(micros_each(scale.loads, ours).await);
        rounds.raw.push(micros_each(scale.loads, raw::nothing(&mut pg, scale.loads)).await);
    }
    rounds
}

/// Pages of a thousand, their bytes touched and not decoded, beside `COPY` in binary form.
async fn replay_untyped(scale: &Scale) -> Rounds {
    let (database, store) = side(scale.replayed, 100).await;
    let mut pg = raw::connect(database.url()).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            let (mut after, mut count) = (Position(0), 0);
            loop {
                let read = Read::all().after(after).limit(1_000);
                let mut each = |event: &RawEvent<'_>| {
                    std::hint::black_box(event);
                    count += 1;
                    Ok(())
                };
                let page = store.read(&read, &mut each).await.expect("reads");
                after = page.next.position;
                if page.at_end {
                    break;
                }
            }
            assert_eq!(count, scale.replayed);
        };
        rounds.ours.push(rate(scale.replayed, ours).await);
        let raw = async {
            assert_eq!(raw::copy_out(&mut pg).await, scale.replayed);
        };
        rounds.raw.push(rate(scale.replayed, raw).await);
    }
    rounds
}

/// Typed events, beside the rows of one statement with `jsonb` payloads that nobody decodes.
async fn replay_typed(scale: &Scale) -> Rounds {
    let (database, store) = side(scale.replayed, 100).await;
    let mut pg = raw::connect(database.url()).await;
    let mut rounds = Rounds::default();
    for _ in 0..scale.rounds {
        let ours = async {
            assert_eq!(count_typed(&store).await, scale.replayed);
        };
        rounds.ours.push(rate(scale.replayed, ours).await);
        let raw = async {
            assert_eq!(raw::stream_json(&mut pg).await, scale.replayed);
        };
        rounds.raw.push(rate(scale.replayed, raw).await);
    }
    rounds
}
