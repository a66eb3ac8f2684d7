//! The one way to change what was recorded, and it leaves a trace.

use eventsource_core::{AppendRequest, BoxError, Clock, ExpectedVersion, NewEvent, Position, StoreError, StreamId};
use serde_json::json;
use sqlx::{SqliteConnection, query};

use crate::batch::{Batch, roll_back};
use crate::connect::{Connections, Writing};
use crate::error::explain;

/// Runs `change` in a transaction that may update and delete events; answers its result and the last position.
pub(crate) async fn maintain<T>(
    connections: &Connections,
    clock: &Clock,
    actor: &str,
    reason: &str,
    change: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, BoxError>,
) -> Result<(T, Position), StoreError> {
    let mut writing = connections.write().await?;
    begin(&mut writing).await?;
    let changed = permitted(writing.connection()?, &connections.file, clock, actor, reason, change).await;
    end(&mut writing, changed).await
}

/// Begins a transaction that changes events behind the writer's back, and is rolled back if its caller goes away.
pub(crate) async fn begin(writing: &mut Writing) -> Result<(), StoreError> {
    writing.enter_maintenance();
    take_lock(writing).await
}

/// Begins a transaction that changes no event, and is rolled back if its caller goes away.
pub(crate) async fn begin_beside(writing: &mut Writing) -> Result<(), StoreError> {
    writing.enter_callers();
    take_lock(writing).await
}

async fn take_lock(writing: &mut Writing) -> Result<(), StoreError> {
    let mut patience = writing.patience();
    let (connection, file, _) = writing.parts()?;
    loop {
        match query("BEGIN IMMEDIATE").execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(error) if patience.again(&error).await => {}
            Err(error) => {
                let error = explain(file, error);
                writing.leave();
                return Err(error);
            }
        }
    }
}

/// Commits what has succeeded, and rolls back what has not.
pub(crate) async fn end<T>(writing: &mut Writing, done: Result<T, StoreError>) -> Result<T, StoreError> {
    let (connection, file, _) = writing.parts()?;
    let ended = match &done {
        Ok(_) => query("COMMIT").execute(&mut *connection).await.map(drop).map_err(|error| explain(file, error)),
        Err(_) => Ok(()),
    };
    if done.is_err() || ended.is_err() {
        roll_back(connection).await;
    }
    writing.leave();
    ended.and(done)
}

/// What happens inside the transaction.
async fn permitted<T>(
    connection: &mut SqliteConnection,
    file: &str,
    clock: &Clock,
    actor: &str,
    reason: &str,
    change: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, BoxError>,
) -> Result<(T, Position), StoreError> {
    let failed = |error| explain(file, error);
    query("INSERT INTO maintenance_permit (one) VALUES (1)").execute(&mut *connection).await.map_err(failed)?;
    let result = change(&mut *connection).await.map_err(|error| {
        StoreError::failed(format!("{file}: the maintenance failed and was undone")).with_source(error)
    })?;
    // Inside a transaction this is refused.
    if query("BEGIN").execute(&mut *connection).await.is_ok() {
        query("DELETE FROM maintenance_permit; COMMIT").execute(&mut *connection).await.map_err(failed)?;
        return Err(StoreError::failed(format!(
            "{file}: the transaction of the maintenance was ended before its time: by a statement of yours \
             (COMMIT, ROLLBACK), or by SQLite after an error that you passed over"
        )));
    }
    let payload = json!({ "actor": actor, "reason": reason });
    let event = NewEvent::new("$maintenance", 1, payload.to_string().into_bytes());
    let request = AppendRequest::new(StreamId::new("$maintenance", "log")?, ExpectedVersion::Any, vec![event]);
    let (_, position) = Batch::within(&mut *connection, file, &request, clock).await?;
    query("DELETE FROM maintenance_permit").execute(&mut *connection).await.map_err(failed)?;
    Ok((result, position))
}
