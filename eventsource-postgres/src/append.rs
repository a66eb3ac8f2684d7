//! The statements that append, and what their rows say.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventsource_core::backend::{Heads, NewRow};
use eventsource_core::{
    AppendRequest, Appended, AppendedStream, Conflict, ENCODING_JSON, ExpectedVersion, Position, StreamId, Version,
};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};
use uuid::Uuid;

use crate::append_each::append_each;
use crate::error::Failure;
use crate::sql::Sql;

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// What the statement knows of the caller's wishes.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'t> {
    /// The recorded time, if it is not the server's.
    pub(crate) now: Option<DateTime<Utc>>,
    /// How long to wait for a lock, in PostgreSQL's words, if it is not for the transaction to say.
    pub(crate) lock_timeout: Option<&'t str>,
}

/// What came of a request in one statement.
#[derive(Debug)]
pub(crate) enum Answer {
    Stored(Appended),
    /// Nothing was stored. Why, and whether the request was stored before, is for its caller to find out.
    Refused(Refusal),
    /// Nothing was stored, because a condition does not hold.
    Moved(Conflict),
}

/// A request that was refused.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// What the statement has seen, if it says so.
    pub(crate) seen: Option<Seen>,
    /// The request was sent before, on a connection that was lost: what is found may be its own doing.
    pub(crate) sent_before: bool,
}

/// The heads of a request's streams, and the version that carries its command key.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    heads: Vec<(StreamId, Version)>,
    keyed: Option<Version>,
    /// Another event is known to stand where the request's first one would.
    pub(crate) place_is_taken: bool,
}

impl Heads for Seen {
    fn head(&self, stream: &StreamId) -> Version {
        self.heads.iter().find(|(known, _)| known == stream).map_or(Version(0), |(_, head)| *head)
    }

    fn keyed(&self, _: &StreamId, _: &str) -> Option<Version> {
        self.keyed
    }
}

impl Answer {
    /// Notes that the request had been sent before it was answered.
    pub(crate) fn was_sent_before(&mut self) {
        if let Self::Refused(refusal) = self {
            refusal.sent_before = true;
        }
    }
}

/// Whether it is a case for the statement of one event.
pub(crate) fn is_one_event(request: &AppendRequest) -> bool {
    matches!(&request.writes[..], [write] if write.events.len() == 1) && request.conditions.is_empty()
}

/// -2: any version; -1: one event or more; else that version.
fn expected(expected: ExpectedVersion) -> i64 {
    match expected {
        ExpectedVersion::Any => -2,
        ExpectedVersion::StreamExists => -1,
        ExpectedVersion::NoStream => 0,
        ExpectedVersion::Exact(version) => version.0.min(i64::MAX as u64) as i64,
    }
}

/// Appends one event to one stream.
pub(crate) async fn one(
    pg: &mut PgConnection,
    sql: &Sql,
    request: &AppendRequest,
    terms: Terms<'_>,
) -> Result<Answer, Failure> {
    let statement = bind_one(sql.query(text_of_one(sql, request)), request, terms);
    answer_of_one(statement.fetch_optional(pg).await?.as_ref())
}

/// The statement of one event.
pub(crate) fn text_of_one<'s>(sql: &'s Sql, request: &AppendRequest) -> &'s Arc<str> {
    sql.append_one.keyed(request.stored_key().is_some())
}

/// How many places [`bind_one`] takes.
pub(crate) const PLACES_OF_ONE: usize = 15;

/// Where it goes, and what it asks of its stream.
pub(crate) fn bind_stream<'q>(statement: Statement<'q>, request: &'q AppendRequest) -> Statement<'q> {
    let write = &request.writes[0];
    statement.bind(write.stream.as_str()).bind(write.stream.category()).bind(expected(write.expected))
}

