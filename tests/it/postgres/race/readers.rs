//! Those who read, each to the end.

use std::time::Duration;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource::{Cursor, EventStore, RawEvent, Read};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _, query};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::appenders::{HOT, RARE};
use super::dice::Dice;
use super::verdict::Row;

/// A look at whether the race has ended, while nothing comes.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Between the pages of one that asks again and again.
const PAUSE: Duration = Duration::from_millis(1);
/// Of a hundred pages.
const RESTARTS: u64 = 5;

/// What a reader asks for.
#[derive(Clone, Copy)]
pub(super) enum Filter {
    All,
    Hot,
    Rare,
}

impl Filter {
    fn read(self) -> Read {
        match self {
            Self::All => Read::all(),
            Self::Hot => Read::category(HOT),
            Self::Rare => Read::all().names([RARE]),
        }
    }

    /// What should have come of it.
    pub(super) fn of(self, table: &[Row]) -> Vec<Row> {
        let fits = |row: &&Row| match self {
            Self::All => true,
            Self::Hot => row.stream.starts_with("hot-"),
            Self::Rare => row.name == RARE,
        };
        table.iter().filter(fits).cloned().collect()
    }
}

/// What the readers are told when every append has ended.
pub(super) type End = watch::Receiver<bool>;

type Follow = Box<dyn FnOnce(End) -> BoxFuture<'static, Vec<Row>> + Send>;

/// One that is about to start.
pub(super) struct Reader {
    name: &'static str,
    filter: Filter,
    follow: Follow,
}

impl Reader {
    pub(super) fn new<F: Future<Output = Vec<Row>> + Send + 'static>(
        name: &'static str,
        filter: Filter,
        follow: impl FnOnce(End) -> F + Send + 'static,
    ) -> Self {
        Self { name, filter, follow: Box::new(|end| follow(end).boxed()) }
    }

    pub(super) fn start(self, end: End) -> JoinHandle<(&'static str, Filter, Vec<Row>)> {
        tokio::spawn(async move { (self.name, self.filter, (self.follow)(end).await) })
    }
}

/// One that reads as everybody does.
pub(super) struct Subscriber {
    store: PgStore,
    limit: Option<usize>,
    restarts: Option<(String, PgOptions)>,
}

impl Subscriber {
    pub(super) fn of(store: PgStore) -> Self {
        Self { store, limit: None, restarts: None }
    }

    /// The events of a page.
    pub(super) fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Drops its store now and then, and resumes from its cursor on a new one.
    pub(super) fn restarting(mut self, url: &str, options: &PgOptions) -> Self {
        self.restarts = Some((url.to_owned(), options.clone()));
        self
    }

    pub(super) fn reads(self, name: &'static str, filter: Filter) -> Reader {
        let read = filter.read();
        let read = self.limit.map_or_else(|| read.clone(), |limit| read.clone().limit(limit));
        Reader::new(name, filter, move |end| self.follow(read, end))
    }

    async fn follow(mut self, read: Read, end: End) -> Vec<Row> {
        let mut dice = Dice::new(read.limit);
        let mut cursor = Cursor::START;
        let mut got = Vec::new();
        loop {
            // Asked before the page: what a page then finds to be the end is the end.
            let is_over = *end.borrow();
            let next = read.clone().after(cursor.position);
            let mut take = |event: &RawEvent<'_>| {
                got.push(Row {
                    position: event.position.0 as i64,
                    stream: event.stream.to_owned(),
                    version: event.version.0 as i64,
                    name: event.name.to_string(),
                });
                Ok(())
            };
            let page = self.store.read(&next, &mut take).await.expect("reads");
            cursor = page.next;
            if page.at_end {
                if is_over {
                    return got;
                }
                // The end of the race is no event.
                if let Ok(woken) = timeout(LOOK_EVERY, self.store.wait_past(cursor.position)).await {
                    assert!(woken.expect("waits") > cursor.position);
                }
            }
            if let Some((url, options)) = self.restarts.as_ref().filter(|_| dice.percent(RESTARTS)) {
                self.store = PgStore::connect_with(url, options.clone()).await.expect("connects");
            }
        }
    }
}

/// One that reads with a statement: `$1` is the position of the last event it got.
pub(super) async fn follow_by_statement(mut pg: PgConnection, statement: &'static str, end: End) -> Vec<Row> {
    let mut got: Vec<Row> = Vec::new();
    loop {
        let is_over = *end.borrow();
        let after = got.last().map_or(0, |row| row.position);
        let page = rows(&mut pg, statement, after).await;
        let at_end = page.is_empty();
        got.extend(page);
        if at_end {
            if is_over {
                return got;
            }
            sleep(PAUSE).await;
        }
    }
}

/// All that was stored.
pub(super) async fn table(pg: &mut PgConnection) -> Vec<Row> {
    let statement =
        "SELECT position, stream, version, name FROM eventsource.events WHERE position > $1 ORDER BY position";
    rows(pg, statement, 0).await
}

async fn rows(pg: &mut PgConnection, statement: &'static str, after: i64) -> Vec<Row> {
    let rows = query(statement).bind(after).fetch_all(pg).await.expect("reads");
    let row = |row: &PgRow| Row { position: row.get(0), stream: row.get(1), version: row.get(2), name: row.get(3) };
    rows.iter().map(row).collect()
}
