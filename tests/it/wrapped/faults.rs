//! What goes wrong with a store, and when.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsource::{StoreError, StreamId};
use tokio::sync::Notify;

/// What goes wrong when it is read, or when rows of a view are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// A connection is lost.
    Transient,
    /// It breaks for good.
    Failed,
    Panic,
    /// It is done, but the answer is lost.
    Unanswered,
    /// It begins so much later.
    Late(Duration),
    /// It begins when it is released.
    Held,
    /// It is done, and answered when it is released.
    AnswerHeld,
    /// It is under way when the connection is lost, and lands when it is let: rows by
    /// [`land_write`](super::Wrapped::land_write), events by [`land_append`](super::Wrapped::land_append).
    Lost,
}

/// What happens next, and how often.
#[derive(Clone, Default)]
pub(super) struct Faults {
    next: Arc<Mutex<Option<(Fault, usize)>>>,
    pub(super) release: Arc<Notify>,
}

impl Faults {
    pub(super) fn set(&self, fault: Fault, times: usize) {
        *self.next.lock().unwrap() = (times > 0).then_some((fault, times));
    }

    pub(super) fn left(&self) -> usize {
        self.next.lock().unwrap().map_or(0, |(_, times)| times)
    }

    pub(super) fn next(&self) -> Option<Fault> {
        self.next.lock().unwrap().map(|(fault, _)| fault)
    }

    fn take(&self) -> Option<Fault> {
        let mut next = self.next.lock().unwrap();
        let (fault, times) = (*next)?;
        *next = (times > 1).then(|| (fault, times - 1));
        Some(fault)
    }

    /// Does the work, or lets happen to it what is next.
    pub(super) async fn meet<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.take() {
            None => work.await,
            Some(Fault::Transient | Fault::Lost) => Err(StoreError::transient("the connection was lost")),
            Some(Fault::Failed) => Err(StoreError::failed("the disk is on fire")),
            Some(Fault::Panic) => panic!("the store panics"),
            Some(Fault::Unanswered) => {
                work.await?;
                Err(StoreError::transient("the answer was lost"))
            }
            Some(Fault::Late(delay)) => {
                tokio::time::sleep(delay).await;
                work.await
            }
            Some(Fault::Held) => {
                self.release.notified().await;
                work.await
            }
            Some(Fault::AnswerHeld) => {
                let done = work.await;
                self.release.notified().await;
                done
            }
        }
    }
}

/// The same for what is done with one stream.
#[derive(Clone, Default)]
pub(super) struct StreamFaults {
    of: Arc<Mutex<String>>,
    pub(super) faults: Faults,
}

impl StreamFaults {
    pub(super) fn set(&self, stream: &str, fault: Fault, times: usize) {
        stream.clone_into(&mut self.of.lock().unwrap());
        self.faults.set(fault, times);
    }

    /// Whether what is done with these concerns it.
    pub(super) fn concern<'s>(&self, streams: impl IntoIterator<Item = &'s StreamId>) -> bool {
        let of = self.of.lock().unwrap();
        streams.into_iter().any(|stream| stream.as_str() == *of)
    }
}

/// After how many calls there is nobody any more to whom they could be answered.
#[derive(Clone, Default)]
pub(super) struct Death(Arc<Mutex<Option<usize>>>);

impl Death {
    pub(super) fn comes_behind(&self, calls: usize) {
        *self.0.lock().unwrap() = Some(calls);
    }

    pub(super) fn has_come(&self) -> bool {
        *self.0.lock().unwrap() == Some(0)
    }

    pub(super) async fn meet<T>(&self, work: impl Future<Output = T>) -> T {
        let left = self.0.lock().unwrap().as_mut().map(|left| {
            let now = *left;
            *left = now.saturating_sub(1);
            now
        });
        if left == Some(0) {
            std::future::pending::<()>().await;
        }
        let done = work.await;
        if left == Some(1) {
            std::future::pending::<()>().await;
        }
        done
    }
}
