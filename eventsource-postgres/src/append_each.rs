//! One event to each of several streams, in one statement.

use std::collections::HashMap;

use eventsource_core::{AppendRequest, Appended, AppendedStream, Position, Version};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::append::{Answer, Refusal, Terms, columns_of};
use crate::error::Failure;
use crate::sql::Sql;

/// Appends requests of one event each; no stream may be in two of them. One answer for each, and none says why it was refused.
pub(crate) async fn append_each(
    pg: &mut PgConnection,
    sql: &Sql,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    let (writes, events) = columns_of(requests);
    let text = sql.append_each.keyed(writes.keys.iter().any(Option::is_some));
    let rows = events.bind(writes.bind(sql.query(text))).bind(terms.lock_timeout).bind(terms.now).fetch_all(pg).await?;
    let mut stored: HashMap<&str, AppendedStream> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let version = Version(row.try_get::<i64, _>(1)? as u64);
        let position = Position(row.try_get::<i64, _>(2)? as u64);
        stored.insert(row.try_get(0)?, AppendedStream::new(version, vec![position], row.try_get(3)?));
    }
    let answers = writes.streams.iter().map(|stream| match stored.remove(stream) {
        Some(place) => Answer::Stored(Appended::new(vec![place])),
        None => Answer::Refused(Refusal::default()),
    });
    Ok(answers.collect())
}
