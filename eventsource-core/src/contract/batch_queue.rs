//! The group-commit queue: one task takes everything that waits and writes it together.
//!
//! No lingering: an idle task starts with the first job at once, and what comes while it writes is
//! the next batch. The queue is bounded, so callers wait when the store is slower than they are.

use std::collections::VecDeque;
use std::future::Future;

use tokio::sync::{mpsc, watch};

use crate::words::error::StoreError;

/// Writes batches of jobs; each job is answered by the writer.
pub trait BatchWriter<J>: Send + 'static {
    /// Writes a batch. It is never cut short, whatever its callers do. Jobs that it gives back are first in the next.
    fn write(&mut self, batch: Vec<J>) -> impl Future<Output = Vec<J>> + Send;
}

/// A job's share of the space of a batch.
pub trait Weight {
    /// How many rows it brings.
    fn rows(&self) -> usize;
    /// How many bytes it brings, about.
    fn bytes(&self) -> usize;
}

/// Waiting jobs at most; further callers wait for a place.
const QUEUE: usize = 1024;
/// Jobs of one batch at most.
const BATCH_JOBS: usize = 512;
/// Rows of one batch at most, but for a single job that is larger.
const BATCH_ROWS: usize = 8_192;
/// And bytes, in the same way.
const BATCH_BYTES: usize = 16 << 20;

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
    let mut messages = Vec::new();
    let mut waiting = VecDeque::new();
    while !waiting.is_empty() || receiver.recv_many(&mut messages, BATCH_JOBS).await > 0 {
        // What was given back does not wait for company, but takes along who is there.
        while waiting.len() + messages.len() < BATCH_JOBS
            && let Ok(message) = receiver.try_recv()
        {
            messages.push(message);
        }
        for message in messages.drain(..) {
            match message {
                Message::Job(job) => waiting.push_back(job),
                Message::Close => receiver.close(),
            }
        }
        let batch = first_batch(&mut waiting);
        if !batch.is_empty() {
            let given_back = writer.write(batch).await;
            given_back.into_iter().rev().for_each(|job| waiting.push_front(job));
            // Those who were just answered may come back first: else they would split into two halves, each of
            // which waits for the other's batch. Where nobody is to run, this costs nothing.
            tokio::task::yield_now().await;
        }
    }
}

/// As many of the first jobs as a batch may hold, one at least.
fn first_batch<J: Weight>(waiting: &mut VecDeque<J>) -> Vec<J> {
    let (mut rows, mut bytes) = (0, 0);
    let fitting = waiting.iter().take(BATCH_JOBS).take_while(|job| {
        rows += job.rows();
        bytes += job.bytes();
        rows <= BATCH_ROWS && bytes <= BATCH_BYTES
    });
    let count = fitting.count().max(1).min(waiting.len());
    waiting.drain(..count).collect()
}