pub(crate) fn bind_one<'q>(statement: Statement<'q>, request: &'q AppendRequest, terms: Terms<'q>) -> Statement<'q> {
    let write = &request.writes[0];
    let event = &write.events[0];
    let row = request.rows(0).next();
    let (meta, key) = row.map_or((None, None), |row| (row.meta, row.command_key));
    statement
        .bind(write.stream.as_str())
        .bind(write.stream.category())
        .bind(expected(write.expected))
        .bind(event.id)
        .bind(&*event.name)
        .bind(event.schema_version as i32)
        .bind(event.encoding)
        .bind(&event.data[..])
        .bind(meta)
        .bind(event.metadata.correlation_id)
        .bind(event.metadata.causation_id)
        .bind(event.occurred_at)
        .bind(terms.now)
        .bind(key)
        .bind(terms.lock_timeout)
}

/// What its row says, in the first three columns; it has none if it was refused.
pub(crate) fn answer_of_one(row: Option<&PgRow>) -> Result<Answer, Failure> {
    let Some(row) = row else { return Ok(Answer::Refused(Refusal::default())) };
    let version = Version(row.try_get::<i64, _>(0)? as u64);
    let position = Position(row.try_get::<i64, _>(1)? as u64);
    Ok(Answer::Stored(Appended::new(vec![AppendedStream::new(version, vec![position], row.try_get(2)?)])))
}

/// How many columns it has.
pub(crate) const COLUMNS_OF_ONE: usize = 3;

/// Why the statement of one event refused a request, which does not say it itself.
pub(crate) async fn look(pg: &mut PgConnection, sql: &Sql, request: &AppendRequest) -> Result<Seen, Failure> {
    let write = &request.writes[0];
    let keys: Vec<_> = request.stored_keys().map(|(_, key)| key).collect();
    let look = sql.query(&sql.refusal).bind(write.stream.as_str()).bind(&keys);
    let row = look.bind(expected(write.expected)).fetch_one(pg).await?;
    Ok(Seen {
        heads: vec![(write.stream.clone(), version(&row, 0)?.unwrap_or(Version(0)))],
        keyed: version(&row, 1)?,
        place_is_taken: row.try_get::<Option<Uuid>, _>(2)?.is_some_and(|there| there != write.events[0].id),
    })
}

fn version(row: &PgRow, column: usize) -> Result<Option<Version>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(|version| Version(version as u64)))
}

/// Appends requests, each all or nothing, in the cheapest statement that fits; no stream may be in two of them. One answer
/// for each.
pub(crate) async fn append(
    pg: &mut PgConnection,
    sql: &Sql,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    match requests {
        [request] if is_one_event(request) => Ok(vec![one(pg, sql, request, terms).await?]),
        _ if requests.iter().all(|request| request.writes.len() == 1) => append_each(pg, sql, requests, terms).await,
        _ => writes(pg, sql, Within::Own, requests, terms).await,
    }
}

/// Which statement of several writes: its own transaction, or one of the caller's.
#[derive(Clone, Copy)]
pub(crate) enum Within {
    Own,
    Callers,
}

/// Appends requests of one or more writes, of which the answers say what was seen.
pub(crate) async fn writes(
    pg: &mut PgConnection,
    sql: &Sql,
    within: Within,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    let (writes, events) = columns_of(requests);
    let statement = match within {
        Within::Callers => &sql.append_in,
        Within::Own => &sql.append_writes,
    };
    let asked = writes.bind(sql.query(statement).bind(&writes.places).bind(&writes.requests));
    let rows = events
        .bind(events.bind_places(asked))
        .bind(unusual(&events.keys))
        .bind(terms.lock_timeout)
        .bind(terms.now)
        .fetch_all(pg)
        .await?;
    let mut rows = rows.iter();
    requests.iter().map(|request| answer(request, &mut rows)).collect()
}

/// Reads the rows of one request's writes.
fn answer<'r>(request: &AppendRequest, rows: &mut impl Iterator<Item = &'r PgRow>) -> Result<Answer, Failure> {
    let mut seen = Seen::default();
    let mut places = Vec::with_capacity(request.writes.len());
    for write in &request.writes {
        let row = rows.next().ok_or(sqlx::Error::RowNotFound)?;
        let head = Version(row.try_get::<i64, _>(1)? as u64);
        seen.heads.push((write.stream.clone(), head));
        seen.keyed = seen.keyed.or(version(row, 2)?);
        if let Some(positions) = row.try_get::<Option<Vec<i64>>, _>(4)? {
            let version = Version(head.0 + positions.len() as u64);
            let positions = positions.into_iter().map(|position| Position(position as u64)).collect();
            places.push(AppendedStream::new(version, positions, row.try_get(3)?));
        }
    }
    let stored = places.len() == request.writes.len();
    Ok(match stored {
        true => Answer::Stored(Appended::new(places)),
        false => Answer::Refused(Refusal { seen: Some(seen), sent_before: false }),
    })
}

