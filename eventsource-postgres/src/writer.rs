//! Group commit: what waits at the same time goes into one statement, and so into one commit.
//!
//! One batch is in flight at a time and nobody waits for company: while a batch is on its way, the next one
//! gathers. It needs one connection for any number of callers, and a second one where a batch is large enough for two.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsource_core::backend::AppendWriter;
use eventsource_core::{AppendRequest, InlineFold, StoreError, StreamId};

use crate::append::{self, Answer, Terms};
use crate::conditions;
use crate::connect::{Connections, Lease, Link};
use crate::error::Failure;
use crate::inline;
use crate::locked::{Job, Locked};
use crate::options::PgOptions;
use crate::sql::Sql;

/// How often one request is sent, for lost races and lost connections together.
const ATTEMPTS: u32 = 8;
/// Before a connection is opened anew: so long at first, then twice as long each time.
const PAUSE: Duration = Duration::from_millis(5);

/// Sends requests on a connection that it keeps, again where that can help.
pub(crate) struct Attempts {
    connections: Connections,
    sql: Arc<Sql>,
    options: PgOptions,
    lock_timeout: String,
    lease: Option<Lease>,
    /// Uses a connection of those that all share, and only while it is at work.
    borrows: bool,
}

impl Attempts {
    /// `patience`: how long a statement waits for a lock.
    pub(crate) fn new(connections: Connections, sql: Arc<Sql>, options: &PgOptions, patience: Duration) -> Self {
        let lock_timeout = format!("{}ms", patience.as_millis().max(1));
        Self { connections, sql, options: options.clone(), lock_timeout, lease: None, borrows: false }
    }

