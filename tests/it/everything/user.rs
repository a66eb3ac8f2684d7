//! A user of the store's database, who writes rows of a table of their own in one transaction with events.

use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{AppendOutcome, AppendRequest};
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::Mutex;

use super::journal::End;
use super::worker::{may_pass, places};

/// The user's table.
pub(super) const CREATE_RECEIPTS: &str = "CREATE TABLE receipts (tag text NOT NULL)";

/// Somebody who has a table in the store's database.
pub(super) struct User {
    url: String,
    store: PgStore,
    connection: Mutex<Option<PgConnection>>,
}

impl User {
    pub(super) fn new(url: String, store: PgStore) -> Self {
        Self { url, store, connection: Mutex::default() }
    }

    /// A row and an event, or neither.
    pub(super) async fn within(&self, request: AppendRequest, tag: &str, is_committed: bool, hold: Duration) -> End {
        // Taken out, so that one that is given up in the middle is not used again.
        let mut kept = self.connection.lock().await;
        let connection = match kept.take() {
            Some(connection) => Ok(connection),
            None => PgConnection::connect(&self.url).await,
        };
        if let Ok(mut connection) = connection
            && let Ok(end) = self.transaction(&mut connection, request, tag, is_committed, hold).await
        {
            *kept = Some(connection);
            self.store.wake();
            return end;
        }
        // Without a connection, too: it may be a repetition.
        if is_committed { End::Unknown } else { End::Undone }
    }

    async fn transaction(
        &self,
        connection: &mut PgConnection,
        request: AppendRequest,
        tag: &str,
        is_committed: bool,
        hold: Duration,
    ) -> Result<End, ()> {
        connection.execute("BEGIN").await.map_err(drop)?;
        let row_first = tag.len().is_multiple_of(2);
        let receipt = || sqlx::query("INSERT INTO receipts VALUES ($1)").bind(tag.to_owned());
        if row_first {
            receipt().execute(&mut *connection).await.map_err(drop)?;
        }
        let appended = self.store.append_in(connection, &request).await;
        let outcome = appended.map_err(|error| assert!(may_pass(&error), "{error:?}"))?;
        if !row_first {
            receipt().execute(&mut *connection).await.map_err(drop)?;
        }
        tokio::time::sleep(hold).await;
        // What was done before has its row from then.
        let is_new = matches!(outcome, AppendOutcome::Stored(_));
        let end = if is_committed && is_new { "COMMIT" } else { "ROLLBACK" };
        connection.execute(end).await.map_err(drop)?;
        Ok(if is_committed { places(&request, outcome) } else { End::Undone })
    }
}
