//! Events to each of several streams, or to one, in one statement that says of each stream no more than where its events are.

use std::collections::HashMap;

use eventsource_core::{AppendRequest, Appended, AppendedStream, Position, Version};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::append::{Answer, Refusal, Terms, bind_stream, columns_of, is_one_event};
use crate::error::Failure;
use crate::sql::{Append, Sql};

/// Appends requests of one write each; no stream may be in two of them. One answer for each, and none says why it was refused.
pub(crate) async fn append_each(
    pg: &mut PgConnection,
    sql: &Sql,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    let (writes, events) = columns_of(requests);
    let is_keyed = writes.keys.iter().any(Option::is_some);
    let query = |append: &Append| sql.query(append.keyed(is_keyed));
    let bind_terms = |asked| events.bind(asked).bind(terms.lock_timeout).bind(terms.now);
    let asked = match requests {
        [request] => bind_terms(events.bind_keys(bind_stream(query(&sql.append_stream), request))),
        _ if requests.iter().all(|request| is_one_event(request)) => bind_terms(writes.bind(query(&sql.append_each))),
        _ => events.bind_keys(bind_terms(events.bind_places(writes.bind(query(&sql.append_batch))))),
    };
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