    /// The same on a connection that the caller has.
    pub(crate) fn on(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The same on the connections that all share, each given back as soon as there is an answer.
    pub(crate) fn borrowing(mut self) -> Self {
        self.borrows = true;
        self
    }

    /// Closes the connection; the next request opens another.
    pub(crate) fn let_go(&mut self) {
        self.lease = None;
    }

    /// Sends one request, with the rows that are folded in its transaction.
    pub(crate) async fn alone(
        &mut self,
        request: &AppendRequest,
        views: &[Arc<dyn InlineFold>],
    ) -> Result<Answer, Failure> {
        match self.send(&[request], views, ATTEMPTS).await {
            Ok(mut answers) => answers.pop().ok_or_else(|| StoreError::failed("an append has no answer").into()),
            Err(Failure::Moved(conflict)) => Ok(Answer::Moved(conflict)),
            Err(failure) => Err(failure),
        }
    }

    /// Sends requests together. A race that one of them lost fails all; sending each alone tells them apart.
    async fn together(&mut self, requests: &[&AppendRequest]) -> Result<Vec<Answer>, Failure> {
        self.send(requests, &[], if requests.len() > 1 { 1 } else { ATTEMPTS }).await
    }

    /// `races`: how many lost races are borne. Lost connections are borne in any case: what was stored before one
    /// was lost is recognised by its event ids or its key. But no longer than the statement time-out: then the caller
    /// hears of it.
    async fn send(
        &mut self,
        requests: &[&AppendRequest],
        views: &[Arc<dyn InlineFold>],
        races: u32,
    ) -> Result<Vec<Answer>, Failure> {
        let mut sent_before = false;
        let started = Instant::now();
        for attempt in 1.. {
            let answered = self.once(requests, views).await;
            if self.borrows {
                self.let_go();
            }
            let failure = match answered {
                Ok(mut answers) => {
                    if sent_before {
                        answers.iter_mut().for_each(Answer::was_sent_before);
                    }
                    return Ok(answers);
                }
                Err(failure) => failure,
            };
            if failure.is_unavailable() && attempt < ATTEMPTS && started.elapsed() < self.options.statement_timeout {
                // It was sent unless there was no connection to send it on.
                sent_before |= failure.breaks_connection();
                self.lease = None;
                tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
            } else if !((failure.is_lost_race() || failure.must_give_way()) && attempt < races) {
                return Err(failure);
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn once(
        &mut self,
        requests: &[&AppendRequest],
        views: &[Arc<dyn InlineFold>],
    ) -> Result<Vec<Answer>, Failure> {
        let lease = match self.lease.take_if(|lease| lease.is_usable()) {
            Some(lease) => self.lease.insert(lease),
            None if self.borrows => self.lease.insert(self.connections.acquire().await?),
            None => self.lease.insert(self.connections.own().await?),
        };
        let terms = Terms { now: self.options.now(), lock_timeout: Some(&self.lock_timeout) };
        let sql = &*self.sql;
        if views.is_empty() && requests.iter().all(|request| request.conditions.is_empty()) {
            return lease.run(async |link| append::append(&mut link.pg, sql, requests, terms).await).await;
        }
        let locks = conditions::locks(sql, requests, &self.lock_timeout);
        let append = async |link: &mut Link| match requests {
            [request] => Ok(vec![inline::append(link, sql, request, terms, views).await?]),
            _ => conditions::append_together(link, sql, requests, terms).await,
        };
        lease.run_locked_transaction(&locks, append).await
    }
}

/// Requests that are worth a second commit. Below that, two batches would only split what one holds.
const WORTH_TWO: usize = 128;

/// The one writer of a process.
pub(crate) struct Writer {
    attempts: Attempts,
    /// For the second half of a large batch, where appends do not wait for each other's turn. While the server works on one
    /// half, this process encodes and answers the other, and two of the server's processes share the work.
    beside: Option<Attempts>,
    locked: Locked,
}

impl Writer {
    pub(crate) fn new(attempts: Attempts, beside: Option<Attempts>, locked: Locked) -> Self {
        Self { attempts, beside, locked }
    }

    /// At most one request for a stream, and none that depends on what is written before it: the second one's place is known
    /// when the first one is stored, and so is whether a condition holds.
    fn choose(&self, jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
        let mut written: HashSet<StreamId> = HashSet::new();
        let (mut chosen, mut later) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            let AppendRequest { writes, conditions, .. } = &**job.request();
            let depends = conditions.iter().map(|condition| &condition.stream);
            if self.locked.concerns(job.request()) {
                self.locked.push(job);
            } else if writes.iter().map(|write| &write.stream).chain(depends).any(|stream| written.contains(stream)) {
                later.push(job);
            } else {
                written.extend(writes.iter().map(|write| write.stream.clone()));
                chosen.push(job);
            }
        }
        (chosen, later)
    }

    /// No stream is in two of the jobs, so none is in both halves.
    async fn write(&mut self, mut jobs: Vec<Job>) {
        match &mut self.beside {
            Some(beside) if jobs.len() >= WORTH_TWO => {
                let half = jobs.split_off(jobs.len() / 2);
                tokio::join!(self.attempts.write(&self.locked, jobs), beside.write(&self.locked, half));
            }
            _ => self.attempts.write(&self.locked, jobs).await,
        }
    }
}

impl Attempts {
    /// Writes jobs together, and answers each.
    async fn write(&mut self, locked: &Locked, jobs: Vec<Job>) {
        let requests: Vec<&AppendRequest> = jobs.iter().map(|job| &**job.request()).collect();
        match self.together(&requests).await {
            Ok(answers) => {
                let mut moved = Vec::new();
                for (job, answer) in jobs.into_iter().zip(answers) {
                    match answer {
                        Answer::Moved(_) => moved.push(job),
                        answer => job.answer(Ok(answer)),
                    }
                }
                self.write_one_by_one(locked, moved).await;
            }
            // No server, for all of them.
            Err(failure) if failure.is_unavailable() => {
                let text = failure.explain().to_string();
                jobs.into_iter().for_each(|job| job.answer(Err(StoreError::transient(text.clone()))));
            }
            // One of them cannot be stored, or not now, which must not hurt the others. Who it is shows when each is
            // sent alone.
            Err(_) => self.write_one_by_one(locked, jobs).await,
        }
    }

    async fn write_one_by_one(&mut self, locked: &Locked, jobs: Vec<Job>) {
        for job in jobs {
            match self.alone(job.request(), &[]).await {
                Ok(answer) => job.answer(Ok(answer)),
                Err(failure) if failure.is_lock_timeout() => locked.push(job),
                Err(failure) => job.answer(Err(failure.explain())),
            }
        }
    }
}

impl AppendWriter for Writer {
    type Answer = Answer;

    async fn append_alone(&mut self, request: &AppendRequest) -> Result<Option<Answer>, StoreError> {
        if request.writes.len() > 1 && request.conditions.is_empty() || self.locked.concerns(request) {
            return Ok(None);
        }
        match self.attempts.alone(request, &[]).await {
            Ok(answer) => Ok(Some(answer)),
            // The queue's task waits for it beside the others.
            Err(failure) if failure.is_lock_timeout() => Ok(None),
            Err(failure) => Err(failure.explain()),
        }
    }

    async fn append_batch(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let (chosen, later) = self.choose(jobs);
        if !chosen.is_empty() {
            self.write(chosen).await;
        }
        later
    }
}
