//! Events to each of several streams, or to one, in one statement that says of each stream no more than where its events are.

use std::collections::HashMap;

use eventsource_core::{AppendRequest, Appended, AppendedStream, Position, Version};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::append::{Answer, Refusal, Terms, bind_stream, columns_of, is_one_event};
use crate::error::Failure;
use crate::sql::Sql;

/// Appends requests of one write each; no stream may be in two of them. One answer for each, and none says why it was refused.
pub(crate) async fn append_each(
    pg: &mut PgConnection,
    sql: &Sql,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    let (writes, events) = columns_of(requests);
    let is_keyed = writes.keys.iter().any(Option::is_some);
    let asked = match requests {
        [request] => bind_stream(sql.query(sql.append_stream.keyed(is_keyed)), request),
        _ if requests.iter().all(|request| is_one_event(request)) => {
            writes.bind(sql.query(sql.append_each.keyed(is_keyed)))
        }
        _ => events.bind_places(writes.bind(sql.query(sql.append_batch.keyed(is_keyed)))),
    };
    let asked = events.bind(asked).bind(terms.lock_timeout).bind(terms.now);
    let rows = asked.fetch_all(pg).await?;
    let mut stored: HashMap<&str, AppendedStream> = HashMap::with_capacity(requests.len());
    for row in &rows {
        let (version, position) = (row.try_get::<i64, _>(1)?, row.try_get::<i64, _>(2)?);
        let recorded_at = row.try_get(3)?;
        let stream = stored.entry(row.try_get(0)?);
        let stream = stream.or_insert_with(|| AppendedStream::new(Version(0), Vec::new(), recorded_at));
        stream.version = Version(version as u64);
        stream.positions.push(Position(position as u64));
    }
    let answers = writes.streams.iter().map(|stream| match stored.remove(stream) {
        Some(place) => Answer::Stored(Appended::new(vec![place])),
        None => Answer::Refused(Refusal::default()),
    });
    Ok(answers.collect())
}
