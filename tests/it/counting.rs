//! A number in the transactions of each store, for the book.

use eventsource::BoxError;
use eventsource::memory::Kept;
use eventsource::testing::conformance::Counter;
use sqlx::{PgConnection, SqliteConnection};

/// A table of one row.
pub(crate) struct Number;

const MAKE: &str = "CREATE TABLE IF NOT EXISTS number (one INTEGER PRIMARY KEY, count BIGINT NOT NULL)";
const ADD: &str = "INSERT INTO number VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET count = number.count + 1";
const COUNT: &str = "SELECT coalesce(sum(count), 0) FROM number";

impl Counter<SqliteConnection> for Number {
    async fn add(&self, connection: &mut SqliteConnection) -> Result<(), BoxError> {
        sqlx::query(MAKE).execute(&mut *connection).await?;
        sqlx::query(ADD).execute(connection).await?;
        Ok(())
    }

    async fn count(&self, connection: &mut SqliteConnection) -> Result<u64, BoxError> {
        sqlx::query(MAKE).execute(&mut *connection).await?;
        Ok(sqlx::query_scalar::<_, i64>(COUNT).fetch_one(connection).await? as u64)
    }
}

/// In the schema of its own that each rule has a store in.
pub(crate) struct NumberIn(pub(crate) String);

impl NumberIn {
    async fn make(&self, connection: &mut PgConnection) -> Result<(), BoxError> {
        sqlx::query("SELECT set_config('search_path', $1, true)")
            .bind(&self.0)
            .persistent(false)
            .execute(&mut *connection)
            .await?;
        sqlx::query(MAKE).persistent(false).execute(connection).await?;
        Ok(())
    }
}

impl Counter<PgConnection> for NumberIn {
    async fn add(&self, connection: &mut PgConnection) -> Result<(), BoxError> {
        self.make(connection).await?;
        sqlx::query(ADD).persistent(false).execute(connection).await?;
        Ok(())
    }

    async fn count(&self, connection: &mut PgConnection) -> Result<u64, BoxError> {
        self.make(connection).await?;
        let count = "SELECT coalesce(sum(count), 0)::bigint FROM number";
        Ok(sqlx::query_scalar::<_, i64>(count).persistent(false).fetch_one(connection).await? as u64)
    }
}

impl Counter<Kept> for Number {
    async fn add(&self, kept: &mut Kept) -> Result<(), BoxError> {
        let count = self.count(kept).await?;
        kept.insert("number".to_owned(), (count + 1).into());
        Ok(())
    }

    async fn count(&self, kept: &mut Kept) -> Result<u64, BoxError> {
        Ok(kept.get("number").and_then(serde_json::Value::as_u64).unwrap_or_default())
    }
}
