//! Appends to streams that somebody's open transaction has locked: they wait on a connection of their own, so
//! that nobody waits with them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use eventsource_core::backend::AppendJob;
use eventsource_core::{AppendRequest, StoreError, StreamId};
use tokio::sync::mpsc;

use crate::append::Answer;
use crate::error::Failure;
use crate::writer::Attempts;

/// Waiting jobs at most; more are refused.
const QUEUE: usize = 1_024;
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(crate) type Job = AppendJob<Answer>;

/// The way to the task that waits.
#[derive(Clone)]
pub(crate) struct Locked {
    sender: mpsc::Sender<(Job, Instant)>,
    streams: Streams,
}

/// How many waiting jobs concern a stream. What comes for one of them waits behind them.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<HashMap<StreamId, usize>>>);

impl Locked {
    /// Starts the task; it ends when the last clone is dropped and everything that waits is answered.
    pub(crate) fn start(attempts: Attempts, patience: Duration) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let streams = Streams::default();
        tokio::spawn(run(receiver, streams.clone(), attempts, patience));
        Self { sender, streams }
    }

    /// Waits until everything that waits is answered, which each is in bounded time.
    pub(crate) async fn drain(&self) {
        while !self.streams.lock().is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether a request concerns a stream that is known to be locked.
    pub(crate) fn concerns(&self, request: &AppendRequest) -> bool {
        let streams = self.streams.lock();
        !streams.is_empty() && request.writes.iter().any(|write| streams.contains_key(&write.stream))
    }

    pub(crate) fn push(&self, job: Job) {
        self.streams.add(&job);
        if let Err(refused) = self.sender.try_send((job, Instant::now())) {
            let (job, _) = refused.into_inner();
            self.streams.remove(&job);
            job.answer(Err(StoreError::transient(
                "too many appends wait for streams that open transactions have locked",
            )));
        }
    }
}

impl Streams {
    /// No code that can panic runs under the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<StreamId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: &Job) {
        let mut streams = self.lock();
        for write in &job.request().writes {
            *streams.entry(write.stream.clone()).or_default() += 1;
        }
    }

    fn remove(&self, job: &Job) {
        let mut streams = self.lock();
        for write in &job.request().writes {
            if let Some(count) = streams.get_mut(&write.stream) {
                *count -= 1;
                if *count == 0 {
                    streams.remove(&write.stream);
                }
            }
        }
    }
}

async fn run(
    mut receiver: mpsc::Receiver<(Job, Instant)>,
    streams: Streams,
    mut attempts: Attempts,
    patience: Duration,
) {
    let mut waiting: VecDeque<(Job, Instant)> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            // Locked streams are rare, and a connection is dear.
            attempts.let_go();
            match receiver.recv().await {
                Some(job) => waiting.push_back(job),
                None => return,
            }
        }
        while let Ok(job) = receiver.try_recv() {
            waiting.push_back(job);
        }
        let Some((job, since)) = waiting.pop_front() else { continue };
        match attempts.alone(job.request(), &[]).await {
            // Each gets its turn: another one's stream may be free again.
            Err(failure) if failure.is_lock_timeout() && since.elapsed() < patience => waiting.push_back((job, since)),
            Err(failure) if failure.is_lock_timeout() => {
                let stream = job.request().writes.first().map_or("?", |write| write.stream.as_str());
                let message = format!("an open transaction has kept stream {stream} locked for {patience:?}");
                streams.remove(&job);
                job.answer(Err(StoreError::transient(message)));
            }
            result => {
                streams.remove(&job);
                job.answer(result.map_err(Failure::explain));
            }
        }
    }
}
