//! A service behind the broker: a database of its own, in which it notes what it has handled.

use std::path::Path;
use std::time::Duration;

use eventsource::{BoxError, CloudEvent};
use eventsource_inbox::Inbox;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::broker::Broker;

/// Messages that came again, and for which nothing was done.
const REPEATED: &str = "CREATE TABLE IF NOT EXISTS repeated (message_id TEXT NOT NULL) STRICT";
/// Whoever was killed may hold the file for a moment longer.
const BUSY: Duration = Duration::from_secs(30);

/// What a service makes of messages.
pub(crate) trait Service {
    const NAME: &'static str;
    /// Its own model: tables.
    const TABLES: &'static str;

    /// In a transaction of its database, once for each message. It must not act on anything else.
    fn handle(
        database: &mut SqliteConnection,
        message: CloudEvent<Value>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Goes on until it is killed.
pub(crate) async fn run<S: Service>(broker: &Broker, folder: &Path) -> Result<(), BoxError> {
    let mut database = options(folder, S::NAME).create_if_missing(true).connect().await?;
    sqlx::raw_sql(S::TABLES).execute(&mut database).await?;
    sqlx::query(REPEATED).execute(&mut database).await?;
    let inbox = Inbox::new(S::NAME);
    inbox.create(&mut database).await?;
    let mut queue = broker.queue(S::NAME).await?;
    loop {
        let delivery = queue.next().await?;
        let message: CloudEvent<Value> = serde_json::from_slice(delivery.body())?;
        let mut transaction = database.begin().await?;
        if inbox.is_new(&mut *transaction, &message.id).await? {
            S::handle(&mut transaction, message).await?;
        } else {
            let repeated = sqlx::query("INSERT INTO repeated VALUES (?)").bind(message.id);
            repeated.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        // Last: whoever is killed before gets it again.
        delivery.done().await?;
    }
}

/// Where a service keeps its database.
pub(crate) fn options(folder: &Path, service: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(folder.join(format!("{service}.db"))).busy_timeout(BUSY)
}
