//! Where the events are kept: the only file that knows which stores there are.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{StoreError, ViewStore};

/// A store as `--store` names it. No `Debug`: an address has a password in it.
#[derive(Clone)]
pub(crate) enum Store {
    Sqlite(PathBuf),
    Postgres(String),
    Memory(MemoryStore),
}

impl FromStr for Store {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            Some(("memory", "")) => Ok(Self::Memory(MemoryStore::new())),
            _ => Err("a store is `sqlite:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` or `memory:`"),
        }
    }
}

impl Store {
    /// As another process is told, if it can be.
    pub(crate) fn address(&self) -> Option<String> {
        match self {
            Self::Sqlite(file) => Some(format!("sqlite:{}", file.display())),
            Self::Postgres(url) => Some(url.clone()),
            Self::Memory(_) => None,
        }
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
            Self::Memory(_) => "memory",
        }
    }

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
            Self::Memory(store) => Arc::new(store.clone()),
        })
    }
}
