//! Events that projections have parked.

use eventsource_core::backend::{not_parked, not_the_owner};
use eventsource_core::{
    Ask, Checkpoint, CheckpointKey, ParkedAt, ParkedEvent, ParkingStore, Position, ReadParked, StoreError,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection, query};
use uuid::Uuid;

use crate::checkpoints;
use crate::error::explain;
use crate::frame::time;
use crate::maintenance::{begin_beside, end};
use crate::store::SqliteStore;

const OF: &str = "name = ?1 AND view_version = ?2 AND partition = ?3";

/// A statement about the parked events of a projection.
fn about<'q>(statement: String, key: &'q CheckpointKey) -> Query<'q, Sqlite, SqliteArguments> {
    query(AssertSqlSafe(statement)).bind(&*key.name).bind(key.view_version).bind(key.partition)
}

async fn remove(
    file: &str,
    connection: &mut SqliteConnection,
    key: &CheckpointKey,
    at: &ParkedAt,
) -> Result<u64, StoreError> {
    let remove = about(format!("DELETE FROM parked WHERE {OF} AND key = ?4 AND position = ?5"), key);
    let removed = remove.bind(&*at.key).bind(at.position.0 as i64).execute(connection).await;
    Ok(removed.map_err(|error| explain(file, error))?.rows_affected())
}

/// Removes what was retried, in the transaction of what the retry has made; fails unless everything is there.
pub(crate) async fn take(
    file: &str,
    connection: &mut SqliteConnection,
    key: &CheckpointKey,
    events: &[ParkedAt],
) -> Result<(), StoreError> {
    for at in events {
        if remove(file, connection, key, at).await? == 0 {
            return Err(not_parked(key));
        }
    }
    Ok(())
}

/// The checkpoint of this owner. Nobody takes over while the transaction holds the lock.
async fn owned(
    file: &str,
    connection: &mut SqliteConnection,
    (key, owner_epoch): (&CheckpointKey, u64),
) -> Result<Checkpoint, StoreError> {
    match checkpoints::load_on(file, connection, key).await? {
        Some(kept) if kept.owner_epoch == owner_epoch => Ok(kept),
        kept => Err(not_the_owner(key, owner_epoch, kept.as_ref())),
    }
}

async fn park(
    file: &str,
    connection: &mut SqliteConnection,
    key: &CheckpointKey,
    event: &ParkedEvent,
    handled: Position,
) -> Result<(), StoreError> {
    let ParkedEvent { at, event_id, error, parked_at, .. } = event;
    let statement = if at.position > handled {
        let insert = "INSERT INTO parked (name, view_version, partition, key, position, error, event_id, parked_at) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                      ON CONFLICT (name, view_version, partition, key, position) \
                      DO UPDATE SET error = excluded.error, asked = nullif(asked, 0)";
        let insert = about(insert.to_owned(), key).bind(&*at.key).bind(at.position.0 as i64).bind(&**error);
        insert.bind(event_id.as_bytes().to_vec()).bind(parked_at.timestamp_micros())
    } else {
        let update =
            format!("UPDATE parked SET error = ?6, asked = nullif(asked, 0) WHERE {OF} AND key = ?4 AND position = ?5");
        about(update, key).bind(&*at.key).bind(at.position.0 as i64).bind(&**error)
    };
    statement.execute(connection).await.map(drop).map_err(|error| explain(file, error))
}

fn parked(row: &SqliteRow) -> Option<ParkedEvent> {
    let at = ParkedAt::new(row.get::<String, _>(0), Position(row.get::<i64, _>(1) as u64));
    let mut parked = ParkedEvent::new(at, Uuid::from_slice(row.get(2)).ok()?, row.get(3));
    parked.parked_at = time(row.get(4))?;
    parked.asked = row.get::<Option<i16>, _>(5).and_then(Ask::from_code);
    Some(parked)
}

impl SqliteStore {
    /// In a transaction, if it is the owner who asks.
    async fn change_parked(
        &self,
        of: (&CheckpointKey, u64),
        change: impl AsyncFnOnce(&mut SqliteConnection, &str, Position) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let connections = self.views().connections;
        let mut writing = connections.write().await?;
        begin_beside(&mut writing).await?;
        let (file, connection) = (&*connections.file, writing.connection()?);
        let done = match owned(file, connection, of).await {
            Ok(kept) => change(connection, file, kept.cursor.position).await,
            Err(error) => Err(error),
        };
        end(&mut writing, done).await
    }

    async fn list_parked(&self, key: &CheckpointKey, read: &ReadParked) -> Result<Vec<ParkedEvent>, StoreError> {
        let connections = self.views().connections;
        let after = read.after.as_ref().map_or(("", -1), |at| (&*at.key, at.position.0 as i64));
        let list = format!(
            "SELECT key, position, event_id, error, parked_at, asked FROM parked \
             WHERE {OF} AND (?4 IS NULL OR key = ?4) AND (NOT ?5 OR asked IS NOT NULL) AND (key, position) > (?6, ?7) \
             ORDER BY key, position LIMIT ?8"
        );
        let list = about(list, key).bind(read.key.as_deref()).bind(read.asked);
        let list = list.bind(after.0).bind(after.1).bind(read.limit as i64);
        let file = &*connections.file;
        let mut reading = connections.read().await?;
        let rows = list.fetch_all(reading.connection()?).await.map_err(|error| explain(file, error))?;
        drop(reading);
        let damaged = || StoreError::corrupt(format!("{file}: a parked event of {} is damaged", key.name));
        rows.iter().map(|row| parked(row).ok_or_else(damaged)).collect()
    }

    async fn ask(
        &self,
        key: &CheckpointKey,
        of: &str,
        position: Option<Position>,
        ask: Ask,
    ) -> Result<u64, StoreError> {
        let connections = self.views().connections;
        let mut writing = connections.write().await?;
        let mut patience = writing.patience();
        loop {
            let set = format!("UPDATE parked SET asked = ?6 WHERE {OF} AND key = ?4 AND (?5 IS NULL OR position = ?5)");
            let set = about(set, key).bind(of).bind(position.map(|position| position.0 as i64));
            match set.bind(ask.code()).execute(writing.connection()?).await {
                Ok(asked) => return Ok(asked.rows_affected()),
                Err(error) if patience.again(&error).await => {}
                Err(error) => return Err(explain(&connections.file, error)),
            }
        }
    }
}

impl ParkingStore for SqliteStore {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let park = async move |connection: &mut SqliteConnection, file: &str, handled| {
            for event in events {
                park(file, connection, key, event, handled).await?;
            }
            Ok(())
        };
        async move { self.change_parked((key, owner_epoch), park).await }.boxed()
    }

    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let unpark = async move |connection: &mut SqliteConnection, file: &str, _| {
            for at in events {
                remove(file, connection, key, at).await?;
            }
            Ok(())
        };
        async move { self.change_parked((key, owner_epoch), unpark).await }.boxed()
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        async move { self.list_parked(key, read).await }.boxed()
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move { self.ask(key, of, position, ask).await }.boxed()
    }
}
