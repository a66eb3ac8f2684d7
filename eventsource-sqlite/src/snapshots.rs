//! Snapshots: written when there is time, several at once.

use eventsource_core::backend::BatchWriter;
use eventsource_core::{PendingSnapshot, Snapshot, StoreError, StreamId, now};
use sqlx::{Row, SqliteConnection, query};

use crate::batch::roll_back;
use crate::connect::Connections;
use crate::error::explain;

/// Writes the snapshots that were offered. What fails is a line in the log: a replay does without.
pub(crate) struct SnapshotWriter {
    pub(crate) connections: Connections,
}

impl BatchWriter<PendingSnapshot> for SnapshotWriter {
    async fn write(&mut self, batch: Vec<PendingSnapshot>) -> Vec<PendingSnapshot> {
        let snapshots: Vec<Snapshot> = batch.into_iter().filter_map(PendingSnapshot::encode).collect();
        if let Err(error) = self.write_all(&snapshots).await {
            tracing::warn!(%error, count = snapshots.len(), "snapshots could not be written and were dropped");
        }
        Vec::new()
    }
}

impl SnapshotWriter {
    async fn write_all(&self, snapshots: &[Snapshot]) -> Result<(), StoreError> {
        let failed = |error| explain(&self.connections.file, error);
        let mut writing = self.connections.write().await?;
        let mut patience = writing.patience();
        while let Err(error) = query("BEGIN IMMEDIATE").execute(writing.connection()?).await {
            if !patience.again(&error).await {
                return Err(failed(error));
            }
        }
        // Not sqlx's transaction: when SQLite has rolled back by itself, as it does on a full disk, that one cannot begin again.
        writing.enter_batch();
        let saved = save_all(writing.connection()?, snapshots).await;
        if saved.is_err() {
            roll_back(writing.connection()?).await;
        }
        writing.leave();
        saved.map_err(failed)
    }
}

async fn save_all(connection: &mut SqliteConnection, snapshots: &[Snapshot]) -> Result<(), sqlx::Error> {
    for snapshot in snapshots {
        save(connection, snapshot).await?;
    }
    query("COMMIT").execute(connection).await.map(|_| ())
}

pub(crate) async fn save_now(connections: &Connections, snapshot: &Snapshot) -> Result<(), StoreError> {
    let failed = |error| explain(&connections.file, error);
    let mut writing = connections.write().await?;
    let mut patience = writing.patience();
    loop {
        match save(writing.connection()?, snapshot).await {
            Err(error) if patience.again(&error).await => {}
            saved => return saved.map_err(failed),
        }
    }
}

async fn save(connection: &mut SqliteConnection, snapshot: &Snapshot) -> Result<(), sqlx::Error> {
    let mark = &snapshot.mark;
    query(include_str!("sql/save_snapshot.sql"))
        .bind(mark.stream.as_str())
        .bind(mark.key.kind)
        .bind(mark.version.0 as i64)
        .bind(mark.position.0 as i64)
        .bind(mark.key.fingerprint as i64)
        .bind(mark.key.revision)
        .bind(snapshot.encoding)
        .bind(&snapshot.data[..])
        .bind(mark.max_occurred_at.timestamp_micros())
        .bind(now().timestamp_micros())
        .execute(connection)
        .await
        .map(|_| ())
}

pub(crate) async fn streams(
    connections: &Connections,
    category: &str,
    kind: &str,
    limit: usize,
) -> Result<Vec<StreamId>, StoreError> {
    let mut reading = connections.read().await?;
    let rows = query(
        "SELECT stream FROM snapshots \
         WHERE substr(stream, 1, length(?1) + 1) = ?1 || '-' AND kind = ?2 ORDER BY random() LIMIT ?3",
    )
    .bind(category)
    .bind(kind)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(reading.connection()?)
    .await
    .map_err(|error| explain(&connections.file, error))?;
    rows.iter()
        .map(|row| Ok(StreamId::parse(row.try_get(0).map_err(|error| explain(&connections.file, error))?)?))
        .collect()
}
