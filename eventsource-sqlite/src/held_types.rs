//! Which events the file holds, as `types` has noted them.

use eventsource_core::{HeldType, StoreError};
use sqlx::{Row, query};

use crate::connect::Connections;
use crate::error::explain;

pub(crate) async fn held_types(connections: &Connections) -> Result<Vec<HeldType>, StoreError> {
    let mut reading = connections.read().await?;
    let rows = query("SELECT name, schema_version FROM types ORDER BY name, schema_version")
        .fetch_all(reading.connection()?)
        .await
        .map_err(|error| explain(&connections.file, error))?;
    Ok(rows.iter().map(|row| HeldType::new(row.get::<String, _>(0), row.get::<i64, _>(1) as u32)).collect())
}
