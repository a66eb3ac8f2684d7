//! E-mail, behind the broker: what was sent to whom.

use eventsource::{BoxError, CloudEvent};
use serde::Deserialize;
use serde_json::Value;
use sqlx::SqliteConnection;

use super::service::Service;

pub(crate) struct Mail;

#[derive(Deserialize)]
struct To {
    customer: String,
}

/// What a customer reads of an event of an order.
pub(crate) fn subject_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "order.accepted" => "Thank you for your order",
        "order.paid" => "We have received your payment",
        "order.shipped" => "It is on its way",
        "order.cancelled" => "Your order is cancelled",
        "order.refunded" => "Here is your money",
        _ => return None,
    })
}

impl Service for Mail {
    const NAME: &'static str = "mail";
    // The key is no primary key: two mails of one key would be there to be seen.
    const TABLES: &'static str = "
        CREATE TABLE IF NOT EXISTS sent (key TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL) STRICT";

    async fn handle(database: &mut SqliteConnection, message: CloudEvent<Value>) -> Result<(), BoxError> {
        // An event that this program does not know yet is of no concern to it.
        let Some(subject) = subject_of(&message.name) else { return Ok(()) };
        let To { customer } = serde_json::from_value(message.data)?;
        let sent = sqlx::query("INSERT INTO sent VALUES (?, ?, ?)").bind(message.id).bind(customer).bind(subject);
        sent.execute(database).await?;
        Ok(())
    }
}
