//! Through which the services hear of orders: RabbitMQ where there is one, else a broker in this process.

use std::sync::Arc;

use eventsource::memory::{MemoryBroker, MemoryDelivery, MemoryQueue};
use eventsource::{BoxError, Projections, Relay, StoreError, ViewStore};
use eventsource_rabbitmq::RabbitMq;
use lapin::options::BasicAckOptions;

use super::rabbit::{Rabbit, RabbitQueue};
use super::told::{Orders, PATTERN};

/// Names the server, in the environment.
const URL: &str = "AMQP_URL";
/// The services, each with a queue of its own.
const SERVICES: [&str; 2] = ["billing", "mail"];

#[derive(Clone)]
pub(crate) enum Broker {
    Memory { broker: MemoryBroker, queues: Vec<(&'static str, MemoryQueue)> },
    Rabbit(Rabbit),
}

impl Broker {
    /// With a queue for each service, which is there before the first message is.
    pub(crate) async fn new(exchange: String) -> Result<Self, BoxError> {
        let broker = Self::existing(Some(exchange));
        match broker {
            Self::Memory { broker, .. } => {
                let bound = SERVICES.map(|name| broker.bind(PATTERN).map(|queue| (name, queue)));
                let queues = bound.into_iter().collect::<Result<_, _>>()?;
                Ok(Self::Memory { broker, queues })
            }
            Self::Rabbit(rabbit) => {
                rabbit.bind(&SERVICES, PATTERN).await?;
                Ok(Self::Rabbit(rabbit))
            }
        }
    }

    /// One that somebody else has made.
    pub(crate) fn existing(exchange: Option<String>) -> Self {
        let url = std::env::var(URL).ok().filter(|url| !url.is_empty());
        match url.zip(exchange) {
            Some((url, exchange)) => Self::Rabbit(Rabbit::new(url, exchange)),
            None => Self::Memory { broker: MemoryBroker::new(), queues: Vec::new() },
        }
    }

    /// Known to other processes by this name; one in memory is not.
    pub(crate) fn exchange(&self) -> Option<&str> {
        match self {
            Self::Memory { .. } => None,
            Self::Rabbit(rabbit) => Some(&rabbit.exchange),
        }
    }

    /// Adds a relay to it.
    pub(crate) fn add_relay(
        &self,
        projections: Projections<Arc<dyn ViewStore>>,
    ) -> Result<Projections<Arc<dyn ViewStore>>, StoreError> {
        Ok(match self {
            Self::Memory { broker, .. } => projections.sink(Relay::<Orders, _>::new(broker.clone())),
            Self::Rabbit(Rabbit { url, exchange }) => {
                let rabbit = RabbitMq::new(url, exchange)?.refuse_unroutable();
                projections.sink(Relay::<Orders, _>::new(rabbit))
            }
        })
    }

    /// The queue of a service.
    pub(crate) async fn queue(&self, service: &str) -> Result<Queue, BoxError> {
        match self {
            Self::Memory { queues, .. } => {
                let (_, queue) = queues.iter().find(|(name, _)| *name == service).ok_or("no such queue")?;
                Ok(Queue::Memory(queue.clone()))
            }
            Self::Rabbit(rabbit) => Ok(Queue::Rabbit(rabbit.queue(service).await?)),
        }
    }

    /// Leaves nothing behind on a server.
    pub(crate) async fn remove(&self) -> Result<(), BoxError> {
        match self {
            Self::Memory { .. } => Ok(()),
            Self::Rabbit(rabbit) => rabbit.remove(&SERVICES).await,
        }
    }
}

/// What waits for one service.
pub(crate) enum Queue {
    Memory(MemoryQueue),
    Rabbit(RabbitQueue),
}

impl Queue {
    pub(crate) async fn next(&mut self) -> Result<Delivery, BoxError> {
        Ok(match self {
            Self::Memory(queue) => Delivery::Memory(queue.next().await),
            Self::Rabbit(queue) => Delivery::Rabbit(Box::new(queue.next().await?)),
        })
    }
}

/// A message that comes again unless it is done.
pub(crate) enum Delivery {
    Memory(MemoryDelivery),
    Rabbit(Box<lapin::message::Delivery>),
}

impl Delivery {
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Memory(delivery) => &delivery.body,
            Self::Rabbit(delivery) => &delivery.data,
        }
    }

    pub(crate) async fn done(self) -> Result<(), BoxError> {
        match self {
            Self::Memory(delivery) => delivery.done(),
            Self::Rabbit(delivery) => {
                delivery.ack(BasicAckOptions::default()).await?;
            }
        }
        Ok(())
    }
}
