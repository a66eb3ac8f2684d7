//! What consumers cost beside their time: the memory of a view that is built from many events, and what a hundred
//! projections take while nothing happens.

use std::time::Duration;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource::sqlite::SqliteStore;
use eventsource::{Activity, BoxError, EventStore, Projection, Projections, Recorded, Statuses, ViewStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection, raw_sql};
use tokio::sync::oneshot;

use super::domain::Deposited;
use super::postgres::{large, raw, server};
use super::projections::Balance;
use super::scenario::Bound::AtMost;
use super::scenario::{Scale, Scenario};
use super::sides::{Side, Sides};
use super::{is_measuring, system};

/// `long`: with those that need five million events.
pub fn all(long: bool) -> Vec<Scenario> {
    let mut all = vec![
        Scenario::new("postgres/idle-connections@100", "connections", AtMost(1.0), "the limit", idle_connections),
        Scenario::new("postgres/idle-cpu@100", "% of a core", AtMost(1.0), "the limit", idle_cpu),
    ];
    if long {
        let beside = "the same behind the first of five million events";
        all.push(Scenario::new("sqlite/memory-of-a-view", "MB", AtMost(1.1), beside, memory_on_sqlite));
        all.push(Scenario::new("postgres/memory-of-a-view", "MB", AtMost(1.1), beside, memory_on_postgres));
    }
    all
}

const EVENTS: usize = 5_000_000;
const FIRST_PART: u64 = 1_000_000;

async fn memory_on_postgres(_: Scale) -> Sides {
    let (_database, store) = large::filled(EVENTS).await;
    memory(&store).await
}

async fn memory_on_sqlite(_: Scale) -> Sides {
    let folder = system::folder();
    let path = folder.path().join("ours.db");
    let store = SqliteStore::open(&path).await.expect("opens");
    let mut own = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.expect("connects");
    let fill = format!(
        "INSERT INTO events (stream, version, category, event_id, name, schema_version, encoding, data, \
                             occurred_at, recorded_at) \
         WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {EVENTS}) \
         SELECT 'account-old-' || (n / 200000) || '-' || (n % 10000), n % 200000 / 10000 + 1, 'account', \
                randomblob(16), 'account.deposited', 1, 0, \
                CAST('{{\"cents\":' || n || ',\"currency\":\"EUR\",\"reference\":\"standing order 00000001\",\
                     \"channel\":\"Online\"}}' AS BLOB), 1700000000000000, 1700000000000000 \
         FROM numbers"
    );
    raw_sql(AssertSqlSafe(fill)).execute(&mut own).await.expect("fills");
    own.close().await.expect("closes");
    let sides = memory(&store).await;
    store.close().await.expect("closes");
    sides
}

/// The greatest memory of this process while a view is built: behind the first part, and at the end.
async fn memory(store: &(impl ViewStore + Clone)) -> Sides {
    if !system::forget_peak_memory() {
        return Sides::unknown();
    }
    let running = Running::start(Projections::new(store).view::<Balance>());
    running.until(|statuses| statuses.all()[0].handled >= FIRST_PART).await;
    let first = system::peak_memory();
    running.until(are_live).await;
    assert_eq!(running.statuses.all()[0].handled, EVENTS as u64);
    let all = system::peak_memory();
    running.stop().await;
    match all.zip(first) {
        Some((all, first)) => Sides::of(Side::limit(all), Side::limit(first)),
        None => Sides::unknown(),
    }
}

/// For so long it is looked at what they take; in tests it is enough that they run.
fn looking() -> Duration {
    Duration::from_secs(if is_measuring() { 10 } else { 1 })
}

/// Connections: one that is shared, and one that listens.
const CONNECTIONS: f64 = 2.0;
/// Percent of a core.
const CPU: f64 = 1.0;

