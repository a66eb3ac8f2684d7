//! Through which the services hear of orders: RabbitMQ where there is one, else a broker in this process.

use std::collections::BTreeMap;
use std::env;

use eventsource::memory::{MemoryBroker, MemoryDelivery, MemoryQueue};
use eventsource::{BoxError, Message, Publisher};
use lapin::options::BasicAckOptions;

use super::publication::PATTERN;
use super::rabbit::{Rabbit, RabbitQueue};

/// In the environment: the address of RabbitMQ, or nothing where none shall be used.
pub(crate) const URL: &str = "AMQP_URL";
/// Where it is if nobody has said anything.
const DEFAULT: &str = "amqp://guest:guest@localhost:5672/%2f";
/// The services, each with a queue of its own.
const SERVICES: [&str; 2] = ["billing", "mail"];

#[derive(Clone)]
pub(crate) enum Broker {
    Memory { broker: MemoryBroker, queues: BTreeMap<&'static str, MemoryQueue> },
    Rabbit(Rabbit),
}

impl Broker {
    /// With a queue for each service, which is there before the first message is.
    pub(crate) async fn find(exchange: &str) -> Result<Self, BoxError> {
        match env::var(URL).as_deref() {
            Ok("") => Self::in_memory(),
            Ok(url) => Self::rabbit(url, exchange).await,
            Err(_) => match Self::rabbit(DEFAULT, exchange).await {
                Ok(found) => Ok(found),
                Err(_) => Self::in_memory(),
            },
        }
    }

    /// One that the process has found which started this one: only RabbitMQ is found by others.
    pub(crate) fn existing(exchange: Option<&str>) -> Result<Self, BoxError> {
        match exchange {
            Some(exchange) => Ok(Self::Rabbit(Rabbit::new(&env::var(URL)?, exchange)?)),
            None => Self::in_memory(),
        }
    }

    fn in_memory() -> Result<Self, BoxError> {
        let broker = MemoryBroker::new();
        let queues = SERVICES.map(|service| broker.bind(PATTERN).map(|queue| (service, queue)));
        Ok(Self::Memory { queues: queues.into_iter().collect::<Result<_, _>>()?, broker })
    }

    async fn rabbit(url: &str, exchange: &str) -> Result<Self, BoxError> {
        let rabbit = Rabbit::new(url, exchange)?;
        rabbit.bind(&SERVICES, PATTERN).await?;
        Ok(Self::Rabbit(rabbit))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "in memory",
            Self::Rabbit(_) => "RabbitMQ",
        }
    }

    /// The queue of a service.
    pub(crate) async fn queue(&self, service: &str) -> Result<Queue, BoxError> {
        Ok(match self {
            Self::Memory { queues, .. } => Queue::Memory(queues.get(service).ok_or("no such queue")?.clone()),
            Self::Rabbit(rabbit) => Queue::Rabbit(Box::new(rabbit.queue(service).await?)),
        })
    }

    /// Leaves nothing behind on a server.
    pub(crate) async fn remove(&self) -> Result<(), BoxError> {
        match self {
            Self::Memory { .. } => Ok(()),
            Self::Rabbit(rabbit) => rabbit.remove(&SERVICES).await,
        }
    }
}

impl Publisher for Broker {
    async fn publish(&self, messages: &[Message]) -> Result<(), BoxError> {
        match self {
            Self::Memory { broker, .. } => broker.publish(messages).await,
            Self::Rabbit(rabbit) => rabbit.publisher.publish(messages).await,
        }
    }
}

/// What waits for one service.
pub(crate) enum Queue {
    Memory(MemoryQueue),
    Rabbit(Box<RabbitQueue>),
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
            Self::Rabbit(delivery) => drop(delivery.ack(BasicAckOptions::default()).await?),
        }
        Ok(())
    }
}
