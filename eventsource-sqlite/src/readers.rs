//! The connections that read: opened when needed, kept, and given back without a hop.
//!
//! sqlx's own pool gives a connection back in a task that it spawns, and the next reader waits for
//! that task; here it is back when the reader is dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventsource_core::StoreError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::explain;

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Readers {
    file: Arc<str>,
    options: SqliteConnectOptions,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
}

impl Readers {
    pub(crate) fn new(file: Arc<str>, options: SqliteConnectOptions, size: u32) -> Self {
        let places = Arc::new(Semaphore::new(size as usize));
        Self { file, options, places, idle: Arc::default() }
    }

    pub(crate) async fn acquire(&self) -> Result<Reader, StoreError> {
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.wait().await?,
        };
        let idle = lock(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(Reader { connection: Some(connection), home: self.idle.clone(), places: self.places.clone(), _place: place })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        match tokio::time::timeout(PATIENCE, self.places.clone().acquire_owned()).await {
            Ok(place) => place.map_err(|_| StoreError::closed()),
            Err(_) => {
                let message = format!("{}: no reading connection became free in {PATIENCE:?}", self.file);
                Err(StoreError::transient(message))
            }
        }
    }

    pub(crate) async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.options.connect().await.map_err(|error| explain(&self.file, error))
    }

    pub(crate) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *lock(&self.idle));
        for connection in idle {
            // Nothing was written on it, so nothing can be lost by a failure to close it.
            let _ = connection.close().await;
        }
    }
}

/// A reading connection, given back when dropped.
pub(crate) struct Reader {
    connection: Option<SqliteConnection>,
    home: Arc<Mutex<Vec<SqliteConnection>>>,
    places: Arc<Semaphore>,
    // Given back after the connection, so that whoever takes the place finds it.
    _place: OwnedSemaphorePermit,
}

impl Reader {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.as_mut().ok_or_else(StoreError::closed)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.places.is_closed() {
            lock(&self.home).extend(self.connection.take());
        }
    }
}

/// No code that can panic runs under the lock.
fn lock(idle: &Mutex<Vec<SqliteConnection>>) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
