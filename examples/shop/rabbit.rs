//! A RabbitMQ server: what is published to it is the business of `eventsource-rabbitmq`, the queues are that of the services.

use eventsource::{BoxError, StoreError};
use eventsource_rabbitmq::RabbitMq;
use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};

/// So that a service has no second message before it is done with the first.
const ONE: u16 = 1;

#[derive(Clone)]
pub(crate) struct Rabbit {
    /// Has a password in it, so it is shown to nobody.
    pub(crate) url: String,
    pub(crate) exchange: String,
    pub(crate) publisher: RabbitMq,
}

/// A queue that is read over a connection of its own.
pub(crate) struct RabbitQueue {
    // One that is dropped is closed.
    _connection: Connection,
    consumer: Consumer,
}

impl Rabbit {
    /// Nothing is connected yet.
    pub(crate) fn new(url: &str, exchange: &str) -> Result<Self, StoreError> {
        // What no service would get waits until its queue is there.
        let publisher = RabbitMq::new(url, exchange)?.refuse_unroutable();
        Ok(Self { url: url.to_owned(), exchange: exchange.to_owned(), publisher })
    }

    async fn connect(&self) -> Result<(Connection, Channel), BoxError> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await;
        let connection = connection.map_err(|error| format!("no RabbitMQ where AMQP_URL says: {error}"))?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }

    fn queue_of(&self, service: &str) -> String {
        format!("{}.{service}", self.exchange)
    }

    /// Makes exchange and queues; what is there stays as it is.
    pub(crate) async fn bind(&self, services: &[&str], pattern: &str) -> Result<(), BoxError> {
        let (_connection, channel) = self.connect().await?;
        // As the publisher does.
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let exchange = self.exchange.as_str();
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
        for service in services {
            let name = self.queue_of(service);
            // Whoever takes over from a service that was killed waits until the server has noticed that.
            let mut arguments = FieldTable::default();
            arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
            let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.as_str().into(), durable, arguments).await?;
            let options = QueueBindOptions::default();
            let bound = channel.queue_bind(
                name.as_str().into(),
                exchange.into(),
                pattern.into(),
                options,
                FieldTable::default(),
            );
            bound.await?;
        }
        Ok(())
    }

    pub(crate) async fn queue(&self, service: &str) -> Result<RabbitQueue, BoxError> {
        let (connection, channel) = self.connect().await?;
        channel.basic_qos(ONE, BasicQosOptions::default()).await?;
        let (name, options) = (self.queue_of(service), BasicConsumeOptions::default());
        let consumer = channel.basic_consume(name.as_str().into(), "".into(), options, FieldTable::default()).await?;
        Ok(RabbitQueue { _connection: connection, consumer })
    }

    pub(crate) async fn remove(&self, services: &[&str]) -> Result<(), BoxError> {
        let (_connection, channel) = self.connect().await?;
        for service in services {
            channel.queue_delete(self.queue_of(service).as_str().into(), QueueDeleteOptions::default()).await?;
        }
        channel.exchange_delete(self.exchange.as_str().into(), ExchangeDeleteOptions::default()).await?;
        Ok(())
    }
}

impl RabbitQueue {
    /// Waits for the next message; fails if the connection is lost.
    pub(crate) async fn next(&mut self) -> Result<Delivery, BoxError> {
        Ok(self.consumer.next().await.ok_or("RabbitMQ has closed the connection")??)
    }
}
