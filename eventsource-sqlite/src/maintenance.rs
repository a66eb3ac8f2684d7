//! The one way to change what was recorded, and it leaves a trace.

use eventsource_core::{AppendRequest, BoxError, Clock, ExpectedVersion, NewEvent, Position, StoreError, StreamId};
use serde_json::json;
use sqlx::{Connection, SqliteConnection, query};

use crate::batch::Batch;
use crate::connect::Connections;
use crate::error::explain;

/// Runs `change` in a transaction that may update and delete events; answers its result and the last position.
pub(crate) async fn maintain<T>(
    connections: &Connections,
    clock: &Clock,
    actor: &str,
    reason: &str,
    change: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, BoxError>,
) -> Result<(T, Position), StoreError> {
    let file = &*connections.file;
    let failed = |error| explain(file, error);
    let mut writing = connections.write().await?;
    let mut patience = writing.patience();
    writing.begin_maintenance();
    // Dropped before its commit, the transaction rolls back.
    let mut tx = loop {
        match writing.connection()?.begin_with("BEGIN IMMEDIATE").await {
            Ok(tx) => break tx,
            Err(error) if patience.again(&error).await => {}
            Err(error) => return Err(failed(error)),
        }
    };
    query("INSERT INTO maintenance_permit (one) VALUES (1)").execute(&mut *tx).await.map_err(failed)?;
    let result = change(&mut tx).await.map_err(|error| {
        StoreError::failed(format!("{file}: the maintenance failed and was undone")).with_source(error)
    })?;
    let payload = json!({ "actor": actor, "reason": reason });
    let event = NewEvent::new("$maintenance", 1, payload.to_string().into_bytes());
    let request = AppendRequest::new(StreamId::new("$maintenance", "log")?, ExpectedVersion::Any, vec![event]);
    let position = Batch::within(&mut tx, file, &request, clock).await?;
    query("DELETE FROM maintenance_permit").execute(&mut *tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok((result, position))
}
