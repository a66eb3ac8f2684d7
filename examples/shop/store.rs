//! Where the events are kept.

use std::path::PathBuf;
use std::sync::Arc;

use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{StoreError, ViewStore};

/// No `Debug`: an address has a password in it.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Store {
    /// Makes it, if it is not there.
    pub(crate) async fn make(&self) -> Result<Arc<dyn ViewStore>, StoreError> {
        if let Self::Postgres(url) = self {
            PgStore::migrate(url).await?;
        }
        self.open().await
    }

    pub(crate) async fn open(&self) -> Result<Arc<dyn ViewStore>, StoreError> {
        Ok(match self {
            Self::Sqlite(file) => Arc::new(SqliteStore::open(file).await?),
            Self::Postgres(url) => Arc::new(PgStore::connect(url).await?),
        })
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}
