//! Where the events are kept: the only file that knows which stores there are.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{StoreError, ViewStore};

/// A store as `--store` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    Sqlite(PathBuf),
    Postgres(Address),
    Memory,
}

/// An address with a password in it, which is not to be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

impl FromStr for StoreUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Address(text.to_owned()))),
            Some(("memory", "")) => Ok(Self::Memory),
            _ => Err("a store is `sqlite:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` or `memory:`"),
        }
    }
}

impl StoreUrl {
    pub(crate) async fn open(&self) -> Result<Arc<dyn ViewStore>, StoreError> {
        Ok(match self {
            Self::Sqlite(file) => Arc::new(SqliteStore::open(file).await?),
            Self::Postgres(Address(url)) => {
                PgStore::migrate(url).await?;
                Arc::new(PgStore::connect(url).await?)
            }
            Self::Memory => Arc::new(MemoryStore::new()),
        })
    }
}
