//! An inbox in PostgreSQL.

use sqlx::PgConnection;

use crate::{InboxConnection, sealed};

/// Two processes that make a table at the same time are an error in PostgreSQL, also with `IF NOT EXISTS`; so they take turns.
const CREATE: &str = "
DO $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('eventsource_inbox', 0));
    CREATE TABLE IF NOT EXISTS eventsource_inbox (
        consumer text NOT NULL,
        message_id text NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (consumer, message_id)
    );
END $$";
const NOTE: &str = "INSERT INTO eventsource_inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const FORGET: &str =
    "DELETE FROM eventsource_inbox WHERE consumer = $1 AND handled_at < now() - make_interval(secs => $2::float8)";

impl sealed::Sealed for PgConnection {}

impl InboxConnection for PgConnection {
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
