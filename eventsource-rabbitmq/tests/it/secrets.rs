//! Who the relay is to the server stays between them.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use eventsource_rabbitmq::RabbitMq;
use eventsource_test_cluster::RabbitMq as Server;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Notes what is logged by crates of this repository, and by lapin without what it says of every frame.
#[derive(Clone, Default)]
struct Log {
    ours: Arc<Mutex<String>>,
    all: Arc<Mutex<String>>,
}

impl Log {
    fn note(&self, metadata: &Metadata<'_>, text: &str) {
        self.all.lock().unwrap().push_str(text);
        if metadata.target().starts_with("eventsource") {
            self.ours.lock().unwrap().push_str(text);
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() < Level::TRACE || metadata.target().starts_with("eventsource")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let note = |field: &Field, value: &dyn Debug| self.note(span.metadata(), &format!("{field}={value:?}\n"));
        span.record(&mut { note });
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let note = |field: &Field, value: &dyn Debug| self.note(event.metadata(), &format!("{field}={value:?}\n"));
        event.record(&mut { note });
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn no_error_and_no_debug_shows_who_the_relay_is_to_rabbitmq_and_no_log_its_password() {
    let server = tokio::task::spawn_blocking(Server::shared).await.unwrap().unwrap();
    let log = Log::default();
    let _noting = tracing::subscriber::set_default(log.clone());
    let mut shown = String::new();
    // Wrong user, wrong virtual host, wrong port, no URL at all, and one that is right.
    let (right, address) = (server.url(), server.address());
    let (free_vhost, no_port) = (right.replace("/%2f", "/hidden"), right.replace(&address.to_string(), "127.0.0.1:1"));
    for url in [&format!("amqp://alice:s3cret@{address}/%2f"), &free_vhost, &no_port, &right] {
        let rabbit = RabbitMq::new(url, "shop").unwrap();
        let connected = rabbit.connect().await;
        assert_eq!(connected.is_ok(), *url == right);
        write!(shown, "{rabbit:?} {rabbit:#?} {connected:?}").unwrap();
        let mut error: Option<&dyn std::error::Error> = connected.as_ref().err().map(|error| error as _);
        while let Some(one) = error {
            write!(shown, "{one} {one:?}").unwrap();
            error = one.source();
        }
    }
    for url in ["s3cret", "http://alice:s3cret@hidden", "amqp://alice:s3cret@[hidden"] {
        write!(shown, "{:?}", RabbitMq::new(url, "shop")).unwrap();
    }
    shown.push_str(&log.ours.lock().unwrap());
    let password = right.split(':').nth(2).unwrap().split('@').next().unwrap();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    for secret in ["alice", "s3cret", "hidden", password, &host, &port] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
    let log = log.all.lock().unwrap();
    assert!(log.contains("ACCESS"), "lapin logs nothing");
    for secret in ["s3cret", password] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
