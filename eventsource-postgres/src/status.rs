//! What an operator wants to know of a store.

use std::time::Duration;

use chrono::{DateTime, Utc};
use eventsource_core::{Position, StoreHead};
use sqlx::Row;

use crate::connect::Link;
use crate::error::Failure;
use crate::options::Ordering;
use crate::sql::Sql;
use crate::watermark::{cursor_at_or_below, look};

/// How a store does: how far its order is settled, and who holds it back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PgStatus {
    /// The store's ordering.
    pub ordering: Ordering,
    /// No event can appear any more at or below this position.
    pub watermark: Position,
    /// The newest event that readers see.
    pub newest: Position,
    /// Appends that are open now, the oldest first; the watermark cannot pass them. At most 100.
    /// Empty with [`Ordering::Serialized`], where an open append holds back the next one and no reader.
    pub open_appends: Vec<OpenAppend>,
}

/// A transaction that has appended and has not ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenAppend {
    /// The server's process, for `pg_terminate_backend`; none for a prepared transaction.
    pub pid: Option<i32>,
    /// A prepared transaction's name, for `COMMIT PREPARED` or `ROLLBACK PREPARED`.
    pub prepared: Option<String>,
    /// The connection's `application_name`.
    pub application: Option<String>,
    /// What the connection does, such as `active` or `idle in transaction`.
    pub state: Option<String>,
    /// Since when the transaction is open, or prepared. Zero, with neither application nor state, if it belongs to another
    /// role and this one is no member of `pg_read_all_stats`.
    pub age: Duration,
}

pub(crate) async fn status(
    link: &mut Link,
    sql: &Sql,
    ordering: Ordering,
    events_table: i64,
) -> Result<PgStatus, Failure> {
    let watermark = look(link, sql).await?;
    let newest = cursor_at_or_below(link, sql, watermark).await?.position;
    let rows = sql.query(&sql.status).bind(events_table).fetch_all(&mut link.pg).await?;
    let open_appends = rows.iter().map(|row| {
        let seconds: Option<f64> = row.try_get(3)?;
        Ok(OpenAppend {
            pid: row.try_get(0)?,
            prepared: row.try_get(4)?,
            application: row.try_get(1)?,
            state: row.try_get(2)?,
            age: Duration::from_secs_f64(seconds.unwrap_or_default().max(0.0)),
        })
    });
    let open_appends = open_appends.collect::<Result<_, sqlx::Error>>()?;
    Ok(PgStatus { ordering, watermark: Position(watermark as u64), newest, open_appends })
}

/// The same in short: who looks at every projection wants no list of names.
pub(crate) async fn head(
    link: &mut Link,
    sql: &Sql,
    now: Option<DateTime<Utc>>,
    events_table: i64,
) -> Result<StoreHead, Failure> {
    let watermark = look(link, sql).await?;
    let newest = cursor_at_or_below(link, sql, watermark).await?.position;
    let row = sql.query(&sql.held_back).bind(events_table).fetch_one(&mut link.pg).await?;
    let (time, seconds): (DateTime<Utc>, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
    let held_back = Duration::from_secs_f64(seconds.unwrap_or_default().max(0.0));
    Ok(StoreHead::new(newest, now.unwrap_or(time)).held_back(held_back))
}
