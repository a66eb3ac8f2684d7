//! The connections: opened when needed, kept, and given back without a round trip.
//!
//! sqlx's own pool asks a connection whether it is alive whenever it is given back, in a task that it spawns:
//! a second round trip for each statement. Here a connection that failed is thrown away, and that is all.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use eventsource_core::StoreError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::error::Failure;
use crate::options::PgOptions;

/// Opens connections and keeps those that are idle. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections {
    connect: Arc<PgConnectOptions>,
    connect_timeout: Duration,
    statement_timeout: Duration,
    idle_timeout: Duration,
    pooled: bool,
    places: Arc<Semaphore>,
    /// The one used last is the last, and the next to be used: so those that are not needed grow old.
    idle: Arc<Mutex<VecDeque<Timed>>>,
}

/// A connection and its alarm.
struct Timed {
    link: Link,
    /// Set anew for each piece of work. Making one instead would wake the thread that waits for the network, each time.
    alarm: Pin<Box<Sleep>>,
    idle_since: Instant,
}

/// A connection and what was learnt through it.
pub(crate) struct Link {
    pub(crate) pg: PgConnection,
    /// The position of the highest event that it knows to be settled.
    pub(crate) settled: i64,
}

impl Connections {
    pub(crate) fn new(connect: PgConnectOptions, options: &PgOptions) -> Self {
        Self {
            connect: Arc::new(connect.disable_statement_logging()),
            connect_timeout: options.connect_timeout,
            statement_timeout: options.statement_timeout,
            idle_timeout: options.idle_timeout,
            pooled: options.pooled,
            places: Arc::new(Semaphore::new(options.connections as usize)),
            idle: Arc::default(),
        }
    }

    pub(crate) fn connect_options(&self) -> &PgConnectOptions {
        &self.connect
    }

    /// One of the shared connections; waits for a place.
    pub(crate) async fn acquire(&self) -> Result<Lease, StoreError> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => match tokio::time::timeout(self.connect_timeout, self.places.clone().acquire_owned()).await {
                Ok(place) => place.map_err(|_| StoreError::closed())?,
                Err(_) => {
                    return Err(StoreError::transient(format!(
                        "no connection to PostgreSQL became free in {:?}; \
                         PgOptions::connections says how many there are",
                        self.connect_timeout
                    )));
                }
            },
        };
        let idle = lock(&self.idle).pop_back();
        let timed = match idle {
            Some(timed) => timed,
            None => self.open().await?,
        };
        Ok(self.lease(timed, Some(place)))
    }

    /// Runs statements that may run twice, each in a transaction of its own. An idle connection may be dead because the
    /// server was restarted; then a new one, which is sure to be alive, has its turn.
    pub(crate) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure> + Clone,
    ) -> Result<T, StoreError> {
        self.attempt(work).await.map_err(Failure::explain)
    }

    /// The same for those who explain a failure themselves.
    pub(crate) async fn attempt<T>(
        &self,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure> + Clone,
    ) -> Result<T, Failure> {
        let mut retried = false;
        loop {
            let mut lease = self.acquire().await?;
            match lease.run(work.clone()).await {
                Err(failure) if failure.breaks_connection() && !retried => retried = true,
                result => return result,
            }
        }
    }

    /// A connection beside the shared ones, for somebody who keeps it.
    pub(crate) async fn own(&self) -> Result<Lease, StoreError> {
        if self.places.is_closed() {
            return Err(StoreError::closed());
        }
        let timed = self.open().await?;
        Ok(self.lease(timed, None))
    }

    fn lease(&self, timed: Timed, place: Option<OwnedSemaphorePermit>) -> Lease {
        Lease { timed: Some(timed), busy: false, home: self.clone(), place }
    }

    async fn open(&self) -> Result<Timed, StoreError> {
        match tokio::time::timeout(self.connect_timeout, self.connect.connect()).await {
            Ok(Ok(pg)) => {
                let alarm = Box::pin(tokio::time::sleep(self.statement_timeout));
                Ok(Timed { link: Link { pg, settled: 0 }, alarm, idle_since: Instant::now() })
            }
            Ok(Err(error)) => Err(Failure::from(error).explain()),
            Err(_) => {
                let message = format!("PostgreSQL did not answer in {:?} when connecting", self.connect_timeout);
                Err(StoreError::transient(message))
            }
        }
    }

    /// Keeps a connection for the next one, and lets one go that nobody has needed for long.
    fn give_back(&self, mut timed: Timed) {
        timed.idle_since = Instant::now();
        let mut idle = lock(&self.idle);
        idle.push_back(timed);
        let old = idle.pop_front_if(|oldest| oldest.idle_since.elapsed() > self.idle_timeout);
        drop(idle);
        if let (Some(old), Ok(runtime)) = (old, tokio::runtime::Handle::try_current()) {
            // Nothing is under way on it, so nothing can be lost by a failure to close it.
            runtime.spawn(tokio::time::timeout(self.connect_timeout, old.link.pg.close()));
        }
    }

    /// After a connection broke: those that are idle are likely to be dead as well.
    fn forget_idle(&self) {
        lock(&self.idle).clear();
    }

    pub(crate) fn are_closed(&self) -> bool {
        self.places.is_closed()
    }

    pub(crate) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *lock(&self.idle));
        for Timed { link, .. } in idle {
            // Nothing is under way on it, so nothing can be lost by a failure to close it.
            let _ = tokio::time::timeout(self.connect_timeout, link.pg.close()).await;
        }
    }
}

