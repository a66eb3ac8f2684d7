//! How far consumers have come.

use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource_core::{Checkpoint, CheckpointKey, Claim, Cursor, Position, StoreError, StoreIdentity};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::connect::{Connections, Link};
use crate::error::Failure;
use crate::sql::Sql;

/// For ever: PostgreSQL's times end in the year 294276.
const LONGEST_LEASE: Duration = Duration::from_secs(1_000 * 365 * 24 * 3_600);
/// How often a claim is tried while others take it over at the same moment.
const CLAIMS: usize = 16;

pub(crate) async fn load(
    connections: &Connections,
    sql: &Sql,
    key: &CheckpointKey,
) -> Result<Option<Checkpoint>, StoreError> {
    connections.run(async |link| load_on(link, sql, key).await).await
}

pub(crate) async fn load_on(link: &mut Link, sql: &Sql, key: &CheckpointKey) -> Result<Option<Checkpoint>, Failure> {
    let row = sql
        .query(&sql.load_checkpoint)
        .bind(&*key.name)
        .bind(key.view_version as i32)
        .bind(key.partition as i32)
        .fetch_optional(&mut link.pg)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(checkpoint(&row)?))
}

/// From its first four columns.
fn checkpoint(row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
    let cursor = Cursor::new(Position(row.try_get::<i64, _>(0)? as u64), row.try_get(1)?);
    let store = StoreIdentity::new(row.try_get(2)?, 0);
    Ok(Checkpoint::new(cursor, store).owner_epoch(row.try_get::<i64, _>(3)? as u64))
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
        return Err(fenced(key, checkpoint));
    }
    Ok(())
}

fn fenced(key: &CheckpointKey, checkpoint: Checkpoint) -> StoreError {
    StoreError::fenced(format!("checkpoint {} belongs to a newer owner than {}", key.name, checkpoint.owner_epoch))
}

/// Why a checkpoint was not moved together with the rows of a view.
pub(crate) async fn why_refused(
    connections: &Connections,
    sql: &Sql,
    key: &CheckpointKey,
    checkpoint: Checkpoint,
) -> StoreError {
    match load(connections, sql, key).await {
        Ok(Some(kept)) if kept.owner_epoch <= checkpoint.owner_epoch => StoreError::fenced(format!(
            "checkpoint {} is at {}, ahead of {}: an earlier write, whose answer was lost, has landed since",
            key.name, kept.cursor.position, checkpoint.cursor.position
        )),
        Ok(_) => fenced(key, checkpoint),
        Err(error) => error,
    }
}

/// `now` is the time, if it is not the server's.
pub(crate) async fn claim(
    connections: &Connections,
    sql: &Sql,
    key: &CheckpointKey,
    (owner, lease): (Uuid, Duration),
    (store, now): (StoreIdentity, Option<DateTime<Utc>>),
) -> Result<Claim, StoreError> {
    let lease = lease.min(LONGEST_LEASE).as_micros() as i64;
    for _ in 0..CLAIMS {
        let claimed = connections.run(async |link| {
            let row = sql
                .query(&sql.claim)
                .bind(&*key.name)
                .bind(key.view_version as i32)
                .bind(key.partition as i32)
                .bind(store.id)
                .bind(owner)
                .bind(lease)
                .bind(now)
                .fetch_optional(&mut link.pg)
                .await?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(match row.try_get(4)? {
                Some(owner) => Claim::Held { owner, until: row.try_get(5)? },
                None => Claim::Owned(checkpoint(&row)?),
            }))
        });
        if let Some(claim) = claimed.await? {
            return Ok(claim);
        }
    }
    Err(StoreError::transient(format!("checkpoint {} changes hands all the time", key.name)))
}

pub(crate) async fn release(
    connections: &Connections,
    sql: &Sql,
    key: &CheckpointKey,
    owner: Uuid,
) -> Result<(), StoreError> {
    let released = connections.run(async |link| {
        sql.query(&sql.release)
            .bind(&*key.name)
            .bind(key.view_version as i32)
            .bind(key.partition as i32)
            .bind(owner)
            .execute(&mut link.pg)
            .await?;
        Ok(())
    });
    released.await
}
