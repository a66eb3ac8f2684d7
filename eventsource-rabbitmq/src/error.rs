//! What an error means for what comes next. The server's own words are left out: they name users and hosts.

use std::time::Duration;

use eventsource_core::StoreError;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Error, ErrorKind};

/// Nothing was heard for so long.
pub(crate) fn no_answer(within: Duration) -> StoreError {
    StoreError::transient(format!("RabbitMQ has not answered within {within:?}"))
}

/// Whatever it is, it may be mended without this program.
pub(crate) fn not_connected(error: &Error, exchange: &str) -> StoreError {
    StoreError::transient(match amqp(error) {
        Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)) => {
            format!("exchange {exchange} is there with other settings: it must be a durable topic exchange")
        }
        _ => format!("no connection to RabbitMQ: {}", told(error)),
    })
}

/// A message that is too large closes the channel.
pub(crate) fn not_published(error: &Error, id: &str) -> StoreError {
    match amqp(error) {
        Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::CONTENTTOOLARGE)) => {
            StoreError::too_large(format!("RabbitMQ refuses message {id}, or one beside it, as too large"))
        }
        _ => StoreError::transient(format!("message {id} was not confirmed: {}", told(error))),
    }
}

fn amqp(error: &Error) -> Option<&AMQPErrorKind> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.kind()),
        _ => None,
    }
}

fn told(error: &Error) -> String {
    match amqp(error) {
        Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)) => {
            "it refuses user, password or virtual host, or the user lacks a permission".to_owned()
        }
        Some(AMQPErrorKind::Soft(kind)) => format!("it says {kind}"),
        Some(AMQPErrorKind::Hard(kind)) => format!("it says {kind}"),
        None => match error.kind() {
            ErrorKind::IOError(error) => error.kind().to_string(),
            ErrorKind::MissingHeartbeatError => "no heartbeat was heard".to_owned(),
            _ => "the connection is gone".to_owned(),
        },
    }
}
