//! What is asked of a message broker.

use crate::words::error::BoxError;
use crate::words::message::Message;

/// Somebody who takes messages and keeps them for others: the client of a message broker.
///
/// `eventsource-rabbitmq` has one, [`MemoryBroker`](crate::memory::MemoryBroker) is one for tests and for services in one
/// process. The rules of `testing::conformance::publishers` say whether yours keeps what is
/// promised here.
///
/// ```
/// # use eventsource::{BoxError, Message, Publisher};
/// # struct Client;
/// # impl Client { async fn send(&self, _: &str, _: &str, _: &[u8]) -> Result<(), std::io::Error> { Ok(()) } }
/// struct Broker { client: Client }
///
/// impl Publisher for Broker {
///     async fn publish(&self, messages: &[Message]) -> Result<(), BoxError> {
///         for message in messages {
///             // answers when the broker has written it
///             self.client.send(&message.routing_key, &message.id, &message.body).await?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` publishes no messages")]
pub trait Publisher: Send + Sync + 'static {
    /// Publishes these messages, and returns when the broker has confirmed that it keeps **all** of them.
    ///
    /// - Messages of one [`subject`](Message::subject) are sent in their order, each when the one before is confirmed, so
    ///   that no failure can leave the second without the first. Those of others may overtake them.
    /// - After an error all of them are published again, and so are those of a call that was dropped in the middle: a
    ///   message may arrive twice, and then with the same [`id`](Message::id).
    /// - The error tells what comes next: a `StoreError` that is [transient](crate::StoreError::is_transient) says that the broker
    ///   is out of reach, and the messages wait for it; one that is [invalid](crate::StoreError::is_invalid) that somebody has to
    ///   mend something first; any other that these messages cannot be published.
    /// - A broker that does not answer is out of reach after some time: every call ends.
    fn publish(&self, messages: &[Message]) -> impl Future<Output = Result<(), BoxError>> + Send;
}
