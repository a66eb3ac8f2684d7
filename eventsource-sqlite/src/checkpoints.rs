//! How far consumers have come.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use eventsource_core::{
    Advance, Checkpoint, CheckpointKey, Claim, Clock, Cursor, Position, StoreError, StoreIdentity, now,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection, query};
use uuid::Uuid;

use crate::connect::Connections;
use crate::error::explain;
use crate::frame::time;
use crate::maintenance::{begin_beside, end};

/// How often a claim is tried while others take it over at the same moment.
const CLAIMS: usize = 16;

pub(crate) async fn load(connections: &Connections, key: &CheckpointKey) -> Result<Option<Checkpoint>, StoreError> {
    let mut reading = connections.read().await?;
    load_on(&connections.file, reading.connection()?, key).await
}

pub(crate) async fn load_on(
    file: &str,
    connection: &mut SqliteConnection,
    key: &CheckpointKey,
) -> Result<Option<Checkpoint>, StoreError> {
    let row = query(
        "SELECT position, event_id, store_id, owner_epoch FROM checkpoints \
         WHERE name = ?1 AND view_version = ?2 AND partition = ?3",
    )
    .bind(&*key.name)
    .bind(key.view_version)
    .bind(key.partition)
    .fetch_optional(connection)
    .await
    .map_err(|error| explain(file, error))?;
    row.map(|row| checkpoint(&row).ok_or_else(|| damaged(file, key))).transpose()
}

/// From its first four columns.
fn checkpoint(row: &SqliteRow) -> Option<Checkpoint> {
    let uuid = |column| Uuid::from_slice(row.get(column)).ok();
    let cursor = Cursor::new(Position(row.get::<i64, _>(0) as u64), uuid(1)?);
    let store = StoreIdentity::new(uuid(2)?, 0);
    Some(Checkpoint::new(cursor, store).owner_epoch(row.get::<i64, _>(3) as u64))
}

fn damaged(file: &str, key: &CheckpointKey) -> StoreError {
    StoreError::corrupt(format!("{file}: the checkpoint of {} is damaged", key.name))
}

pub(crate) async fn save(
    connections: &Connections,
    key: &CheckpointKey,
    checkpoint: Checkpoint,
) -> Result<(), StoreError> {
    let mut writing = connections.write().await?;
    let mut patience = writing.patience();
    let saved = loop {
        let statement = bind(query(include_str!("sql/save_checkpoint.sql")), key, checkpoint);
        match statement.execute(writing.connection()?).await {
            Ok(saved) => break saved,
            Err(error) if patience.again(&error).await => {}
            Err(error) => return Err(explain(&connections.file, error)),
        }
    };
    if saved.rows_affected() == 0 {
        return Err(fenced(key, checkpoint));
    }
    Ok(())
}

/// Moves a checkpoint inside the transaction of the rows that it is of.
pub(crate) async fn advance(
    file: &str,
    connection: &mut SqliteConnection,
    key: &CheckpointKey,
    checkpoint: Checkpoint,
) -> Result<(), StoreError> {
    let statement = bind(query(include_str!("sql/advance_checkpoint.sql")), key, checkpoint);
    let moved = statement.execute(&mut *connection).await.map_err(|error| explain(file, error))?;
    if moved.rows_affected() > 0 {
        return Ok(());
    }
    match load_on(file, connection, key).await? {
        Some(kept) if kept.owner_epoch <= checkpoint.owner_epoch => Err(StoreError::fenced(format!(
            "checkpoint {} is at {}, ahead of {}: an earlier write, whose answer was lost, has landed since",
            key.name, kept.cursor.position, checkpoint.cursor.position
        ))),
        _ => Err(fenced(key, checkpoint)),
    }
}

/// The same behind work of somebody else's: from where its owner left it, and from nowhere else.
pub(crate) async fn advance_from(
    file: &str,
    connection: &mut SqliteConnection,
    advance: &Advance,
) -> Result<(), StoreError> {
    // Nobody else writes while the transaction holds the lock.
    let kept = load_on(file, connection, &advance.key).await?;
    if !advance.fits(kept.as_ref()) {
        return Err(advance.refused(kept.as_ref()));
    }
    self::advance(file, connection, &advance.key, advance.to).await
}

