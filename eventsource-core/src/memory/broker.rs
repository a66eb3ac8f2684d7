//! A message broker in memory.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::contract::publisher::Publisher;
use crate::words::error::{BoxError, StoreError};
use crate::words::message::Message;

/// Messages of one queue that nobody is done with.
const MOST_WAITING: usize = 100_000;

/// A message broker in memory: for tests, and for services in one process. Clones share it.
///
/// Messages go to every queue that is [bound](Self::bind) when they are published, as in a topic exchange of RabbitMQ. They are
/// gone with the process.
///
/// ```
/// use eventsource::memory::MemoryBroker;
///
/// let broker = MemoryBroker::new();
/// let billing = broker.bind("order.*")?;
/// let everything = broker.bind("#")?;
/// # let _ = (billing, everything);
/// # Ok::<(), eventsource::StoreError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryBroker {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: bool,
    queues: Vec<Arc<Queue>>,
}

#[derive(Debug)]
struct Queue {
    pattern: String,
    waiting: Mutex<VecDeque<Message>>,
    more: Notify,
}

impl MemoryBroker {
    /// Without a queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new queue, for messages from now on whose routing key fits the pattern: words between dots, `*` for any one word and `#`
    /// for any number of them.
    ///
    /// An error if the pattern is empty.
    pub fn bind(&self, pattern: &str) -> Result<MemoryQueue, StoreError> {
        if pattern.is_empty() {
            return Err(StoreError::invalid("the pattern of a queue is empty: `#` fits all"));
        }
        let queue = Queue { pattern: pattern.to_owned(), waiting: Mutex::default(), more: Notify::new() };
        let queue = Arc::new(queue);
        lock(&self.shared).queues.push(queue.clone());
        Ok(MemoryQueue { queue })
    }

    /// From now on it is out of reach, as a server that was shut down; queues keep what they have.
    pub fn stop(&self) {
        lock(&self.shared).stopped = true;
    }

    /// It is there again.
    pub fn start(&self) {
        lock(&self.shared).stopped = false;
    }
}

impl Publisher for MemoryBroker {
    async fn publish(&self, messages: &[Message]) -> Result<(), BoxError> {
        let shared = lock(&self.shared);
        if shared.stopped {
            return Err(StoreError::transient("the broker in memory was stopped").into());
        }
        for message in messages {
            for queue in shared.queues.iter().filter(|queue| fits(&queue.pattern, &message.routing_key)) {
                let mut waiting = lock(&queue.waiting);
                if waiting.len() >= MOST_WAITING {
                    let full = format!("a queue of {} has {MOST_WAITING} messages that nobody takes", queue.pattern);
                    return Err(StoreError::transient(full).into());
                }
                waiting.push_back(message.clone());
                queue.more.notify_one();
            }
        }
        Ok(())
    }
}

/// A queue of a [`MemoryBroker`]; clones take from the same.
#[derive(Clone, Debug)]
pub struct MemoryQueue {
    queue: Arc<Queue>,
}

impl MemoryQueue {
    /// Takes the oldest message, as soon as there is one.
    pub async fn next(&self) -> MemoryDelivery {
        loop {
            if let Some(message) = lock(&self.queue.waiting).pop_front() {
                return MemoryDelivery { message, queue: self.queue.clone(), done: false };
            }
            self.queue.more.notified().await;
        }
    }
}

/// A message that was taken from its queue. Dropped before it is [`done`](Self::done), it is the oldest in the queue again.
#[derive(Debug)]
pub struct MemoryDelivery {
    message: Message,
    queue: Arc<Queue>,
    done: bool,
}

impl MemoryDelivery {
    /// The queue need not keep it any more.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Deref for MemoryDelivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Drop for MemoryDelivery {
    fn drop(&mut self) {
        if !self.done {
            lock(&self.queue.waiting).push_front(self.message.clone());
        }
        // Whoever was called for the next message may have gone before it took one.
        self.queue.more.notify_one();
    }
}

/// No code that can panic runs under a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fits(pattern: &str, key: &str) -> bool {
    words_fit(&pattern.split('.').collect::<Vec<_>>(), &key.split('.').collect::<Vec<_>>())
}

fn words_fit(pattern: &[&str], words: &[&str]) -> bool {
    match (pattern, words) {
        ([], words) => words.is_empty(),
        (["#", rest @ ..], _) => (0..=words.len()).any(|skipped| words_fit(rest, &words[skipped..])),
        ([word, rest @ ..], [first, others @ ..]) => (*word == "*" || word == first) && words_fit(rest, others),
        (_, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_queue_gets_what_fits_its_pattern() {
        for (pattern, key, gets) in [
            ("order.placed", "order.placed", true),
            ("order.placed", "order.paid", false),
            ("order.*", "order.placed", true),
            ("order.*", "order.placed.late", false),
            ("order.*", "order", false),
            ("order.#", "order", true),
            ("order.#", "order.placed.late", true),
            ("#.late", "order.placed.late", true),
            ("#.late", "order.placed", false),
            ("*.placed", "order.placed", true),
            ("#", "anything", true),
        ] {
            assert_eq!(fits(pattern, key), gets, "{pattern} and {key}");
        }
    }
}
