//! What a refused request means: a conflict, or something that was stored before, and where that stands.

use eventsource_core::backend::{Admission, admit, companion_key, stored_event_count};
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, AppendedStream, Position, StoreError, StreamId, Version,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::append::{self, Refusal};
use crate::error::Failure;
use crate::sql::Sql;

/// Finds out by reading. What an earlier sending of the same request has stored counts as stored now.
pub(crate) async fn settle(
    pg: &mut PgConnection,
    sql: &Sql,
    request: &AppendRequest,
    refusal: &Refusal,
) -> Result<AppendOutcome, Failure> {
    let looked;
    let seen = match &refusal.seen {
        Some(seen) => seen,
        None => {
            looked = append::look(pg, sql, request).await?;
            &looked
        }
    };
    let (found, own) = match admit(request, seen) {
        Admission::Done(first) => {
            let (appended, first_id) = of_command(pg, sql, request, first).await?;
            let own = request.writes[0].events.iter().any(|event| event.id == first_id);
            match request.is_of_several_commands() && own {
                true => (of_same_events(pg, sql, request).await?.unwrap_or(appended), true),
                false => (appended, own),
            }
        }
        Admission::Elsewhere(conflict) if seen.place_is_taken => return Ok(AppendOutcome::Conflict(conflict)),
        Admission::Elsewhere(conflict) => match of_same_events(pg, sql, request).await? {
            Some(appended) => (appended, true),
            None => return Ok(AppendOutcome::Conflict(conflict)),
        },
        Admission::Conflict(conflict) => return Ok(AppendOutcome::Conflict(conflict)),
        // The heads that were seen do not speak against it, so it was refused for heads that have changed since.
        Admission::Store => return Err(StoreError::transient("a stream changed while it was written").into()),
    };
    let stored_now = own && refusal.sent_before;
    Ok(if stored_now { AppendOutcome::Stored(found) } else { AppendOutcome::AlreadyStored(found) })
}

struct Stored {
    id: Uuid,
    position: Position,
    recorded_at: chrono::DateTime<chrono::Utc>,
}

/// The result that the request's command had the first time, and its first event; its key stands at version `first`.
async fn of_command(
    pg: &mut PgConnection,
    sql: &Sql,
    request: &AppendRequest,
    first: Version,
) -> Result<(Appended, Uuid), Failure> {
    let mut streams = Vec::new();
    let mut first_id = Uuid::nil();
    for write in &request.writes {
        let stream = write.stream.as_str();
        let found = match streams.is_empty() {
            true => sql.query(&sql.event_at).bind(stream).bind(first.0 as i64).fetch_optional(&mut *pg).await?,
            false => {
                sql.query(&sql.keyed_event).bind(stream).bind(companion_key(first_id)).fetch_optional(&mut *pg).await?
            }
        };
        let Some(found) = found else {
            let message = format!("the command was done before, but without stream {stream}");
            return Err(StoreError::invalid(message).into());
        };
        let (from, count) = (Version(found.try_get::<i64, _>(0)? as u64), stored_event_count(found.try_get(1)?)?);
        if streams.is_empty() {
            first_id = found.try_get(2)?;
        }
        let stored = events(pg, sql, &write.stream, from, count).await?;
        streams.push(appended(&write.stream, from, &stored)?);
    }
    Ok((Appended::new(streams), first_id))
}

/// Where the very events of the request stand, if an append whose answer was lost has stored them.
async fn of_same_events(
    pg: &mut PgConnection,
    sql: &Sql,
    request: &AppendRequest,
) -> Result<Option<Appended>, Failure> {
    let mut streams = Vec::new();
    for write in &request.writes {
        let Some(place) = write.expected.place() else { return Ok(None) };
        let stored = events(pg, sql, &write.stream, place.next(), write.events.len() as u64).await?;
        let same = stored.len() == write.events.len()
            && stored.iter().zip(&write.events).all(|(stored, event)| stored.id == event.id);
        if !same {
            return Ok(None);
        }
        streams.push(appended(&write.stream, place.next(), &stored)?);
    }
    Ok(Some(Appended::new(streams)))
}

fn appended(stream: &StreamId, from: Version, stored: &[Stored]) -> Result<AppendedStream, StoreError> {
    let last = stored
        .last()
        .ok_or_else(|| StoreError::corrupt(format!("stream {stream}: events of an earlier append are missing")))?;
    let version = Version(from.0 + stored.len() as u64 - 1);
    Ok(AppendedStream::new(version, stored.iter().map(|event| event.position).collect(), last.recorded_at))
}

async fn events(
    pg: &mut PgConnection,
    sql: &Sql,
    stream: &StreamId,
    from: Version,
    count: u64,
) -> Result<Vec<Stored>, Failure> {
    let from = from.0.min(i64::MAX as u64 / 2) as i64;
    let rows = sql.query(&sql.stored_events).bind(stream.as_str()).bind(from).bind(count as i64).fetch_all(pg).await?;
    let stored = rows.iter().map(|row| {
        let position = Position(row.try_get::<i64, _>(1)? as u64);
        Ok(Stored { id: row.try_get(0)?, position, recorded_at: row.try_get(2)? })
    });
    stored.collect()
}
