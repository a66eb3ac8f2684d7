//! Appends through the group-commit queue, and past it while nobody waits.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, oneshot};

use crate::words::error::StoreError;

use super::append::{AppendOutcome, AppendRequest};
use super::batch_queue::{BatchQueue, BatchWriter, Weight};

/// What a store does with appends. Its calls never overlap.
pub trait AppendWriter: Send + 'static {
    /// Appends with one statement that commits by itself, or answers `None` if the request needs more.
    ///
    /// It runs in the caller's own task, so it may be dropped at any await and must then have stored all or nothing.
    fn append_alone(
        &mut self,
        request: &AppendRequest,
    ) -> impl Future<Output = Result<Option<AppendOutcome>, StoreError>> + Send;

    /// Appends everything that waits; one outcome for each request, in order. It is never cut short.
    fn append_batch(
        &mut self,
        requests: &[&AppendRequest],
    ) -> impl Future<Output = Vec<Result<AppendOutcome, StoreError>>> + Send;
}

/// Appends one at a time while there is only one, and together when there are more.
#[derive(Debug)]
pub struct AppendQueue<W> {
    queue: BatchQueue<AppendJob>,
    writer: Arc<Mutex<W>>,
}

#[derive(Debug)]
struct AppendJob {
    request: Arc<AppendRequest>,
    answer: oneshot::Sender<Result<AppendOutcome, StoreError>>,
}

impl Weight for AppendJob {
    fn rows(&self) -> usize {
        self.request.event_count()
    }
}

struct Shared<W>(Arc<Mutex<W>>);

impl<W: AppendWriter> AppendQueue<W> {
    /// Starts the queue; needs a running tokio runtime.
    pub fn start(writer: W) -> Self {
        let writer = Arc::new(Mutex::new(writer));
        Self { queue: BatchQueue::start(Shared(writer.clone())), writer }
    }

    /// Appends. The future may be dropped: the request is then stored as a whole or not at all.
    pub async fn append(&self, request: Arc<AppendRequest>) -> Result<AppendOutcome, StoreError> {
        // While nobody writes and nobody waits, a hop to the queue's task would only cost time.
        // The lock is fair: once the task waits for it, no caller overtakes.
        if self.queue.is_idle()
            && let Ok(mut writer) = self.writer.try_lock()
            && let Some(outcome) = writer.append_alone(&request).await?
        {
            return Ok(outcome);
        }
        let (answer, outcome) = oneshot::channel();
        self.queue.push(AppendJob { request, answer }).await?;
        let gone = |_| StoreError::transient("the store's writer ended before it answered");
        outcome.await.map_err(gone)?
    }

    /// Stores what was accepted and refuses what comes later.
    pub async fn close(&self) {
        self.queue.close().await;
        // An append that went past the queue has finished when the lock is free.
        drop(self.writer.lock().await);
    }
}

impl<W: AppendWriter> BatchWriter<AppendJob> for Shared<W> {
    async fn write(&mut self, batch: Vec<AppendJob>) {
        let requests: Vec<&AppendRequest> = batch.iter().map(|job| &*job.request).collect();
        let mut writer = self.0.lock().await;
        let outcomes = writer.append_batch(&requests).await;
        // Answered while the lock is held: the first caller to come back would else go alone and keep all others waiting.
        for (job, outcome) in batch.into_iter().zip(outcomes) {
            // A caller that has gone away is no concern.
            let _ = job.answer.send(outcome);
        }
    }
}
