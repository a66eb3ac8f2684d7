//! Where the events are kept: the only file that knows which stores there are.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use eventsource::memory::MemoryStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, StoreError};

/// A store as `--store` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    Sqlite(PathBuf),
    Memory,
}

impl FromStr for StoreUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(file.into())),
            Some(("memory", "")) => Ok(Self::Memory),
            _ => Err("a store is `sqlite:FILE` or `memory:`"),
        }
    }
}

impl StoreUrl {
    pub(crate) async fn open(&self) -> Result<Arc<dyn EventStore>, StoreError> {
        Ok(match self {
            Self::Sqlite(file) => Arc::new(SqliteStore::open(file).await?),
            Self::Memory => Arc::new(MemoryStore::new()),
        })
    }
}
