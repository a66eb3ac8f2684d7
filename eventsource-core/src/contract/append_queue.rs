//! Appends through the group-commit queue, and past it while nobody waits.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, oneshot};

use crate::words::error::StoreError;

use super::append::AppendRequest;
use super::batch_queue::{BatchQueue, BatchWriter, Weight};

/// What a store does with appends. Its calls never overlap.
pub trait AppendWriter: Send + 'static {
    /// What it answers to a request.
    type Answer: Send + 'static;

    /// Appends with one statement that commits by itself, or answers `None` if the request needs more.
    ///
    /// It runs in the caller's own task, so it may be dropped at any await and must then have stored all or nothing.
    fn append_alone(
        &mut self,
        request: &AppendRequest,
    ) -> impl Future<Output = Result<Option<Self::Answer>, StoreError>> + Send;

    /// Appends everything that waits and answers each job. Jobs that it gives back are first in the next batch.
    /// It is never cut short.
    fn append_batch(
        &mut self,
        jobs: Vec<AppendJob<Self::Answer>>,
    ) -> impl Future<Output = Vec<AppendJob<Self::Answer>>> + Send;
}

/// Appends one at a time while there is only one, and together when there are more.
#[derive(Debug)]
pub struct AppendQueue<W: AppendWriter> {
    queue: BatchQueue<AppendJob<W::Answer>>,
    /// Gone when the queue was closed, and with it whatever the writer kept open.
    writer: Arc<Mutex<Option<W>>>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub struct AppendJob<A> {
    request: Arc<AppendRequest>,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<A> AppendJob<A> {
    /// What is to be appended.
    pub fn request(&self) -> &Arc<AppendRequest> {
        &self.request
    }

    /// Says what came of it. A caller that has gone away is no concern.
    pub fn answer(self, answer: Result<A, StoreError>) {
        let _ = self.answer.send(answer);
    }
}

impl<A> Weight for AppendJob<A> {
    fn rows(&self) -> usize {
        self.request.event_count()
    }

    fn bytes(&self) -> usize {
        self.request.writes.iter().flat_map(|write| &write.events).map(|event| event.data.len()).sum()
    }
}

struct Shared<W>(Arc<Mutex<Option<W>>>);

impl<W: AppendWriter> AppendQueue<W> {
    /// Starts the queue; needs a running tokio runtime.
    pub fn start(writer: W) -> Self {
        let writer = Arc::new(Mutex::new(Some(writer)));
        Self { queue: BatchQueue::start(Shared(writer.clone())), writer }
    }

    /// Appends. The future may be dropped: the request is then stored as a whole or not at all.
    pub async fn append(&self, request: Arc<AppendRequest>) -> Result<W::Answer, StoreError> {
        // While nobody writes and nobody waits, a hop to the queue's task would only cost time.
        // The lock is fair: once the task waits for it, no caller overtakes.
        if self.queue.is_idle()
            && let Ok(mut writer) = self.writer.try_lock()
            && let Some(writer) = &mut *writer
            && let Some(answer) = writer.append_alone(&request).await?
        {
            return Ok(answer);
        }
        let (answer, answered) = oneshot::channel();
        self.queue.push(AppendJob { request, answer }).await?;
        let gone = |_| StoreError::transient("the store's writer ended before it answered");
        answered.await.map_err(gone)?
    }

    /// Stores what was accepted and refuses what comes later.
    pub async fn close(&self) {
        self.queue.close().await;
        // An append that went past the queue has finished when the lock is free.
        self.writer.lock().await.take();
    }
}

impl<W: AppendWriter> BatchWriter<AppendJob<W::Answer>> for Shared<W> {
    async fn write(&mut self, batch: Vec<AppendJob<W::Answer>>) -> Vec<AppendJob<W::Answer>> {
        // Jobs are answered while the lock is held: the first caller to come back would else go alone and keep all
        // others waiting.
        match &mut *self.0.lock().await {
            Some(writer) => {
                let is_one = batch.len() == 1;
                let given_back = writer.append_batch(batch).await;
                if !is_one {
                    // So that they come back while it is.
                    tokio::task::yield_now().await;
                }
                given_back
            }
            // The queue's task ends before the writer goes.
            None => Vec::new(),
        }
    }
}
