//! Connections: one that writes, some that read, all with the same settings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eventsource_core::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::batch::roll_back;
use crate::error::explain;
use crate::migrate;
use crate::options::{SqliteOptions, Synchronous};
use crate::patience::Patience;
use crate::readers::{Reader, Readers};

/// The file as shown in messages, one connection that writes, and those that read.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) file: Arc<str>,
    write: Arc<Mutex<Option<SqliteConnection>>>,
    /// How often maintenance or an import may have changed events behind the writer's back.
    maintained: Arc<AtomicU64>,
    busy_timeout: Duration,
    /// None in memory, where one connection does everything: a second one would be a second database.
    readers: Option<Arc<Readers>>,
}

/// Kibibytes of pages that the writer, and each reader, may keep: 16 MiB and 8 MiB.
const WRITER_CACHE: &str = "-16384";
const READER_CACHE: &str = "-8192";
/// The write-ahead log is cut to this when it is empty: 64 MiB.
const WAL_LIMIT: &str = "67108864";

impl Connections {
    pub(crate) async fn file(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        let file: Arc<str> = path.display().to_string().into();
        let plain = SqliteConnectOptions::new().filename(path).busy_timeout(options.busy_timeout);
        // Nothing is written, not even a journal mode, before the file is known to be ours or new.
        refuse_foreign(path, &file, &plain).await?;
        let common = plain
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match options.synchronous {
                Synchronous::Full => SqliteSynchronous::Full,
                Synchronous::Normal => SqliteSynchronous::Normal,
            })
            .pragma("journal_size_limit", WAL_LIMIT);
        let writer = common.clone().pragma("cache_size", WRITER_CACHE);
        let write = writer.connect().await.map_err(|error| explain(&file, error))?;
        let readers = Readers::new(file.clone(), common.pragma("cache_size", READER_CACHE), options.readers);
        Ok(Self {
            file,
            write: Arc::new(Mutex::new(Some(write))),
            maintained: Arc::default(),
            busy_timeout: options.busy_timeout,
            readers: Some(Arc::new(readers)),
        })
    }

    pub(crate) async fn memory() -> Result<Self, StoreError> {
        let file: Arc<str> = ":memory:".into();
        let options = SqliteConnectOptions::new().in_memory(true);
        let write = options.connect().await.map_err(|error| explain(&file, error))?;
        let write = Arc::new(Mutex::new(Some(write)));
        Ok(Self { file, write, maintained: Arc::default(), busy_timeout: Duration::ZERO, readers: None })
    }

    /// The connection that writes, for one at a time.
    pub(crate) async fn write(&self) -> Result<Writing, StoreError> {
        let guard = self.write.clone().lock_owned().await;
        if guard.is_none() {
            return Err(StoreError::closed());
        }
        Ok(Writing {
            held: Some(guard),
            open: Open::Nothing,
            file: self.file.clone(),
            maintained: self.maintained.clone(),
            busy_timeout: self.busy_timeout,
        })
    }

    /// A connection that reads.
    pub(crate) async fn read(&self) -> Result<Reading, StoreError> {
        match &self.readers {
            Some(readers) => Ok(Reading::Own(readers.acquire().await?)),
            None => Ok(Reading::Same(self.write().await?)),
        }
    }

    /// A new connection with the readers' settings; none in memory.
    pub(crate) async fn another(&self) -> Result<Option<SqliteConnection>, StoreError> {
        match &self.readers {
            Some(readers) => Ok(Some(readers.connect().await?)),
            None => Ok(None),
        }
    }

    /// Waits for the writer, and closes everything.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        match self.write.lock().await.take() {
            Some(write) => write.close().await.map_err(|error| explain(&self.file, error)),
            None => Ok(()),
        }
    }
}

/// The connection that writes, held.
pub(crate) struct Writing {
    /// Always there until it is dropped.
    held: Option<OwnedMutexGuard<Option<SqliteConnection>>>,
    open: Open,
    file: Arc<str>,
    maintained: Arc<AtomicU64>,
    busy_timeout: Duration,
}

/// A transaction whose own code ends it, committed or rolled back, unless that code is cut short.
enum Open {
    Nothing,
    Batch,
    Callers,
}

impl Writing {
    /// The connection, the file as shown, and how often maintenance or an import may have changed events.
    pub(crate) fn parts(&mut self) -> Result<(&mut SqliteConnection, &str, u64), StoreError> {
        let maintained = self.maintained.load(Ordering::Relaxed);
        let held = self.held.as_mut().and_then(|held| held.as_mut());
        Ok((held.ok_or_else(StoreError::closed)?, &self.file, maintained))
    }

    /// Says that the transaction of a batch is open, until [`Self::leave`].
    pub(crate) fn enter_batch(&mut self) {
        self.open = Open::Batch;
    }

    /// The same for a transaction whose caller may go away.
    pub(crate) fn enter_callers(&mut self) {
        self.open = Open::Callers;
    }

    /// The same for maintenance or an import, and makes the writer forget what it knows, before that changes.
    pub(crate) fn enter_maintenance(&mut self) {
        self.enter_callers();
        self.maintained.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&mut self) {
        self.open = Open::Nothing;
    }

    /// How long to wait for another process.
    pub(crate) fn patience(&self) -> Patience {
        Patience::new(self.busy_timeout)
    }

    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        Ok(self.parts()?.0)
    }
}

impl Drop for Writing {
    /// A connection is never given back inside a transaction: what others write on it would be part of
    /// one that nobody commits.
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        match (&self.open, tokio::runtime::Handle::try_current()) {
            (Open::Nothing, _) => {}
            // Its caller went away. Nobody gets the connection before the rollback is done.
            (Open::Callers, Ok(runtime)) => drop(runtime.spawn(async move {
                if let Some(connection) = held.as_mut() {
                    roll_back(connection).await;
                }
            })),
            // A panic. Closing the connection rolls back, and with it the store is closed.
            (Open::Batch, _) | (Open::Callers, Err(_)) => drop(held.take()),
        }
    }
}

/// A connection that reads, held.
pub(crate) enum Reading {
    Own(Reader),
    Same(Writing),
}

impl Reading {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match self {
            Self::Own(reader) => reader.connection(),
            Self::Same(writing) => writing.connection(),
        }
    }
}

async fn refuse_foreign(path: &Path, file: &str, plain: &SqliteConnectOptions) -> Result<(), StoreError> {
    match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.is_dir() => {
            return Err(StoreError::failed(format!("{file}: is a folder, not a file")));
        }
        Ok(metadata) if metadata.len() > 0 => {}
        _ => return Ok(()),
    }
    let mut connection = SqliteConnection::connect_with(plain).await.map_err(|error| explain(file, error))?;
    let checked = migrate::check_owner(&mut connection, file).await;
    connection.close().await.map_err(|error| explain(file, error))?;
    checked
}
