//! Those who append: through the store, and in transactions of their own that they hold open or roll back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{AppendOutcome, AppendRequest, EventStore, ExpectedVersion, NewEvent, StreamId};
use sqlx::{Executor, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::dice::Dice;

pub(super) const APPENDERS: usize = 12;
/// Of these, the first append through the store alone.
const BY_THE_STORE: usize = 5;
pub(super) const HOT: &str = "hot";
const HOT_STREAMS: u64 = 4;
const OWN: &str = "own";
pub(super) const RARE: &str = "race.rare";
const COMMON: &str = "race.common";
const LONG: Duration = Duration::from_millis(300);

/// Less than that was no race.
const STORED_AT_LEAST: usize = 100;
const ROLLED_BACK_AT_LEAST: usize = 10;
/// For a machine that is busy with other things.
const EXTRA_TIME: Duration = Duration::from_secs(60);

/// Until when there are appends, and what became of them.
#[derive(Debug)]
pub(super) struct Course {
    deadline: Instant,
    /// Events.
    stored: AtomicUsize,
    /// Transactions.
    rolled_back: AtomicUsize,
    /// Appends that lost a race too often, or waited too long for a lock.
    gave_up: AtomicUsize,
}

impl Course {
    pub(super) fn start(time: Duration) -> Arc<Self> {
        let [stored, rolled_back, gave_up] = [const { AtomicUsize::new(0) }; 3];
        Arc::new(Self { deadline: Instant::now() + time, stored, rolled_back, gave_up })
    }

    fn is_over(&self) -> bool {
        let now = Instant::now();
        now >= self.deadline && (self.was_a_race() || now >= self.deadline + EXTRA_TIME)
    }

    pub(super) fn was_a_race(&self) -> bool {
        self.stored() >= STORED_AT_LEAST && self.rolled_back.load(Relaxed) >= ROLLED_BACK_AT_LEAST
    }

    pub(super) fn stored(&self) -> usize {
        self.stored.load(Relaxed)
    }
}

pub(super) fn start(number: usize, store: PgStore, pg: PgConnection, course: Arc<Course>) -> JoinHandle<()> {
    let appender = Appender { number, store, dice: Dice::new(number), course };
    if number < BY_THE_STORE { tokio::spawn(appender.by_the_store()) } else { tokio::spawn(appender.by_hand(pg)) }
}

/// Long transactions that have nothing to do with the store.
pub(super) async fn unrelated(mut pg: PgConnection, course: Arc<Course>) {
    while !course.is_over() {
        pg.execute("BEGIN").await.expect("begins");
        pg.execute("INSERT INTO unrelated VALUES (0)").await.expect("inserts");
        sleep(LONG).await;
        pg.execute("COMMIT").await.expect("commits");
    }
}

struct Appender {
    number: usize,
    store: PgStore,
    dice: Dice,
    course: Arc<Course>,
}

impl Appender {
    fn request(&mut self) -> AppendRequest {
        let own = StreamId::new(OWN, &self.number.to_string()).expect("a stream");
        let hot = StreamId::new(HOT, &self.dice.roll(HOT_STREAMS).to_string()).expect("a stream");
        let request = AppendRequest::default();
        match self.dice.roll(10) {
            0 => request.and(hot, ExpectedVersion::Any, self.events()).and(own, ExpectedVersion::Any, self.events()),
            1..5 => request.and(hot, ExpectedVersion::Any, self.events()),
            _ => request.and(own, ExpectedVersion::Any, self.events()),
        }
    }

    fn events(&mut self) -> Vec<NewEvent> {
        let count = if self.dice.percent(70) { 1 } else { 1 + self.dice.roll(4) };
        let mut event = || {
            let name = if self.dice.percent(10) { RARE } else { COMMON };
            NewEvent::new(name, 1, b"{}".to_vec())
        };
        (0..count).map(|_| event()).collect()
    }

    fn note_stored(&self, events: usize) {
        self.course.stored.fetch_add(events, Relaxed);
    }

    async fn by_the_store(mut self) {
        while !self.course.is_over() {
            let request = Arc::new(self.request());
            match self.store.append(request.clone()).await {
                Ok(AppendOutcome::Stored(_)) => self.note_stored(request.event_count()),
                Ok(other) => panic!("an append to any version is {other:?}"),
                Err(error) => {
                    assert!(error.is_transient(), "{error:?}");
                    self.course.gave_up.fetch_add(1, Relaxed);
                }
            }
            self.dice.pause(5).await;
        }
    }

    async fn by_hand(mut self, mut pg: PgConnection) {
        while !self.course.is_over() {
            pg.execute("BEGIN").await.expect("begins");
            let stored = self.transaction(&mut pg).await;
            self.course.gave_up.fetch_add(usize::from(stored.is_none()), Relaxed);
            match stored {
                Some(stored) if !self.dice.percent(30) => {
                    pg.execute("COMMIT").await.expect("commits");
                    self.note_stored(stored);
                    if self.dice.percent(50) {
                        self.store.wake();
                    }
                }
                _ => {
                    pg.execute("ROLLBACK").await.expect("rolls back");
                    self.course.rolled_back.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Answers how many events would be stored; none if one could not be.
    async fn transaction(&mut self, pg: &mut PgConnection) -> Option<usize> {
        if self.dice.percent(30) {
            // It gets its id now.
            pg.execute("INSERT INTO unrelated VALUES (1)").await.expect("inserts");
            self.dice.pause(10).await;
        }
        if self.dice.percent(20) {
            pg.execute("SAVEPOINT before_append").await.expect("marks");
            self.append_in(pg).await?;
            self.dice.pause(3).await;
            pg.execute("ROLLBACK TO before_append").await.expect("rolls back");
            self.dice.pause(3).await;
        }
        let mut stored = self.append_in(pg).await?;
        let hold = if self.dice.percent(40) { 40 } else { 2 };
        self.dice.pause(hold).await;
        if self.dice.percent(20) {
            stored += self.append_in(pg).await?;
            self.dice.pause(5).await;
        }
        Some(stored)
    }

    async fn append_in(&mut self, pg: &mut PgConnection) -> Option<usize> {
        let request = self.request();
        match self.store.append_in(pg, &request).await {
            Ok(AppendOutcome::Stored(_)) => Some(request.event_count()),
            Ok(other) => panic!("an append to any version is {other:?}"),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                None
            }
        }
    }
}
