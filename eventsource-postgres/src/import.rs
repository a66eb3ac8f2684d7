//! Taking over another store's events: one transaction for each batch.

use std::collections::{BTreeSet, HashMap};

use eventsource_core::backend::{self, ImportedRow, import_places, import_rows};
use eventsource_core::{Position, Positions, RawEvent, StoreError, StreamId, Version};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::connect::Connections;
use crate::error::Failure;
use crate::sql::Sql;

/// How many of the events the store does not hold.
pub(crate) async fn count_missing(
    connections: &Connections,
    sql: &Sql,
    events: &[RawEvent<'_>],
) -> Result<u64, StoreError> {
    let places = import_places(events);
    let held = connections.run(async |link| Held::at(&places, &mut link.pg, sql).await).await?;
    backend::count_missing(events, |stream, version| held.id(stream, version))
}

/// Stores what the store does not hold; answers how many events, and the last position.
pub(crate) async fn import(
    connections: &Connections,
    sql: &Sql,
    events: &[RawEvent<'_>],
    positions: Positions,
) -> Result<(u64, Position), StoreError> {
    let mut lease = connections.acquire().await?;
    let imported = lease.run_transaction(async |link| store(&mut link.pg, sql, events, positions).await).await;
    imported.map_err(Failure::explain)
}

async fn store(
    pg: &mut PgConnection,
    sql: &Sql,
    events: &[RawEvent<'_>],
    positions: Positions,
) -> Result<(u64, Position), Failure> {
    // The turn keeps readers below what comes, the table's lock keeps everybody else from drawing positions.
    sql.query(&sql.take_turn).execute(&mut *pg).await?;
    sql.query(&sql.lock_events).execute(&mut *pg).await?;
    // Numbers that were drawn and rolled back may be used where the source has used them: no event stands there,
    // and no cursor either.
    let last = sql.query(&sql.last_position).bind(positions == Positions::Kept).fetch_one(&mut *pg).await?;
    let last = last.try_get::<i64, _>(0)?;
    let places = import_places(events);
    let held = Held::at(&places, pg, sql).await?;
    let rows = import_rows(events, positions, Position(last as u64), |stream, version| held.id(stream, version))?;
    let Some(newest) = rows.last().map(|row| row.position) else { return Ok((0, Position(0))) };
    insert(pg, sql, &rows).await?;
    let types: BTreeSet<_> = rows.iter().map(|row| (row.event.name, row.event.schema_version as i32)).collect();
    let (names, versions): (Vec<&str>, Vec<i32>) = types.into_iter().unzip();
    sql.query(&sql.note_types).bind(names).bind(versions).execute(&mut *pg).await?;
    sql.query(&sql.set_position).bind(newest.0 as i64).execute(pg).await?;
    Ok((rows.len() as u64, newest))
}

async fn insert(pg: &mut PgConnection, sql: &Sql, rows: &[ImportedRow<'_>]) -> Result<(), Failure> {
    let events = || rows.iter().map(|row| row.event);
    sql.query(&sql.import)
        .bind(rows.iter().map(|row| row.position.0 as i64).collect::<Vec<_>>())
        .bind(events().map(|event| event.stream).collect::<Vec<_>>())
        .bind(events().map(|event| event.version.0 as i64).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.stream.category()).collect::<Vec<_>>())
        .bind(events().map(|event| event.id).collect::<Vec<_>>())
        .bind(events().map(|event| event.name).collect::<Vec<_>>())
        .bind(events().map(|event| event.schema_version as i32).collect::<Vec<_>>())
        .bind(events().map(|event| event.encoding).collect::<Vec<_>>())
        .bind(events().map(|event| event.data).collect::<Vec<_>>())
        .bind(events().map(|event| event.meta).collect::<Vec<_>>())
        .bind(events().map(|event| event.correlation_id).collect::<Vec<_>>())
        .bind(events().map(|event| event.causation_id).collect::<Vec<_>>())
        .bind(events().map(|event| event.occurred_at).collect::<Vec<_>>())
        .bind(events().map(|event| event.recorded_at).collect::<Vec<_>>())
        .bind(events().map(|event| event.command_key).collect::<Vec<_>>())
        .execute(pg)
        .await?;
    Ok(())
}

/// The ids of the events that the store holds at some places.
struct Held<'e>(HashMap<(&'e str, Version), Uuid>);

impl<'e> Held<'e> {
    async fn at(places: &[(&'e str, Version)], pg: &mut PgConnection, sql: &Sql) -> Result<Self, Failure> {
        let rows = sql
            .query(&sql.event_ids)
            .bind((0..places.len() as i32).collect::<Vec<_>>())
            .bind(places.iter().map(|(stream, _)| *stream).collect::<Vec<_>>())
            .bind(places.iter().map(|(_, version)| version.0 as i64).collect::<Vec<_>>())
            .fetch_all(pg)
            .await?;
        let ids = rows.iter().map(|row| Ok((places[row.try_get::<i32, _>(0)? as usize], row.try_get(1)?)));
        Ok(Self(ids.collect::<Result<_, sqlx::Error>>()?))
    }

    fn id(&self, stream: &StreamId, version: Version) -> Option<Uuid> {
        self.0.get(&(stream.as_str(), version)).copied()
    }
}
