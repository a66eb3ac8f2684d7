//! One append at a time leaves a lane. It is never cut short by a caller that goes away.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, poll_immediate};

use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::runtime::command::send;
use crate::runtime::retry::Retry;

use super::lane::Lane;
use super::waiting::{Answer, Batch};

/// A caller that sends what it has decided; if it goes away, a task goes on with it.
pub(crate) struct Leading(Option<BoxFuture<'static, ()>>);

impl Future for Leading {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(sending) = &mut self.0 else { return Poll::Ready(()) };
        let polled = sending.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        if let (Some(sending), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(sending);
        }
    }
}

impl<A: Aggregate> Lane<A> {
    /// Sends a batch. What waits then is sent too where the store answers at once, and else it is for a task.
    pub(crate) fn lead(self: Arc<Self>, batch: Batch<A>, store: Arc<dyn EventStore>, retry: Retry) -> Leading {
        let mut sender = Sender { lane: self, has_waited: false, is_done: false };
        let leading = async move {
            if !sender.send(batch, &*store, retry).await {
                return;
            }
            let has_waited = sender.has_waited;
            // What the others meet, a store that panics too, is nothing to the caller.
            let mut rest = AssertUnwindSafe(sender.go_on(store, retry)).catch_unwind().boxed();
            if has_waited || poll_immediate(&mut rest).await.is_none() {
                tokio::spawn(rest);
            }
        };
        Leading(Some(leading.boxed()))
    }
}

/// The one who sends. If it goes before it is done, because the store panics or the runtime ends, nothing is known of what
/// it has sent.
struct Sender<A: Aggregate> {
    lane: Arc<Lane<A>>,
    /// The last answer of the store did not come at once.
    has_waited: bool,
    is_done: bool,
}

impl<A: Aggregate> Sender<A> {
    /// Until nothing waits.
    async fn go_on(mut self, store: Arc<dyn EventStore>, retry: Retry) {
        while let Some(batch) = self.lane.next_batch() {
            if !self.send(batch, &*store, retry).await {
                return;
            }
            if self.has_waited {
                // Those who were answered come first.
                tokio::task::yield_now().await;
            } else {
                // They decide while the next ones are stored, as long as this task may go on.
                tokio::task::coop::consume_budget().await;
            }
        }
        self.is_done = true;
    }

    /// Answers whether to look for more.
    async fn send(&mut self, batch: Batch<A>, store: &dyn EventStore, retry: Retry) -> bool {
        self.has_waited = false;
        let outcome = {
            let mut pauses = retry.start();
            let mut sending = pin!(send(store, &batch.request, &mut pauses));
            let polled = poll_fn(|context| {
                let polled = sending.as_mut().poll(context);
                self.has_waited |= polled.is_pending();
                polled
            });
            polled.await
        };
        let more = self.lane.settle(batch, outcome);
        self.is_done = !more;
        more
    }
}

impl<A: Aggregate> Drop for Sender<A> {
    fn drop(&mut self) {
        if !self.is_done {
            for one in self.lane.begin_era() {
                one.answer(Answer::Undone { conflict: None, alone: false });
            }
        }
    }
}