/// A connection, held; given back when dropped.
pub(crate) struct Lease {
    /// There until it is dropped, or found broken.
    timed: Option<Timed>,
    /// A statement is under way.
    busy: bool,
    home: Connections,
    place: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Runs statements, each in a transaction of its own. After a time-out or a broken connection the lease is of
    /// no more use.
    pub(crate) async fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match self.home.pooled {
            // Between two messages of one statement, such a pooler may change the connection behind it.
            true => self.run_transaction(work).await,
            false => self.within(Some(self.home.statement_timeout), work).await,
        }
    }

    /// Runs statements in one transaction, which is rolled back if they fail.
    pub(crate) async fn run_transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.within(Some(self.home.statement_timeout), async |link: &mut Link| transaction(link, BEGIN, work).await)
            .await
    }

    /// The same with locks that it takes first, in the round trip that begins it.
    pub(crate) async fn run_locked_transaction<T>(
        &mut self,
        locks: &str,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let begin = format!("{BEGIN}; {locks}");
        self.within(Some(self.home.statement_timeout), async |link: &mut Link| transaction(link, &begin, work).await)
            .await
    }

    /// The same for work that is a caller's own and takes as long as it takes.
    pub(crate) async fn run_callers_transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.within(None, async |link: &mut Link| transaction(link, BEGIN, work).await).await
    }

    async fn within<T>(
        &mut self,
        limit: Option<Duration>,
        work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { timed, busy, home, .. } = self;
        let Some(Timed { link, alarm, .. }) = timed else {
            return Err(StoreError::transient("the connection to PostgreSQL was lost").into());
        };
        *busy = true;
        let result = match limit {
            Some(limit) => until(alarm.as_mut(), limit, work(link)).await,
            None => work(link).await,
        };
        match &result {
            // Still busy.
            Err(failure) if failure.breaks_connection() => home.forget_idle(),
            _ => *busy = false,
        }
        result
    }

    /// Whether it can be used again.
    pub(crate) fn is_usable(&self) -> bool {
        !self.busy && self.timed.is_some()
    }
}

/// Work that fails when it takes longer than `limit`.
async fn until<T>(
    mut alarm: Pin<&mut Sleep>,
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let now = Instant::now();
    // A time that the clock cannot name is never.
    let deadline = now.checked_add(limit).unwrap_or(now + Duration::from_secs(365 * 24 * 3_600));
    alarm.as_mut().reset(deadline);
    let mut work = pin!(work);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => alarm.as_mut().poll(context).map(|()| Err(Failure::TimedOut(limit))),
    })
    .await
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut timed) = self.timed.take() else { return };
        if self.home.places.is_closed() {
            return;
        }
        if !self.busy {
            if self.place.is_some() {
                self.home.give_back(timed);
            }
            return;
        }
        // Its caller went away in the middle of a statement or a transaction, or gave up: it is good again when the
        // answer has come and nothing is open. Until then it keeps its place.
        let (home, place) = (self.home.clone(), self.place.take());
        if let (Some(place), Ok(runtime)) = (place, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let ended = raw_sql("ROLLBACK").execute(&mut timed.link.pg);
                let answered = tokio::time::timeout(home.statement_timeout, ended).await;
                if matches!(answered, Ok(Ok(_))) && !home.places.is_closed() {
                    home.give_back(timed);
                }
                drop(place);
            });
        }
    }
}

/// Each statement must see what was committed before it, whatever the role's or the database's default is: a page must
/// not be read with the snapshot of its watermark, nor heads with that of their locks.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

async fn transaction<T>(
    link: &mut Link,
    begin: &str,
    work: impl AsyncFnOnce(&mut Link) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let result = match raw_sql(AssertSqlSafe(begin)).execute(&mut link.pg).await {
        Ok(_) => work(&mut *link).await,
        // What comes behind the begin may have failed.
        Err(error) => Err(error.into()),
    };
    let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
    if result.as_ref().err().is_none_or(|failure| !failure.breaks_connection()) {
        raw_sql(end).execute(&mut link.pg).await?;
    }
    result
}

/// No code that can panic runs under the lock.
fn lock(idle: &Mutex<VecDeque<Timed>>) -> std::sync::MutexGuard<'_, VecDeque<Timed>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
