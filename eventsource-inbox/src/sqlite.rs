//! An inbox in SQLite.

use sqlx::SqliteConnection;

use crate::{InboxConnection, sealed};

const CREATE: &str = "
CREATE TABLE IF NOT EXISTS eventsource_inbox (
    consumer TEXT NOT NULL,
    message_id TEXT NOT NULL,
    handled_at INTEGER NOT NULL DEFAULT (unixepoch()),
    PRIMARY KEY (consumer, message_id)
) STRICT, WITHOUT ROWID";
const NOTE: &str = "INSERT INTO eventsource_inbox (consumer, message_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const FORGET: &str = "DELETE FROM eventsource_inbox WHERE consumer = ?1 AND handled_at < unixepoch() - ?2";

impl sealed::Sealed for SqliteConnection {}

impl InboxConnection for SqliteConnection {
    async fn create_inbox(&mut self) -> Result<(), sqlx::Error> {
        sqlx::query(CREATE).execute(self).await.map(|_| ())
    }

    async fn note(&mut self, consumer: &str, message_id: &str) -> Result<bool, sqlx::Error> {
        let noted = sqlx::query(NOTE).bind(consumer).bind(message_id).execute(self).await?;
        Ok(noted.rows_affected() == 1)
    }

    async fn forget(&mut self, consumer: &str, seconds: i64) -> Result<u64, sqlx::Error> {
        Ok(sqlx::query(FORGET).bind(consumer).bind(seconds).execute(self).await?.rows_affected())
    }
}
