//! How far consumers have come.

use eventsource_core::{Checkpoint, CheckpointKey, Cursor, Position, StoreError, StoreIdentity, now};
use sqlx::{Row, query};
use uuid::Uuid;

use crate::connect::Connections;
use crate::error::explain;

pub(crate) async fn load(connections: &Connections, key: &CheckpointKey) -> Result<Option<Checkpoint>, StoreError> {
    let file = &connections.file;
    let mut reading = connections.read().await?;
    let row = query(
        "SELECT position, event_id, store_id, owner_epoch FROM checkpoints \
         WHERE name = ?1 AND view_version = ?2 AND partition = ?3",
    )
    .bind(&*key.name)
    .bind(key.view_version)
    .bind(key.partition)
    .fetch_optional(reading.connection()?)
    .await
    .map_err(|error| explain(file, error))?;
    let Some(row) = row else { return Ok(None) };
    let uuid = |bytes| {
        Uuid::from_slice(bytes)
            .map_err(|_| StoreError::corrupt(format!("{file}: the checkpoint of {} is damaged", key.name)))
    };
    let cursor = Cursor::new(Position(row.get::<i64, _>(0) as u64), uuid(row.get(1))?);
    let store = StoreIdentity::new(uuid(row.get(2))?, 0);
    Ok(Some(Checkpoint::new(cursor, store).owner_epoch(row.get::<i64, _>(3) as u64)))
}

pub(crate) async fn save(
    connections: &Connections,
    key: &CheckpointKey,
    checkpoint: Checkpoint,
) -> Result<(), StoreError> {
    let mut writing = connections.write().await?;
    let mut patience = writing.patience();
    let saved = loop {
        let statement = query(include_str!("sql/save_checkpoint.sql"))
            .bind(&*key.name)
            .bind(key.view_version)
            .bind(key.partition)
            .bind(checkpoint.cursor.position.0 as i64)
            .bind(&checkpoint.cursor.event_id.as_bytes()[..])
            .bind(&checkpoint.store_id.as_bytes()[..])
            .bind(checkpoint.owner_epoch as i64)
            .bind(now().timestamp_micros());
        match statement.execute(writing.connection()?).await {
            Ok(saved) => break saved,
            Err(error) if patience.again(&error).await => {}
            Err(error) => return Err(explain(&connections.file, error)),
        }
    };
    if saved.rows_affected() == 0 {
        return Err(StoreError::fenced(format!(
            "checkpoint {} belongs to a newer owner than {}",
            key.name, checkpoint.owner_epoch
        )));
    }
    Ok(())
}
