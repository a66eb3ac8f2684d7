//! Publishes the events of `eventsource` to RabbitMQ.
//!
//! ```no_run
//! use eventsource::{DomainEvent, Projections, Publication, Relay, memory::MemoryStore};
//! use eventsource_rabbitmq::RabbitMq;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(DomainEvent, Serialize, Deserialize)]
//! #[event(name = "order.placed", version = 1)]
//! struct Placed { cents: u64 }
//!
//! struct Orders;
//!
//! impl Publication for Orders {
//!     type Event = Placed;
//!     const NAME: &'static str = "orders_out";
//!     const SOURCE: &'static str = "/shop";
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (store, shutdown) = (MemoryStore::new(), async {});
//! let rabbit = RabbitMq::new(&std::env::var("AMQP_URL")?, "shop")?;
//! Projections::new(&store).sink(Relay::<Orders, _>::new(rabbit)).run(shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Whoever wants the events binds a queue of their own to the exchange, here `shop`, for example with `order.#`. What is
//! published while no queue is bound goes to nobody, unless you [refuse that](RabbitMq::refuse_unroutable).
//!
//! # What RabbitMQ gets
//!
//! | property | |
//! |---|---|
//! | body | the envelope of CloudEvents 1.0, all of it, as JSON |
//! | `content_type` | `application/cloudevents+json` |
//! | `message_id` | id and part of the event, the same for a repetition |
//! | `type` | the event's name |
//! | `timestamp` | when it happened, in seconds |
//! | `correlation_id` | the conversation, where there is one |
//! | `delivery_mode` | 2: it is written to disk |
//!
//! # TLS
//!
//! For `amqps://` URLs, say in your own `Cargo.toml` with which library, for example
//! `lapin = { version = "4.12", default-features = false, features = ["rustls--ring", "rustls-native-certs"] }`.

mod error;
mod link;

use std::fmt;
use std::time::Duration;

use eventsource_core::{BoxError, Message, Publisher, StoreError};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use link::{Link, Open};

/// Messages that are sent and not confirmed.
const IN_FLIGHT: usize = 100;
/// A server that is short of memory or disk takes its time, and then it is out of reach.
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);

/// A RabbitMQ server, and the durable topic exchange to which messages go. Clones share a connection.
///
/// It connects when there is something to publish, and again whenever the connection is gone; the pauses between that are
/// those of the relay, up to two seconds. It makes the exchange if it is not there. A message counts as published when the server has
/// confirmed it: it is in all queues that are bound, and on their disks where these are durable.
///
/// Whatever the matter is with the server, its permissions or the network, the relay waits and says so; only a message that the
/// server would never take is an error of that message. No error and no `Debug` shows anything of the URL. lapin
/// logs the server's words, which name users and virtual hosts, and at the level `trace` what goes over the wire.
///
/// ```
/// use eventsource_rabbitmq::RabbitMq;
///
/// let rabbit = RabbitMq::new("amqp://shop:secret@rabbit.example:5672/%2f", "shop")?.in_flight(500).refuse_unroutable();
/// assert!(!format!("{rabbit:?}").contains("secret"));
/// # Ok::<(), eventsource::StoreError>(())
/// ```
#[derive(Clone)]
pub struct RabbitMq {
    link: Link,
    in_flight: usize,
    confirm_within: Duration,
    unroutable: Unroutable,
}

/// What becomes of messages that go to no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unroutable {
    GoesToNobody,
    IsRefused,
}

impl RabbitMq {
    /// The server at a URL such as `amqp://user:password@host:5672/vhost`, and an exchange of it.
    ///
    /// Nothing is connected yet. An error if the URL is none, or the exchange has no name or one of more than 255 bytes.
    pub fn new(url: &str, exchange: &str) -> Result<Self, StoreError> {
        Ok(Self {
            link: Link::new(url, exchange)?,
            in_flight: IN_FLIGHT,
            confirm_within: CONFIRM_WITHIN,
            unroutable: Unroutable::GoesToNobody,
        })
    }

    /// How many messages may be sent and not confirmed yet: 100 if not set, 1 at least. They are of different streams,
    /// because a stream's next message waits for the confirmation of the one before.
    pub fn in_flight(mut self, messages: usize) -> Self {
        self.in_flight = messages.max(1);
        self
    }

    /// How long it waits for a connection, or for the confirmation of a message, before the server counts as out of reach:
    /// 30 seconds if not set.
    pub fn confirm_within(mut self, time: Duration) -> Self {
        self.confirm_within = time;
        self
    }

    /// Does not publish what would go to no queue: the relay waits until one is bound that takes it.
    pub fn refuse_unroutable(mut self) -> Self {
        self.unroutable = Unroutable::IsRefused;
        self
    }

    /// Connects, if it is not connected: for programs that want to know at their start whether they may.
    pub async fn connect(&self) -> Result<(), StoreError> {
        self.link.open(self.confirm_within).await.map(|_| ())
    }

    /// One after the other, each when the one before is confirmed.
    async fn send_in_order(&self, open: &Open, stream: Vec<&Message>) -> Result<(), StoreError> {
        for message in stream {
            let confirmed = self.link.send(open, message, self.unroutable == Unroutable::IsRefused);
            let confirmed = tokio::time::timeout(self.confirm_within, confirmed).await;
            confirmed.unwrap_or_else(|_| Err(error::no_answer(self.confirm_within)))?;
        }
        Ok(())
    }
}

impl Publisher for RabbitMq {
    async fn publish(&self, messages: &[Message]) -> Result<(), BoxError> {
        let mut streams = by_subject(messages).into_iter();
        if messages.is_empty() {
            return Ok(());
        }
        let open = self.link.open(self.confirm_within).await?;
        let mut under_way = FuturesUnordered::new();
        loop {
            let room = self.in_flight - under_way.len();
            under_way.extend(streams.by_ref().take(room).map(|stream| self.send_in_order(&open, stream)));
            match under_way.next().await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    // Whatever else was on its way over this connection is published again over another one.
                    self.link.close(&open).await;
                    return Err(error.into());
                }
                None => return Ok(()),
            }
        }
    }
}

/// The messages of each stream, in their order.
fn by_subject(messages: &[Message]) -> Vec<Vec<&Message>> {
    let mut places = std::collections::HashMap::new();
    let mut streams: Vec<Vec<&Message>> = Vec::new();
    for message in messages {
        let place = *places.entry(&message.subject).or_insert(streams.len());
        match streams.get_mut(place) {
            Some(stream) => stream.push(message),
            None => streams.push(vec![message]),
        }
    }
    streams
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMq")
            .field("exchange", &self.link.exchange())
            .field("in_flight", &self.in_flight)
            .field("confirm_within", &self.confirm_within)
            .field("unroutable", &self.unroutable)
            .finish_non_exhaustive()
    }
}
