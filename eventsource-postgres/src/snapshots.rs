//! Snapshots: written when there is time, several at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsource_core::backend::BatchWriter;
use eventsource_core::{PendingSnapshot, Snapshot, StoreError, StreamId};
use sqlx::Row;

use crate::connect::Connections;
use crate::sql::Sql;

/// Writes the snapshots that were offered. What fails is a line in the log: a replay does without.
pub(crate) struct SnapshotWriter {
    pub(crate) connections: Connections,
    pub(crate) sql: Arc<Sql>,
}

/// Bytes of one statement's states at most, but for a single one that is larger.
const STATEMENT_BYTES: usize = 16 << 20;

impl BatchWriter<PendingSnapshot> for SnapshotWriter {
    async fn write(&mut self, batch: Vec<PendingSnapshot>) -> Vec<PendingSnapshot> {
        let (mut waiting, mut bytes) = (Vec::new(), 0);
        for snapshot in batch.into_iter().filter_map(PendingSnapshot::encode) {
            if !waiting.is_empty() && bytes + snapshot.data.len() > STATEMENT_BYTES {
                self.save(std::mem::take(&mut waiting)).await;
                bytes = 0;
            }
            bytes += snapshot.data.len();
            waiting.push(snapshot);
        }
        if !waiting.is_empty() {
            self.save(waiting).await;
        }
        Vec::new()
    }
}

impl SnapshotWriter {
    async fn save(&self, snapshots: Vec<Snapshot>) {
        let count = snapshots.len();
        if let Err(error) = save(&self.connections, &self.sql, snapshots).await {
            tracing::warn!(%error, count, "snapshots could not be written and were dropped");
        }
    }
}

/// Saves all with one statement; of several for one stream and kind the last.
pub(crate) async fn save(connections: &Connections, sql: &Sql, snapshots: Vec<Snapshot>) -> Result<(), StoreError> {
    let last: BTreeMap<_, _> = snapshots.iter().map(|it| ((it.mark.stream.as_str(), it.mark.key.kind), it)).collect();
    let all: Vec<&Snapshot> = last.into_values().collect();
    let saved = connections.run(async |link| {
        sql.query(&sql.save_snapshots)
            .bind(all.iter().map(|it| it.mark.stream.as_str()).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.mark.key.kind).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.mark.version.0 as i64).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.mark.position.0 as i64).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.mark.key.fingerprint as i64).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.mark.key.revision as i32).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.encoding).collect::<Vec<_>>())
            .bind(all.iter().map(|it| &it.data[..]).collect::<Vec<_>>())
            .bind(all.iter().map(|it| it.mark.max_occurred_at).collect::<Vec<_>>())
            .execute(&mut link.pg)
            .await?;
        Ok(())
    });
    saved.await
}

pub(crate) async fn streams(
    connections: &Connections,
    sql: &Sql,
    category: &str,
    kind: &str,
    limit: usize,
) -> Result<Vec<StreamId>, StoreError> {
    let found = connections.run(async |link| {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows =
            sql.query(&sql.snapshot_streams).bind(category).bind(kind).bind(limit).fetch_all(&mut link.pg).await?;
        rows.iter().map(|row| Ok(StreamId::parse(row.try_get(0)?).map_err(StoreError::from)?)).collect()
    });
    found.await
}
