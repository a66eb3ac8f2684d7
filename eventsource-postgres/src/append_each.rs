//! One event to each of several streams, in one statement.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use eventsource_core::{AppendRequest, Appended, AppendedStream, Position, Version};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::append::{Answer, Refusal, Terms, expected};
use crate::error::Failure;
use crate::sql::Sql;

/// Appends requests of one event each; no stream may be in two of them. One answer for each, and none says why it was refused.
pub(crate) async fn append_each(
    pg: &mut PgConnection,
    sql: &Sql,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    let asked = Asked::of(requests);
    let rows = sql
        .query(sql.append_each.keyed(asked.keys.iter().any(Option::is_some)))
        .bind(&asked.streams)
        .bind(&asked.categories)
        .bind(&asked.expected)
        .bind(&asked.keys)
        .bind(&asked.ids)
        .bind(&asked.names)
        .bind(&asked.schema_versions)
        .bind(&asked.encodings)
        .bind(&asked.data)
        .bind(&asked.meta)
        .bind(&asked.correlation_ids)
        .bind(&asked.causation_ids)
        .bind(&asked.occurred)
        .bind(terms.lock_timeout)
        .bind(terms.now)
        .fetch_all(pg)
        .await?;
    let mut stored: HashMap<&str, AppendedStream> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let version = Version(row.try_get::<i64, _>(1)? as u64);
        let position = Position(row.try_get::<i64, _>(2)? as u64);
        stored.insert(row.try_get(0)?, AppendedStream::new(version, vec![position], row.try_get(3)?));
    }
    let answers = asked.streams.iter().map(|stream| match stored.remove(stream) {
        Some(place) => Answer::Stored(Appended::new(vec![place])),
        None => Answer::Refused(Refusal::default()),
    });
    Ok(answers.collect())
}

/// The statement's arrays.
#[derive(Default)]
struct Asked<'r> {
    streams: Vec<&'r str>,
    categories: Vec<&'r str>,
    expected: Vec<i64>,
    keys: Vec<Option<std::borrow::Cow<'r, str>>>,
    ids: Vec<Uuid>,
    names: Vec<&'r str>,
    schema_versions: Vec<i32>,
    encodings: Vec<i16>,
    data: Vec<&'r [u8]>,
    meta: Vec<Option<Vec<u8>>>,
    correlation_ids: Vec<Option<Uuid>>,
    causation_ids: Vec<Option<Uuid>>,
    occurred: Vec<Option<DateTime<Utc>>>,
}

impl<'r> Asked<'r> {
    fn of(requests: &[&'r AppendRequest]) -> Self {
        let mut asked = Self::default();
        let rows = requests.iter().flat_map(|request| request.rows(0).map(move |row| (&request.writes[0], row)));
        for (write, row) in rows {
            let event = row.event;
            asked.streams.push(write.stream.as_str());
            asked.categories.push(write.stream.category());
            asked.expected.push(expected(write.expected));
            asked.keys.push(row.command_key);
            asked.ids.push(event.id);
            asked.names.push(&event.name);
            asked.schema_versions.push(event.schema_version as i32);
            asked.encodings.push(event.encoding);
            asked.data.push(&event.data);
            asked.meta.push(row.meta);
            asked.correlation_ids.push(event.metadata.correlation_id);
            asked.causation_ids.push(event.metadata.causation_id);
            asked.occurred.push(event.occurred_at);
        }
        asked
    }
}