/// The most that there are at a time.
async fn idle_connections(_: Scale) -> Sides {
    let database = server::database().await;
    let idle = Idling::start(server::store(&database, idle_options()).await).await;
    let mut own = raw::connect(database.url()).await;
    let (began, mut most) = (std::time::Instant::now(), 0);
    while began.elapsed() < looking() {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        most = most.max(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut own).await.expect("counts"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    idle.stop().await;
    Sides::of(Side::limit(most as f64), Side::limit(CONNECTIONS))
}

async fn idle_cpu(_: Scale) -> Sides {
    let database = server::database().await;
    let idle = Idling::start(server::store(&database, idle_options()).await).await;
    let Some(before) = cpu_seconds() else { return Sides::unknown() };
    tokio::time::sleep(looking()).await;
    let took = cpu_seconds().unwrap_or(before) - before;
    idle.stop().await;
    Sides::of(Side::limit(100.0 * took / looking().as_secs_f64()), Side::limit(CPU))
}

/// Those of a start are gone soon.
fn idle_options() -> PgOptions {
    PgOptions::default().idle_timeout(Duration::from_secs(1))
}

/// A hundred projections that have nothing to do.
struct Idling(Running);

impl Idling {
    async fn start(store: PgStore) -> Self {
        let running = Running::start(a_hundred(&store));
        running.until(are_live).await;
        // Connections that only the start has needed are closed when somebody asks again.
        tokio::time::sleep(Duration::from_secs(if is_measuring() { 8 } else { 0 })).await;
        Self(running)
    }

    async fn stop(self) {
        self.0.stop().await;
    }
}

/// Projections in a task.
struct Running {
    statuses: Statuses,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), eventsource::StoreError>>,
}

impl Running {
    fn start<S: ViewStore + Clone>(projections: Projections<S>) -> Self {
        let (statuses, (stop, stopped)) = (projections.statuses(), oneshot::channel::<()>());
        let task = tokio::spawn(projections.run(async {
            let _ = stopped.await;
        }));
        Self { statuses, stop, task }
    }

    async fn until(&self, is_so: impl Fn(&Statuses) -> bool) {
        while !is_so(&self.statuses) {
            assert!(!self.task.is_finished(), "they have ended: {:?}", self.statuses.all());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.expect("does not panic").expect("runs");
    }
}

fn are_live(statuses: &Statuses) -> bool {
    statuses.all().iter().all(|status| status.activity == Activity::Live)
}

/// What this process has used of all cores, where the system tells.
fn cpu_seconds() -> Option<f64> {
    /// In each second; Linux shows no other number to programs.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the program's name: the state is the third field, time as a user the 14th, in the system the 15th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at - 3)?.parse::<f64>().ok();
    Some((ticks(14)? + ticks(15)?) / TICKS)
}

/// As many as there are numbers.
struct Idle<const N: u8>;

impl<const N: u8> Idle<N> {
    const LETTERS: [u8; 2] = [b'a' + N / 10, b'a' + N % 10];
}

impl<const N: u8> Projection<PgConnection> for Idle<N> {
    type Event = Deposited;
    const NAME: &'static str = match std::str::from_utf8(&Self::LETTERS) {
        Ok(name) => name,
        Err(_) => panic!("two letters are text"),
    };
    const VERSION: u32 = 1;

    async fn handle(&self, _: &[Recorded<Deposited>], _: &mut PgConnection) -> Result<(), BoxError> {
        Ok(())
    }
}

macro_rules! ten {
    ($to:expr, $tens:literal) => {
        ten!($to, $tens, 0 1 2 3 4 5 6 7 8 9)
    };
    ($to:expr, $tens:literal, $($ones:literal)+) => {
        $to$(.projection(Idle::<{ $tens * 10 + $ones }>))+
    };
}

fn a_hundred(store: &PgStore) -> Projections<PgStore> {
    let all = ten!(ten!(ten!(ten!(ten!(Projections::new(store), 0), 1), 2), 3), 4);
    ten!(ten!(ten!(ten!(ten!(all, 5), 6), 7), 8), 9)
}
