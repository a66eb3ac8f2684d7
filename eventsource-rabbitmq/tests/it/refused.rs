//! What RabbitMQ gets of a message, and what it does not take.

use std::time::Duration;

use eventsource::{CloudEvent, Message, Publisher, StoreError};
use eventsource_rabbitmq::RabbitMq;
use eventsource_test_cluster::RabbitMq as Server;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use serde_json::Value;

use crate::queue::Queue;

async fn shared() -> &'static Server {
    tokio::task::spawn_blocking(Server::shared).await.unwrap().unwrap()
}

fn message(routing_key: &str) -> Message {
    let event = r#"{
        "specversion": "1.0", "id": "0198c3a5-7a70-7b2e-8d4c-3d1f0c0a9e11:1", "source": "/shop", "type": "order.placed",
        "subject": "order-17", "time": "2026-03-01T12:00:00Z", "datacontenttype": "application/json", "dataversion": 1,
        "sequence": "00000000000000000001", "correlationid": "0198c3a5-7a70-7b2e-8d4c-3d1f0c0a9e10", "data": {}
    }"#;
    Message::new(routing_key, &serde_json::from_str::<CloudEvent<Value>>(event).unwrap()).unwrap()
}

async fn refused(rabbit: &RabbitMq, message: Message) -> StoreError {
    *rabbit.publish(&[message]).await.unwrap_err().downcast().unwrap()
}

#[tokio::test]
async fn a_message_has_the_properties_that_consumers_look_for_and_is_written_to_disk() {
    let server = shared().await;
    let queue = Queue::new(server, "properties", "order.#").await;
    let rabbit = RabbitMq::new(&server.url(), "properties").unwrap();
    rabbit.publish(&[message("order.placed")]).await.unwrap();
    let (_, properties) = queue.next().await;
    let text = |of: &Option<lapin::types::ShortString>| of.as_ref().map(ToString::to_string).unwrap_or_default();
    assert_eq!(text(properties.message_id()), "0198c3a5-7a70-7b2e-8d4c-3d1f0c0a9e11:1");
    assert_eq!(text(properties.kind()), "order.placed");
    assert_eq!(text(properties.content_type()), "application/cloudevents+json");
    assert_eq!(text(properties.correlation_id()), "0198c3a5-7a70-7b2e-8d4c-3d1f0c0a9e10");
    assert_eq!(*properties.timestamp(), Some(1_772_366_400));
    assert_eq!(*properties.delivery_mode(), Some(2));
}

#[tokio::test]
async fn what_goes_to_no_queue_is_refused_if_that_is_asked_for() {
    let server = shared().await;
    let rabbit = RabbitMq::new(&server.url(), "unroutable").unwrap();
    rabbit.publish(&[message("order.placed")]).await.unwrap();
    let strict = rabbit.refuse_unroutable();
    let error = refused(&strict, message("order.placed")).await;
    assert!(error.is_transient(), "it waits until somebody binds a queue: {error}");
    assert!(error.to_string().contains("no queue is bound to exchange unroutable"), "{error}");
    let queue = Queue::new(server, "unroutable", "order.#").await;
    strict.publish(&[message("order.placed")]).await.unwrap();
    queue.next().await;
}

#[tokio::test]
async fn what_comes_behind_a_refused_message_of_its_stream_is_not_sent() {
    let server = shared().await;
    let queue = Queue::new(server, "behind", "order.#").await;
    let strict = RabbitMq::new(&server.url(), "behind").unwrap().refuse_unroutable();
    let (first, mut second, mut of_another) = (message("nobody"), message("order.paid"), message("order.placed"));
    (second.id, of_another.id, of_another.subject) = ("second".into(), "another".into(), "order-18".into());
    strict.publish(&[first, second]).await.unwrap_err();
    strict.publish(&[of_another]).await.unwrap();
    assert_eq!(queue.next().await.0.id, "another");
}

#[tokio::test]
async fn an_exchange_with_other_settings_is_waited_for_and_named() {
    let server = shared().await;
    let connection = Connection::connect(&server.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
    channel.exchange_declare("odd".into(), ExchangeKind::Fanout, options, none).await.unwrap();
    let error = refused(&RabbitMq::new(&server.url(), "odd").unwrap(), message("order.placed")).await;
    assert!(error.is_transient(), "{error}");
    assert_eq!(error.to_string(), "exchange odd is there with other settings: it must be a durable topic exchange");
}

#[tokio::test]
async fn a_server_that_is_reached_and_says_nothing_is_out_of_reach() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://shop:secret@{}/%2f", silent.local_addr().unwrap());
    let rabbit = RabbitMq::new(&url, "shop").unwrap().confirm_within(Duration::from_millis(50));
    let error = refused(&rabbit, message("order.placed")).await;
    assert!(error.is_transient() && error.to_string().contains("has not answered"), "{error}");
}
