//! Which events the schema holds, as `types` has noted them.

use eventsource_core::{HeldType, StoreError};
use sqlx::Row;

use crate::connect::Connections;
use crate::sql::Sql;

pub(crate) async fn held_types(connections: &Connections, sql: &Sql) -> Result<Vec<HeldType>, StoreError> {
    let held = connections.run(async |link| {
        let rows = sql.query(&sql.held_types).fetch_all(&mut link.pg).await?;
        rows.iter()
            .map(|row| Ok(HeldType::new(row.try_get::<String, _>(0)?, row.try_get::<i32, _>(1)? as u32)))
            .collect()
    });
    held.await
}
