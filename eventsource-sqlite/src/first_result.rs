//! Where the events stand that an earlier, same append has stored.

use eventsource_core::backend::{companion_key, stored_event_count};
use eventsource_core::{AppendRequest, Appended, AppendedStream, Position, StoreError, StreamId, Version};
use sqlx::{Row, SqliteConnection, query};
use uuid::Uuid;

use crate::error::explain;
use crate::frame::time;

struct Stored {
    id: Uuid,
    position: Position,
    recorded_at: i64,
}

/// The result that the request's command had the first time; its key stands at version `first`.
pub(crate) async fn of_command(
    connection: &mut SqliteConnection,
    file: &str,
    request: &AppendRequest,
    first: Version,
) -> Result<Appended, StoreError> {
    if request.is_of_several_commands()
        && let Some(all) = of_same_events(connection, file, request).await?
    {
        return Ok(all);
    }
    let mut streams = Vec::new();
    let mut companion: Option<String> = None;
    for write in &request.writes {
        let from = match &companion {
            None => first,
            Some(key) => keyed(connection, file, &write.stream, key).await?.ok_or_else(|| {
                StoreError::invalid(format!("the command was done before, but without stream {}", write.stream))
            })?,
        };
        let count = stored_count(connection, file, &write.stream, from).await?;
        let stored = events(connection, file, &write.stream, from, count).await?;
        if let (None, Some(event)) = (&companion, stored.first()) {
            companion = Some(companion_key(event.id));
        }
        streams.push(appended(file, from, &stored)?);
    }
    Ok(Appended::new(streams))
}

/// Where the very events of the request stand, if an append whose answer was lost has stored them.
pub(crate) async fn of_same_events(
    connection: &mut SqliteConnection,
    file: &str,
    request: &AppendRequest,
) -> Result<Option<Appended>, StoreError> {
    let mut streams = Vec::new();
    for write in &request.writes {
        let Some(place) = write.expected.place() else { return Ok(None) };
        let count = write.events.len() as u64;
        let stored = events(connection, file, &write.stream, place.next(), count).await?;
        let same = stored.len() == write.events.len()
            && stored.iter().zip(&write.events).all(|(stored, event)| stored.id == event.id);
        if !same {
            return Ok(None);
        }
        streams.push(appended(file, place.next(), &stored)?);
    }
    Ok(Some(Appended::new(streams)))
}

fn appended(file: &str, from: Version, stored: &[Stored]) -> Result<AppendedStream, StoreError> {
    let damaged = || StoreError::corrupt(format!("{file}: events of an earlier append are missing"));
    let last = stored.last().ok_or_else(damaged)?;
    let version = Version(from.0 + stored.len() as u64 - 1);
    let recorded_at = time(last.recorded_at).ok_or_else(damaged)?;
    Ok(AppendedStream::new(version, stored.iter().map(|event| event.position).collect(), recorded_at))
}

async fn keyed(
    connection: &mut SqliteConnection,
    file: &str,
    stream: &StreamId,
    key: &str,
) -> Result<Option<Version>, StoreError> {
    let row = query("SELECT version FROM events WHERE stream = ?1 AND command_key = ?2")
        .bind(stream.as_str())
        .bind(key)
        .fetch_optional(connection)
        .await
        .map_err(|error| explain(file, error))?;
    let version = row.map(|row| row.try_get::<i64, _>(0)).transpose().map_err(|error| explain(file, error))?;
    Ok(version.map(|version| Version(version as u64)))
}

async fn stored_count(
    connection: &mut SqliteConnection,
    file: &str,
    stream: &StreamId,
    first: Version,
) -> Result<u64, StoreError> {
    let row = query("SELECT meta FROM events WHERE stream = ?1 AND version = ?2")
        .bind(stream.as_str())
        .bind(first.0 as i64)
        .fetch_one(connection)
        .await
        .map_err(|error| explain(file, error))?;
    stored_event_count(row.try_get(0).map_err(|error| explain(file, error))?)
}

async fn events(
    connection: &mut SqliteConnection,
    file: &str,
    stream: &StreamId,
    from: Version,
    count: u64,
) -> Result<Vec<Stored>, StoreError> {
    let rows = query(
        "SELECT event_id, position, recorded_at FROM events \
         WHERE stream = ?1 AND version >= ?2 AND version < ?2 + ?3 ORDER BY version",
    )
    .bind(stream.as_str())
    .bind(from.0 as i64)
    .bind(count as i64)
    .fetch_all(connection)
    .await
    .map_err(|error| explain(file, error))?;
    let stored = rows.iter().map(|row| {
        Ok(Stored {
            // An id of another length equals no event's.
            id: Uuid::from_slice(row.try_get(0)?).unwrap_or_default(),
            position: Position(row.try_get::<i64, _>(1)? as u64),
            recorded_at: row.try_get(2)?,
        })
    });
    stored.collect::<Result<_, _>>().map_err(|error| explain(file, error))
}
