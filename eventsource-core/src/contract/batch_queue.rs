//! The group-commit queue: one task takes everything that waits and writes it together.
//!
//! No lingering: an idle task starts with the first job at once, and what comes while it writes is
//! the next batch. The queue is bounded, so callers wait when the store is slower than they are.

use std::future::Future;

use tokio::sync::{mpsc, watch};

use crate::words::error::StoreError;

/// Writes batches of jobs; each job is answered by the writer.
pub trait BatchWriter<J>: Send + 'static {
    /// Writes a batch. It is never cut short, whatever its callers do.
    fn write(&mut self, batch: Vec<J>) -> impl Future<Output = ()> + Send;
}

/// A job's share of the space of a batch.
pub trait Weight {
    /// How many rows it brings.
    fn rows(&self) -> usize;
}

/// Waiting jobs at most; further callers wait for a place.
const QUEUE: usize = 1024;
/// Jobs of one batch at most.
const BATCH_JOBS: usize = 512;
/// Rows of one batch at most, but for a single job that is larger.
const BATCH_ROWS: usize = 8_192;

enum Message<J> {
    Job(J),
    Close,
}

/// The queue's end at which callers stand. The task ends when the last end is dropped and the queue is empty.
#[derive(Debug)]
pub struct BatchQueue<J> {
    sender: mpsc::Sender<Message<J>>,
    /// Its sender goes away with the task.
    ended: watch::Receiver<()>,
}

impl<J> Clone for BatchQueue<J> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), ended: self.ended.clone() }
    }
}

impl<J: Weight + Send + 'static> BatchQueue<J> {
    /// Starts the task; needs a running tokio runtime.
    pub fn start(writer: impl BatchWriter<J>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (task, ended) = watch::channel(());
        tokio::spawn(async move {
            run(receiver, writer).await;
            drop(task);
        });
        Self { sender, ended }
    }

    /// Whether it takes jobs and none is waiting.
    pub fn is_idle(&self) -> bool {
        !self.sender.is_closed() && self.sender.capacity() == QUEUE
    }

    /// Hands in a job, waiting for a place.
    pub async fn push(&self, job: J) -> Result<(), StoreError> {
        self.sender.send(Message::Job(job)).await.map_err(|_| StoreError::closed())
    }

    /// Hands in a job if there is a place at once; false if it was dropped.
    pub fn offer(&self, job: J) -> bool {
        self.sender.try_send(Message::Job(job)).is_ok()
    }

    /// Writes what was handed in before, and refuses what comes later. Every call waits until that is done.
    pub async fn close(&self) {
        // An error says that somebody else has closed it.
        let _ = self.sender.send(Message::Close).await;
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

async fn run<J: Weight>(mut receiver: mpsc::Receiver<Message<J>>, mut writer: impl BatchWriter<J>) {
    let mut waiting = Vec::new();
    while receiver.recv_many(&mut waiting, BATCH_JOBS).await > 0 {
        let mut batch = Vec::with_capacity(waiting.len());
        let mut rows = 0;
        for message in waiting.drain(..) {
            match message {
                Message::Job(job) => {
                    if rows > 0 && rows + job.rows() > BATCH_ROWS {
                        writer.write(std::mem::take(&mut batch)).await;
                        rows = 0;
                    }
                    rows += job.rows();
                    batch.push(job);
                }
                Message::Close => receiver.close(),
            }
        }
        if !batch.is_empty() {
            writer.write(batch).await;
        }
    }
}
