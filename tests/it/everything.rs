//! Everything on: random commands from many tasks of two processes, with group commit, caches, command keys, snapshots, old and
//! split events, appends in transactions of the user's, an inline view, a projected one, a subscriber and a process manager, while
//! processes and the server are killed or stand still. At the end everything is as if the acknowledged commands had been done one after the other.
//!
//! What is done follows from a seed, which a failure names: `EVENTSOURCE_SEED=…` does the same again, as far as nobody's turn
//! depends on the machine. `EVENTSOURCE_LONG=1` goes on with other seeds for some minutes.

mod again;
mod domain;
mod follower;
mod journal;
mod judge;
mod log;
mod model;
mod order;
mod plan;
mod process;
mod user;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, InlineStore};
use eventsource_test_cluster::{Cluster, Database};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::block_in_place;

use self::follower::Follower;
use self::journal::Journal;
use self::log::Log;
use self::plan::{Hit, Plan, WORKERS};
use self::process::Process;
use self::worker::{Kind, LEASE, PATIENCE, Work};
use crate::postgres::{patient, store_in};

const LONG: &str = "EVENTSOURCE_LONG";
const LONG_TIME: Duration = Duration::from_secs(180);
const SEED: &str = "EVENTSOURCE_SEED";
const LOOK_EVERY: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_everything_on_the_memory_store_is_as_if_commands_came_one_after_the_other() {
    each_seed(async |seed| round(seed, &Kind::Memory(MemoryStore::new()), None).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_everything_on_sqlite_is_as_if_commands_came_one_after_the_other() {
    each_seed(async |seed| {
        let folder = tempfile::tempdir().unwrap();
        round(seed, &Kind::Sqlite(folder.path().join("everything.db")), None).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_everything_on_postgres_is_as_if_commands_came_one_after_the_other() {
    let cluster = Cluster::builder().start().unwrap();
    each_seed(async |seed| {
        let database = Database::create_on(&cluster).await.unwrap();
        drop(store_in(&database, patient()).await);
        shell(database.url()).await.execute(user::CREATE_RECEIPTS).await.unwrap();
        round(seed, &Kind::Postgres(database.url().to_owned()), Some(&cluster)).await;
    })
    .await;
}

async fn each_seed(round: impl AsyncFn(u64)) {
    if let Ok(seed) = std::env::var(SEED) {
        return round(seed.parse().expect("a number")).await;
    }
    let is_long = std::env::var_os(LONG).is_some_and(|long| long != "0" && !long.is_empty());
    let began = Instant::now();
    loop {
        round(uuid::Uuid::now_v7().as_u64_pair().1 >> 32).await;
        if !is_long || began.elapsed() > LONG_TIME {
            return;
        }
    }
}

/// Says how to do the same again, where it fails.
struct Told {
    seed: u64,
    journal: PathBuf,
}

impl Drop for Told {
    #[expect(clippy::print_stderr, reason = "a test that has failed must say how to repeat it")]
    fn drop(&mut self) {
        match std::thread::panicking() {
            true => eprintln!("{SEED}={} does it again; what was said is in {}", self.seed, self.journal.display()),
            false => drop(std::fs::remove_file(&self.journal)),
        }
    }
}

async fn round(seed: u64, kind: &Kind, cluster: Option<&Cluster>) {
    match kind {
        Kind::Memory(store) => go(seed, kind, cluster, store).await,
        Kind::Sqlite(path) => {
            let store = SqliteStore::open(path).await.unwrap();
            go(seed, kind, cluster, &store).await;
            assert!(store.verify().await.unwrap().is_sound());
            store.close().await.unwrap();
        }
        Kind::Postgres(url) => {
            let store = PgStore::connect_with(url, patient()).await.unwrap();
            go(seed, kind, cluster, &store).await;
            store.close().await.unwrap();
        }
    }
}

/// Lets the workers work, hits them, lets everything come to rest, and judges it.
async fn go<S: InlineStore + Clone>(seed: u64, kind: &Kind, cluster: Option<&Cluster>, store: &S) {
    let plan = Plan { seed };
    let (_, path) = tempfile::Builder::new().prefix("eventsource-journal").tempfile().unwrap().keep().unwrap();
    let _told = Told { seed, journal: path.clone() };
    let journal = Arc::new(Journal::open(&path));
    let work = |number| Work { plan, number, journal: journal.clone() };
    let follower = Follower::start(store);
    let mut processes: Vec<_> = (0..WORKERS).map(|number| Process::start(&work(number), kind)).collect();
    let mut length = 0;
    for blow in plan.blows() {
        length += blow.after;
        let comes = || journal.length() >= length || journal.all_done(WORKERS);
        until("the workers come further", &mut processes, async || comes()).await;
        match (blow.hits, cluster) {
            (Hit::Worker(number), _) => {
                let process = &mut processes[number as usize];
                process.kill();
                *process = Process::start(&work(number), kind);
            }
            (Hit::Server, Some(cluster)) => {
                block_in_place(|| cluster.stop_immediate()).unwrap();
                block_in_place(|| cluster.start()).unwrap();
            }
            (Hit::Server, None) => {}
            (Hit::Pause(number), _) => processes[number as usize].pause(LEASE + LEASE / 4).await,
        }
    }
    until("the workers are done", &mut processes, async || journal.all_done(WORKERS)).await;
    let settled = async || Log::is_settled(store).await;
    until("all transfers are over, and the view has everything", &mut processes, settled).await;
    for process in &mut processes {
        process.stop().await;
    }
    let log = Log::read(store).await;
    until("the subscriber has everything", &mut [], async || follower.is_at_the_end_of(&log)).await;
    follower.check(&log);
    let receipts = match kind {
        Kind::Postgres(url) => Some(receipts(url).await),
        _ => None,
    };
    judge::judge(store, plan, &journal, receipts).await;
}

async fn receipts(url: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT tag FROM receipts ORDER BY tag").fetch_all(&mut shell(url).await).await.unwrap()
}

async fn shell(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

async fn until(what: &str, processes: &mut [Process], mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        processes.iter_mut().for_each(Process::check);
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
