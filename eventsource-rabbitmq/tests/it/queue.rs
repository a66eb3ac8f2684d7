//! A service behind the broker: a durable queue, read over a connection of its own that it makes again when it is lost.

use std::time::Duration;

use eventsource::testing::conformance::publishers::{Received, Receiver};
use eventsource_test_cluster::RabbitMq as Server;
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use tokio::sync::Mutex;

/// After that it makes its connection anew: one that is lost may not be told.
const LISTENS: Duration = Duration::from_secs(10);

pub(crate) struct Queue {
    url: String,
    name: String,
    open: Mutex<Option<(Connection, Consumer)>>,
}

impl Queue {
    /// A new one that gets all messages of an exchange with routing keys of this pattern.
    pub(crate) async fn new(server: &Server, exchange: &str, pattern: &str) -> Self {
        let queue = Self { url: server.url(), name: format!("of-{exchange}"), open: Mutex::default() };
        let (_connection, channel) = queue.connect().await.unwrap();
        declare_exchange(&channel, exchange).await;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let (name, all) = (queue.name.as_str(), FieldTable::default());
        channel.queue_declare(name.into(), durable, all.clone()).await.unwrap();
        let bound = channel.queue_bind(name.into(), exchange.into(), pattern.into(), QueueBindOptions::default(), all);
        bound.await.unwrap();
        queue
    }

    /// The next message, with its properties, and acknowledged; waits as long as the server is down.
    pub(crate) async fn next(&self) -> (Received, BasicProperties) {
        let mut open = self.open.lock().await;
        loop {
            match tokio::time::timeout(LISTENS, self.next_of(&mut open)).await {
                Ok(Ok(received)) => return received,
                _ => {
                    *open = None;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn next_of(
        &self,
        open: &mut Option<(Connection, Consumer)>,
    ) -> Result<(Received, BasicProperties), lapin::Error> {
        if open.is_none() {
            let (connection, channel) = self.connect().await?;
            // Exclusive: no other connection of its own may hold messages that come before.
            let (options, all) = (BasicConsumeOptions { exclusive: true, ..Default::default() }, FieldTable::default());
            let consumer = channel.basic_consume(self.name.as_str().into(), "".into(), options, all).await?;
            *open = Some((connection, consumer));
        }
        let (_, consumer) = open.as_mut().unwrap();
        let delivery = consumer.next().await.unwrap_or_else(|| Err(lapin::ErrorKind::MissingHeartbeatError.into()))?;
        // It has arrived, whatever the server hears of that.
        let _ = delivery.ack(BasicAckOptions::default()).await;
        let properties = delivery.properties;
        let id = properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
        Ok((Received { id, routing_key: delivery.routing_key.to_string(), body: delivery.data }, properties))
    }

    async fn connect(&self) -> Result<(Connection, Channel), lapin::Error> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }
}

/// As the publisher does.
async fn declare_exchange(channel: &Channel, name: &str) {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.into(), ExchangeKind::Topic, durable, FieldTable::default()).await.unwrap();
}

impl Receiver for Queue {
    async fn receive(&self) -> Received {
        self.next().await.0
    }
}