fn fenced(key: &CheckpointKey, checkpoint: Checkpoint) -> StoreError {
    StoreError::fenced(format!("checkpoint {} belongs to a newer owner than {}", key.name, checkpoint.owner_epoch))
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

fn bind<'q>(statement: Statement<'q>, key: &'q CheckpointKey, checkpoint: Checkpoint) -> Statement<'q> {
    statement
        .bind(&*key.name)
        .bind(key.view_version)
        .bind(key.partition)
        .bind(checkpoint.cursor.position.0 as i64)
        .bind(checkpoint.cursor.event_id.as_bytes().to_vec())
        .bind(checkpoint.store_id.as_bytes().to_vec())
        .bind(checkpoint.owner_epoch as i64)
        .bind(now().timestamp_micros())
}

pub(crate) async fn claim(
    connections: &Connections,
    key: &CheckpointKey,
    (owner, lease): (Uuid, Duration),
    store: StoreIdentity,
    clock: &Clock,
) -> Result<Claim, StoreError> {
    for _ in 0..CLAIMS {
        // Most who ask do not get it, and need not wait for the writing connection to hear that.
        if let Some((held_by, until)) = holder(connections, key).await?
            && held_by != owner
            && until > clock.now()
        {
            return Ok(Claim::Held { owner: held_by, until });
        }
        if let Some(checkpoint) = take(connections, key, (owner, lease), store, clock).await? {
            return Ok(Claim::Owned(checkpoint));
        }
    }
    Err(StoreError::transient(format!("checkpoint {} changes hands all the time", key.name)))
}

/// Who has claimed it, and until when.
async fn holder(connections: &Connections, key: &CheckpointKey) -> Result<Option<(Uuid, DateTime<Utc>)>, StoreError> {
    let file = &connections.file;
    let mut reading = connections.read().await?;
    let row = query(
        "SELECT owner, owned_until FROM checkpoints \
         WHERE name = ?1 AND view_version = ?2 AND partition = ?3 AND owner IS NOT NULL",
    )
    .bind(&*key.name)
    .bind(key.view_version)
    .bind(key.partition)
    .fetch_optional(reading.connection()?)
    .await
    .map_err(|error| explain(file, error))?;
    let Some(row) = row else { return Ok(None) };
    let holder = Uuid::from_slice(row.get(0)).ok().zip(time(row.get(1)));
    holder.map(Some).ok_or_else(|| damaged(file, key))
}

async fn take(
    connections: &Connections,
    key: &CheckpointKey,
    (owner, lease): (Uuid, Duration),
    store: StoreIdentity,
    clock: &Clock,
) -> Result<Option<Checkpoint>, StoreError> {
    let mut writing = connections.write().await?;
    begin_beside(&mut writing).await?;
    // Read while the lock is held: a transaction of the owner's may have taken long, and its lease is not over before
    // whoever waited here can see that it was renewed.
    let now = clock.now();
    let until = TimeDelta::from_std(lease).ok().and_then(|lease| now.checked_add_signed(lease));
    let until = until.unwrap_or(DateTime::<Utc>::MAX_UTC);
    let statement = query(include_str!("sql/claim.sql"))
        .bind(&*key.name)
        .bind(key.view_version)
        .bind(key.partition)
        .bind(&store.id.as_bytes()[..])
        .bind(&owner.as_bytes()[..])
        .bind(now.timestamp_micros())
        .bind(until.timestamp_micros());
    let taken = match statement.fetch_optional(writing.connection()?).await {
        Ok(row) => row.map(|row| checkpoint(&row).ok_or_else(|| damaged(&connections.file, key))).transpose(),
        Err(error) => Err(explain(&connections.file, error)),
    };
    end(&mut writing, taken).await
}

pub(crate) async fn release(connections: &Connections, key: &CheckpointKey, owner: Uuid) -> Result<(), StoreError> {
    let mut writing = connections.write().await?;
    let mut patience = writing.patience();
    loop {
        let statement = query(
            "UPDATE checkpoints SET owner = NULL, owned_until = NULL \
             WHERE name = ?1 AND view_version = ?2 AND partition = ?3 AND owner = ?4",
        )
        .bind(&*key.name)
        .bind(key.view_version)
        .bind(key.partition)
        .bind(&owner.as_bytes()[..]);
        match statement.execute(writing.connection()?).await {
            Ok(_) => return Ok(()),
            Err(error) if patience.again(&error).await => {}
            Err(error) => return Err(explain(&connections.file, error)),
        }
    }
}
