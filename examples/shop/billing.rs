//! Billing, behind the broker: a journal whose numbers have no gap, and what each customer has been billed.

use eventsource::{BoxError, CloudEvent};
use serde::Deserialize;
use serde_json::Value;
use sqlx::SqliteConnection;

use super::service::Service;

pub(crate) struct Billing;

/// What it reads of a message, which is less than what is in it.
#[derive(Deserialize)]
struct Money {
    customer: String,
    cents: i64,
}

impl Service for Billing {
    const NAME: &'static str = "billing";
    // Nothing here refuses a second entry: that each is made once is due to the inbox alone.
    const TABLES: &'static str = "
        CREATE TABLE IF NOT EXISTS journal (
            number INTEGER PRIMARY KEY,
            subject TEXT NOT NULL,
            customer TEXT NOT NULL,
            cents INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE IF NOT EXISTS accounts (customer TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT";

    async fn handle(database: &mut SqliteConnection, message: CloudEvent<Value>) -> Result<(), BoxError> {
        // An invoice, or a credit note.
        let sign = match message.name.as_str() {
            "order.paid" => 1,
            "order.refunded" => -1,
            _ => return Ok(()),
        };
        let Money { customer, cents } = serde_json::from_value(message.data)?;
        sqlx::query("INSERT INTO journal (subject, customer, cents) VALUES (?, ?, ?)")
            .bind(message.subject)
            .bind(&customer)
            .bind(sign * cents)
            .execute(&mut *database)
            .await?;
        sqlx::query("INSERT INTO accounts VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents")
            .bind(&customer)
            .bind(sign * cents)
            .execute(&mut *database)
            .await?;
        Ok(())
    }
}