/// The arrays of a statement.
pub(crate) fn columns_of<'r>(requests: &[&'r AppendRequest]) -> (Writes<'r>, Events<'r>) {
    let mut writes = Writes::default();
    let mut events = Events::default();
    for (number, request) in requests.iter().enumerate() {
        for (index, write) in request.writes.iter().enumerate() {
            let place = writes.places.len() as i32;
            writes.places.push(place);
            writes.requests.push(number as i32);
            writes.streams.push(write.stream.as_str());
            writes.categories.push(write.stream.category());
            writes.expected.push(expected(write.expected));
            writes.keys.push(if index == 0 { request.stored_key() } else { None });
            request.rows(index).for_each(|row| events.push(place, row));
        }
    }
    (writes, events)
}

#[derive(Default)]
pub(crate) struct Writes<'r> {
    places: Vec<i32>,
    requests: Vec<i32>,
    pub(crate) streams: Vec<&'r str>,
    categories: Vec<&'r str>,
    expected: Vec<i64>,
    pub(crate) keys: Vec<Option<std::borrow::Cow<'r, str>>>,
}

impl Writes<'_> {
    /// Stream, category, expected version and command key of each.
    pub(crate) fn bind<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        statement.bind(&self.streams).bind(&self.categories).bind(&self.expected).bind(unusual(&self.keys))
    }
}

/// Nothing where nothing is unusual: an array costs for each of its places, at both ends.
fn unusual<T>(column: &[Option<T>]) -> Option<&[Option<T>]> {
    column.iter().any(Option::is_some).then_some(column)
}

#[derive(Default)]
pub(crate) struct Events<'r> {
    places: Vec<i32>,
    ordinals: Vec<i64>,
    ids: Vec<Uuid>,
    names: Vec<&'r str>,
    schema_versions: Vec<Option<i32>>,
    encodings: Vec<Option<i16>>,
    data: Vec<&'r [u8]>,
    meta: Vec<Option<Vec<u8>>>,
    correlation_ids: Vec<Option<Uuid>>,
    causation_ids: Vec<Option<Uuid>>,
    occurred: Vec<Option<DateTime<Utc>>>,
    keys: Vec<Option<std::borrow::Cow<'r, str>>>,
}

impl<'r> Events<'r> {
    /// Which write each belongs to, and its place in it.
    pub(crate) fn bind_places<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        statement.bind(&self.places).bind(&self.ordinals)
    }

    pub(crate) fn bind_keys<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        statement.bind(unusual(&self.keys))
    }

    /// What each has in it, from its id to the time at which it occurred.
    pub(crate) fn bind<'q>(&'q self, statement: Statement<'q>) -> Statement<'q> {
        statement
            .bind(&self.ids)
            .bind(&self.names)
            .bind(unusual(&self.schema_versions))
            .bind(unusual(&self.encodings))
            .bind(&self.data)
            .bind(unusual(&self.meta))
            .bind(unusual(&self.correlation_ids))
            .bind(unusual(&self.causation_ids))
            .bind(unusual(&self.occurred))
    }

    fn push(&mut self, place: i32, row: NewRow<'r>) {
        let event = row.event;
        self.places.push(place);
        self.ordinals.push(row.ordinal as i64);
        self.ids.push(event.id);
        self.names.push(&event.name);
        self.schema_versions.push((event.schema_version != 1).then_some(event.schema_version as i32));
        self.encodings.push((event.encoding != ENCODING_JSON).then_some(event.encoding));
        self.data.push(&event.data);
        self.meta.push(row.meta);
        self.correlation_ids.push(event.metadata.correlation_id);
        self.causation_ids.push(event.metadata.causation_id);
        self.occurred.push(event.occurred_at);
        self.keys.push(row.command_key);
    }
}
