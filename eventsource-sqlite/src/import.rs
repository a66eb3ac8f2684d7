//! Taking over another store's events: one transaction for each batch.

use std::collections::{HashMap, HashSet};

use eventsource_core::backend::{self, import_places, import_rows};
use eventsource_core::{Position, Positions, RawEvent, StoreError, StreamId, Version};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query};
use uuid::Uuid;

use crate::batch::note_types;
use crate::connect::Connections;
use crate::error::explain;
use crate::insert::insert_imported;
use crate::maintenance::{begin, end};

/// How many of the events the file does not hold.
pub(crate) async fn count_missing(connections: &Connections, events: &[RawEvent<'_>]) -> Result<u64, StoreError> {
    let mut reading = connections.read().await?;
    let held = Held::at(&import_places(events), reading.connection()?, &connections.file).await?;
    backend::count_missing(events, |stream, version| held.id(stream, version))
}

/// Stores what the file does not hold; answers how many events, and the last position.
pub(crate) async fn import(
    connections: &Connections,
    events: &[RawEvent<'_>],
    positions: Positions,
) -> Result<(u64, Position), StoreError> {
    let mut writing = connections.write().await?;
    begin(&mut writing).await?;
    let stored = store(writing.connection()?, &connections.file, events, positions).await;
    end(&mut writing, stored).await
}

async fn store(
    connection: &mut SqliteConnection,
    file: &str,
    events: &[RawEvent<'_>],
    positions: Positions,
) -> Result<(u64, Position), StoreError> {
    let given = query("SELECT seq FROM sqlite_sequence WHERE name = 'events'");
    let given = given.fetch_optional(&mut *connection).await.map_err(|error| explain(file, error))?;
    let last = Position(given.map_or(0, |row| row.get::<i64, _>(0)) as u64);
    let held = Held::at(&import_places(events), connection, file).await?;
    let rows = import_rows(events, positions, last, |stream, version| held.id(stream, version))?;
    insert_imported(connection, file, &rows).await?;
    let types: HashSet<(&str, u32)> = rows.iter().map(|row| (row.event.name, row.event.schema_version)).collect();
    let types: Vec<_> = types.into_iter().map(|(name, version)| (name.to_owned().into(), version)).collect();
    note_types(connection, file, &types).await?;
    Ok((rows.len() as u64, rows.last().map_or(Position(0), |row| row.position)))
}

/// The ids of the events that the file holds at some places.
struct Held<'e>(HashMap<(&'e str, Version), Uuid>);

impl<'e> Held<'e> {
    async fn at(
        places: &[(&'e str, Version)],
        connection: &mut SqliteConnection,
        file: &str,
    ) -> Result<Self, StoreError> {
        let asked: Vec<_> = places.iter().map(|(stream, version)| (stream, version.0)).collect();
        let found = query(include_str!("sql/event_ids.sql")).bind(serde_json::json!(asked).to_string());
        let rows = found.fetch_all(connection).await.map_err(|error| explain(file, error))?;
        // An id of another length equals no event's.
        let id = |row: &SqliteRow| Uuid::from_slice(row.get(1)).unwrap_or_default();
        Ok(Self(rows.iter().map(|row| (places[row.get::<i64, _>(0) as usize], id(row))).collect()))
    }

    fn id(&self, stream: &StreamId, version: Version) -> Option<Uuid> {
        self.0.get(&(stream.as_str(), version)).copied()
    }
}
