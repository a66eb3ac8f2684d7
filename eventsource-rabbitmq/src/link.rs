//! The connection, as long as there is one, and what goes over it.

use std::sync::Arc;
use std::time::Duration;

use eventsource_core::{Message, StoreError};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use tokio::sync::Mutex;

use crate::error::{no_answer, not_connected, not_published};

/// As the management pages of the server show it.
const NAME: &str = "eventsource relay";
const ON_DISK: u8 = 2;

#[derive(Clone)]
pub(crate) struct Link {
    // Has the password: never shown.
    url: Arc<AMQPUri>,
    exchange: ShortString,
    open: Arc<Mutex<Option<Arc<Open>>>>,
}

/// A connection that is there, or was.
pub(crate) struct Open {
    // One that is dropped is closed.
    _connection: Connection,
    channel: Channel,
}

impl Link {
    pub(crate) fn new(url: &str, exchange: &str) -> Result<Self, StoreError> {
        // The reason might repeat what is in the URL.
        let url = url.parse::<AMQPUri>().map_err(|_| {
            StoreError::invalid("the URL of RabbitMQ is none: it looks like amqp://user:password@host:5672/vhost")
        })?;
        if exchange.is_empty() {
            return Err(StoreError::invalid("the exchange of RabbitMQ has no name"));
        }
        let exchange = ShortString::try_new(exchange)
            .map_err(|error| StoreError::invalid(format!("the name of the exchange is too long: {error}")))?;
        Ok(Self { url: Arc::new(url), exchange, open: Arc::default() })
    }

    pub(crate) fn exchange(&self) -> &str {
        self.exchange.as_str()
    }

    /// The connection that is open, or a new one.
    pub(crate) async fn open(&self, within: Duration) -> Result<Arc<Open>, StoreError> {
        let mut open = self.open.lock().await;
        // What is left of the one before goes first.
        drop(open.take_if(|open| !open.channel.status().connected()));
        if let Some(open) = &*open {
            return Ok(open.clone());
        }
        let connected = tokio::time::timeout(within, self.connect()).await.map_err(|_| no_answer(within))?;
        let connected = Arc::new(connected.map_err(|error| not_connected(&error, self.exchange()))?);
        Ok(open.insert(connected).clone())
    }

    /// Lets go of a connection, unless that has happened.
    pub(crate) async fn close(&self, failed: &Arc<Open>) {
        let mut open = self.open.lock().await;
        drop(open.take_if(|open| Arc::ptr_eq(open, failed)));
    }

    async fn connect(&self) -> Result<Open, lapin::Error> {
        let properties = ConnectionProperties::default().with_connection_name(NAME.into());
        let connection = Connection::connect_uri((*self.url).clone(), properties).await?;
        let channel = connection.create_channel().await?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let exchange = self.exchange.clone();
        channel.exchange_declare(exchange, ExchangeKind::Topic, options, FieldTable::default()).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Open { _connection: connection, channel })
    }

    /// Sends a message, and waits until the server has confirmed it.
    pub(crate) async fn send(&self, open: &Open, message: &Message, must_be_routed: bool) -> Result<(), StoreError> {
        let Message { id, routing_key, .. } = message;
        let key = ShortString::try_new(routing_key.as_str()).map_err(|_| {
            let bytes = routing_key.len();
            StoreError::too_large(format!("the routing key of message {id} has {bytes} bytes, and may have 255"))
        })?;
        let options = BasicPublishOptions { mandatory: must_be_routed, ..BasicPublishOptions::default() };
        let sent = open.channel.basic_publish(self.exchange.clone(), key, options, &message.body, properties(message));
        let confirmed = async { sent.await?.await }.await;
        match confirmed.map_err(|error| not_published(&error, id))? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(StoreError::transient(format!(
                "no queue is bound to exchange {} that takes message {id} with its routing key {routing_key}",
                self.exchange
            ))),
            Confirmation::Nack(_) => {
                Err(StoreError::transient(format!("RabbitMQ does not keep message {id}: a queue is full, or failed")))
            }
            Confirmation::NotRequested => Err(StoreError::failed("RabbitMQ was not asked for confirmations")),
        }
    }
}

fn properties(message: &Message) -> BasicProperties {
    let seconds = u64::try_from(message.time.timestamp()).unwrap_or_default();
    let short = |text: &str| ShortString::try_new(text).unwrap_or_default();
    let properties = BasicProperties::default()
        .with_delivery_mode(ON_DISK)
        .with_content_type(Message::CONTENT_TYPE.into())
        .with_message_id(short(&message.id))
        .with_type(short(&message.name))
        .with_timestamp(seconds);
    match message.correlation_id {
        Some(id) => properties.with_correlation_id(short(&id.to_string())),
        None => properties,
    }
}
