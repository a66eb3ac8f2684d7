//! Knowing that there are new events: at once from this process, by looking from another.

use std::sync::Arc;
use std::time::Duration;

use eventsource_core::{Position, StoreError};
use sqlx::{Row, SqliteConnection, query};
use tokio::sync::{Mutex, watch};

use crate::connect::Connections;
use crate::error::explain;

/// How often a waiting reader looks whether another process has written.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The newest position that this process knows to be visible.
#[derive(Clone)]
pub(crate) struct Head {
    newest: Arc<watch::Sender<State>>,
    looker: Arc<Mutex<Option<Looker>>>,
}

#[derive(Clone, Copy, Default)]
struct State {
    position: Position,
    closed: bool,
}

/// A connection of its own, because `data_version` compares with what that very connection saw before.
struct Looker {
    connection: SqliteConnection,
    seen: i64,
}

impl Head {
    pub(crate) fn new() -> Self {
        Self { newest: Arc::new(watch::Sender::new(State::default())), looker: Arc::default() }
    }

    /// Notes that everything up to `position` is visible.
    pub(crate) fn advance(&self, position: Position) {
        self.newest.send_if_modified(|state| {
            let newer = position > state.position;
            state.position = state.position.max(position);
            newer
        });
    }

    /// Wakes whoever waits, with an error.
    pub(crate) async fn close(&self) {
        self.newest.send_modify(|state| state.closed = true);
        self.looker.lock().await.take();
    }

    pub(crate) async fn wait_past(
        &self,
        connections: &Connections,
        position: Position,
    ) -> Result<Position, StoreError> {
        let mut newest = self.newest.subscribe();
        if newest.borrow().position <= position {
            self.advance(read_head(connections).await?);
        }
        loop {
            let state = *newest.borrow_and_update();
            if state.closed {
                return Err(StoreError::closed());
            }
            if state.position > position {
                return Ok(state.position);
            }
            match tokio::time::timeout(LOOK_EVERY, newest.changed()).await {
                Ok(changed) => changed.map_err(|_| StoreError::closed())?,
                Err(_) => self.look(connections).await?,
            }
        }
    }

    /// Looks for events of another process. One waiter at a time is enough; the others hear of it.
    async fn look(&self, connections: &Connections) -> Result<(), StoreError> {
        let Ok(mut looker) = self.looker.try_lock() else { return Ok(()) };
        let failed = |error| explain(&connections.file, error);
        if looker.is_none() {
            *looker = connections.another().await?.map(|connection| Looker { connection, seen: -1 });
        }
        // In memory nobody else can write, but an append whose caller went away has told nobody.
        let Some(Looker { connection, seen }) = &mut *looker else {
            self.advance(read_head(connections).await?);
            return Ok(());
        };
        let row = query("PRAGMA data_version").fetch_one(&mut *connection).await.map_err(failed)?;
        let now: i64 = row.get(0);
        if now != *seen {
            self.advance(read_head(connections).await?);
            // Only now: if this waiter goes away while it reads, another one must still find the change.
            *seen = now;
        }
        Ok(())
    }
}

pub(crate) async fn read_head(connections: &Connections) -> Result<Position, StoreError> {
    let mut reading = connections.read().await?;
    let row = query("SELECT coalesce(max(position), 0) FROM events")
        .fetch_one(reading.connection()?)
        .await
        .map_err(|error| explain(&connections.file, error))?;
    Ok(Position(row.get::<i64, _>(0) as u64))
}
