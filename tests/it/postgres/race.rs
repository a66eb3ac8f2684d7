//! The race: appenders that hold their transactions open and roll them back by chance, readers that follow them, and
//! at the end nothing was skipped, nothing came twice, and each stream came in order.
//!
//! `EVENTSOURCE_LONG=1` lets it run for ten minutes instead of ten seconds. The wrong ways to do it are here as well,
//! and the same verdict finds them; each moment of `order.rs` is made by hand.

mod appenders;
mod dice;
mod readers;
mod verdict;
mod wrong;

use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::{Ordering, PgOptions, PgStore};
use eventsource_test_cluster::Database;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::watch;

use self::appenders::{APPENDERS, Course};
use self::readers::{Filter, Reader, Subscriber};
use self::verdict::{Faults, Row, judge};
use super::{database, patient, store_in};

const LONG: &str = "EVENTSOURCE_LONG";
const LONG_TIME: Duration = Duration::from_secs(600);
const TIME: Duration = Duration::from_secs(10);
/// For the ordering that does not need to be raced as hard, and for one round of what must be found wrong.
const SHORT_TIME: Duration = Duration::from_secs(2);
/// In which something wrong is found wrong: one or two, unless the machine is busy with other things.
const ROUNDS: usize = 20;

fn time() -> Duration {
    if std::env::var_os(LONG).is_some_and(|long| long != "0" && !long.is_empty()) { LONG_TIME } else { TIME }
}

/// A place to race in.
struct Track {
    database: Database,
    options: PgOptions,
}

/// What came of a race.
struct Outcome {
    table: Vec<Row>,
    course: Arc<Course>,
    /// Of each reader, by its name.
    faults: Vec<(&'static str, Faults)>,
}

impl Track {
    async fn new(ordering: Ordering) -> Self {
        let options = patient().ordering(ordering).connections(6).lock_timeout(Duration::from_millis(50));
        let track = Self { database: database().await, options };
        store_in(&track.database, track.options.clone()).await;
        track.run("CREATE TABLE unrelated (number int)").await;
        track
    }

    async fn store(&self, group_commit: bool) -> PgStore {
        let options = self.options.clone().group_commit(group_commit);
        PgStore::connect_with(self.database.url(), options).await.expect("connects")
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.expect("connects")
    }

    async fn run(&self, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        self.connect().await.execute(sql).await.expect("runs");
    }

    /// Races for some time, and lets the readers come to the end.
    async fn race(&self, time: Duration, readers: Vec<Reader>) -> Outcome {
        let (one, other) = (self.store(true).await, self.store(false).await);
        let mut connections = Vec::new();
        for _ in 0..=APPENDERS {
            connections.push(self.connect().await);
        }
        let (ended, end) = watch::channel(false);
        let readers: Vec<_> = readers.into_iter().map(|reader| reader.start(end.clone())).collect();
        let course = Course::start(time);
        let beside = connections.pop().map(|pg| tokio::spawn(appenders::unrelated(pg, course.clone())));
        let appenders = connections.into_iter().enumerate().map(|(number, pg)| {
            let store = if number % 2 == 0 { &one } else { &other };
            appenders::start(number, store.clone(), pg, course.clone())
        });
        for appender in appenders.chain(beside).collect::<Vec<_>>() {
            appender.await.expect("an appender ends well");
        }
        ended.send_replace(true);
        let mut got = Vec::new();
        for reader in readers {
            got.push(reader.await.expect("a reader ends well"));
        }
        let table = readers::table(&mut self.connect().await).await;
        let faults = got.into_iter().map(|(name, filter, rows)| (name, judge(&filter.of(&table), &rows))).collect();
        Outcome { table, course, faults }
    }

    /// Races until a reader of this name is at fault.
    async fn race_until_caught(&self, name: &str, readers: impl AsyncFn() -> Vec<Reader>) -> Faults {
        for _ in 0..ROUNDS {
            let outcome = self.race(SHORT_TIME, readers().await).await;
            if let Some((_, faults)) = outcome.faults.into_iter().find(|(of, faults)| *of == name && faults.any()) {
                return faults;
            }
        }
        panic!("{name} is wrong, and was not found out in {ROUNDS} rounds");
    }

    /// The three that read as everybody does, in different ways.
    async fn readers(&self) -> Vec<Reader> {
        vec![
            Subscriber::of(self.store(true).await).limit(50).reads("everything", Filter::All),
            Subscriber::of(self.store(true).await)
                .limit(7)
                .restarting(self.database.url(), &self.options)
                .reads("a category, with restarts", Filter::Hot),
            Subscriber::of(self.store(true).await).reads("a rare name", Filter::Rare),
        ]
    }
}

impl Outcome {
    fn check(&self, faultless: impl Fn(&str) -> bool) {
        let Self { table, course, faults } = self;
        assert_eq!(table.len(), course.stored(), "events in the table and stored as the appenders know: {course:?}");
        assert!(course.was_a_race(), "{course:?}");
        assert!(!judge(table, table).any(), "the table itself: {:?}", judge(table, table));
        for (name, faults) in faults {
            assert_eq!(faults.any(), !faultless(name), "{name}: {faults:?}, of {course:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_skips_an_event_or_gets_one_twice_or_out_of_order() {
    let track = Track::new(Ordering::Floor).await;
    let mut readers = track.readers().await;
    // It shows that there was something to skip.
    readers.push(wrong::naive(track.connect().await));
    track.race(time(), readers).await.check(|name| name != wrong::NAIVE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_serialized_ordering_no_reader_skips_an_event_or_gets_one_twice_or_out_of_order() {
    let track = Track::new(Ordering::Serialized).await;
    track.race(SHORT_TIME, track.readers().await).await.check(|_| true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_race_finds_out_a_watermark_that_is_read_in_one_statement_with_the_page() {
    let track = Track::new(Ordering::Floor).await;
    let readers = async || vec![wrong::one_statement(track.connect().await)];
    let faults = track.race_until_caught(wrong::ONE_STATEMENT, readers).await;
    assert!(faults.skipped > 0, "{faults:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_race_finds_out_appends_that_take_their_lock_after_their_numbers() {
    let track = Track::new(Ordering::Floor).await;
    track.run(wrong::LOCK_AFTER_DRAWING).await;
    let readers = async || vec![Subscriber::of(track.store(true).await).reads(wrong::LATE_LOCK, Filter::All)];
    let faults = track.race_until_caught(wrong::LATE_LOCK, readers).await;
    assert!(faults.skipped > 0, "{faults:?}");
}
