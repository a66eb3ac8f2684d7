//! How far consumers have come.

use eventsource_core::{Checkpoint, CheckpointKey, Cursor, Position, StoreError, StoreIdentity};
use sqlx::Row;

use crate::connect::Connections;
use crate::sql::Sql;

pub(crate) async fn load(
    connections: &Connections,
    sql: &Sql,
    key: &CheckpointKey,
) -> Result<Option<Checkpoint>, StoreError> {
    let loaded = connections.run(async |link| {
        let row = sql
            .query(&sql.load_checkpoint)
            .bind(&*key.name)
            .bind(key.view_version as i32)
            .bind(key.partition as i32)
            .fetch_optional(&mut link.pg)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let cursor = Cursor::new(Position(row.try_get::<i64, _>(0)? as u64), row.try_get(1)?);
        let store = StoreIdentity::new(row.try_get(2)?, 0);
        Ok(Some(Checkpoint::new(cursor, store).owner_epoch(row.try_get::<i64, _>(3)? as u64)))
    });
    loaded.await
}

pub(crate) async fn save(
    connections: &Connections,
    sql: &Sql,
    key: &CheckpointKey,
    checkpoint: Checkpoint,
) -> Result<(), StoreError> {
    let saved = connections.run(async |link| {
        let saved = sql
            .query(&sql.save_checkpoint)
            .bind(&*key.name)
            .bind(key.view_version as i32)
            .bind(key.partition as i32)
            .bind(checkpoint.cursor.position.0 as i64)
            .bind(checkpoint.cursor.event_id)
            .bind(checkpoint.store_id)
            .bind(checkpoint.owner_epoch as i64)
            .execute(&mut link.pg)
            .await?;
        Ok(saved.rows_affected())
    });
    if saved.await? == 0 {
        return Err(StoreError::fenced(format!(
            "checkpoint {} belongs to a newer owner than {}",
            key.name, checkpoint.owner_epoch
        )));
    }
    Ok(())
}
