//! A publisher to be tested, and what arrives of what it publishes.

use std::any::Any;
use std::fmt;

use futures::future::BoxFuture;

use crate::contract::publisher::Publisher;
use crate::memory::MemoryQueue;
use crate::words::error::BoxError;
use crate::words::message::Message;

type Switch = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A publisher, and a receiver that gets all of its messages.
pub struct Fixture {
    pub(super) publisher: Box<dyn Publish>,
    pub(super) receiver: Box<dyn Receive>,
    pub(super) outage: Option<Outage>,
    // Declared last, so dropped last.
    _kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// A message as it has arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Of the message.
    pub id: String,
    /// With which it came.
    pub routing_key: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Gets every message of a publisher, whatever its routing key, as a service behind the broker would.
pub trait Receiver: Send + Sync + 'static {
    /// The oldest message that was not handed out, as soon as there is one; also after the broker was out of reach.
    fn receive(&self) -> impl Future<Output = Received> + Send;
}

impl Receiver for MemoryQueue {
    async fn receive(&self) -> Received {
        let next = self.next().await;
        let received = Received { id: next.id.clone(), routing_key: next.routing_key.clone(), body: next.body.clone() };
        next.done();
        received
    }
}

impl Fixture {
    /// A publisher, and what gets all of its messages; nothing was published yet.
    pub fn new(publisher: impl Publisher, receiver: impl Receiver) -> Self {
        Self { publisher: Box::new(publisher), receiver: Box::new(receiver), outage: None, _kept: Vec::new() }
    }

    /// How the broker is stopped, hard, and how it is started again. Without it, rules on that pass.
    pub fn with_outage<A, B>(
        mut self,
        stop: impl Fn() -> A + Send + Sync + 'static,
        start: impl Fn() -> B + Send + Sync + 'static,
    ) -> Self
    where
        A: Future<Output = ()> + Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let (stop, start) = (Box::new(move || Box::pin(stop()) as _), Box::new(move || Box::pin(start()) as _));
        self.outage = Some(Outage { stop, start });
        self
    }

    /// Keeps something until the rule is done.
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self._kept.push(Box::new(kept));
        self
    }

    pub(super) fn has_outage(&self) -> bool {
        self.outage.is_some()
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("outage", &self.has_outage()).finish_non_exhaustive()
    }
}

pub(super) struct Outage {
    pub(super) stop: Switch,
    pub(super) start: Switch,
}

/// [`Publisher`], behind a pointer.
pub(super) trait Publish: Send + Sync {
    fn publish<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<(), BoxError>>;
}

impl<P: Publisher> Publish for P {
    fn publish<'a>(&'a self, messages: &'a [Message]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(Publisher::publish(self, messages))
    }
}

/// [`Receiver`], behind a pointer.
pub(super) trait Receive: Send + Sync {
    fn receive(&self) -> BoxFuture<'_, Received>;
}

impl<R: Receiver> Receive for R {
    fn receive(&self) -> BoxFuture<'_, Received> {
        Box::pin(Receiver::receive(self))
    }
}
