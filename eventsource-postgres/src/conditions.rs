//! Appends that lock their streams first: those with conditions, streams that they do not write and that must not have
//! moved, and those that fold rows ([`inline`](crate::inline)).
//!
//! One statement cannot do it: of two appends that each write what the other reads, both would commit. So these
//! appends, and only they, take locks on all their streams first ([`locks`]), in one order, in a statement of their own;
//! the next statement sees what the holders before them have committed.

use std::collections::{BTreeSet, HashMap};

use eventsource_core::{AppendOutcome, AppendRequest, Appended, Condition, Conflict, ExpectedVersion, Version};
use sqlx::Row;

use crate::append::{self, Answer, Terms};
use crate::connect::Link;
use crate::error::Failure;
use crate::sql::Sql;

/// The statements that lock the streams of requests, and how long they wait for a lock.
pub(crate) fn locks(sql: &Sql, requests: &[&AppendRequest], patience: &str) -> String {
    let depends = requests.iter().flat_map(|request| &request.conditions);
    let depends = depends.map(|condition| (condition.stream.as_str(), false));
    let writes = requests.iter().flat_map(|request| &request.writes).map(|write| (write.stream.as_str(), true));
    format!("SET LOCAL lock_timeout = '{patience}'; {}", sql.lock_streams(depends.chain(writes)))
}

/// Runs inside a transaction that holds the locks and that an error rolls back; a condition that does not hold is one.
pub(crate) async fn append(
    link: &mut Link,
    sql: &Sql,
    request: &AppendRequest,
    terms: Terms<'_>,
) -> Result<Answer, Failure> {
    let moved = moved_of_one(link, sql, request).await?;
    let answers = append::append(&mut link.pg, sql, &[request], terms).await?;
    let answer = answers.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
    match (moved, answer) {
        // The key and the expected versions come first: a repeated command must not be refused by what came later.
        (Some(conflict), Answer::Stored(_)) => Err(Failure::Moved(conflict)),
        (_, answer) => Ok(answer),
    }
}

/// The same for several, of which none writes or depends on what one before it writes. One whose conditions do not hold is
/// not stored, and whether that is its answer is seen when it is sent alone.
pub(crate) async fn append_together(
    link: &mut Link,
    sql: &Sql,
    requests: &[&AppendRequest],
    terms: Terms<'_>,
) -> Result<Vec<Answer>, Failure> {
    let moved = moved(link, sql, requests).await?;
    let hold = requests.iter().zip(&moved).filter(|(_, moved)| moved.is_none()).map(|(request, _)| *request);
    let hold: Vec<&AppendRequest> = hold.collect();
    let mut answers = match hold.is_empty() {
        true => Vec::new(),
        false => append::append(&mut link.pg, sql, &hold, terms).await?,
    }
    .into_iter();
    let answer = |moved: Option<Conflict>| moved.map(Answer::Moved).or_else(|| answers.next());
    moved.into_iter().map(answer).collect::<Option<_>>().ok_or_else(|| sqlx::Error::RowNotFound.into())
}

/// A request without events: whether all heads are where they should be, in one statement.
pub(crate) async fn validate(link: &mut Link, sql: &Sql, request: &AppendRequest) -> Result<AppendOutcome, Failure> {
    Ok(match moved_of_one(link, sql, request).await? {
        Some(conflict) => AppendOutcome::Conflict(conflict),
        None => AppendOutcome::Stored(Appended::default()),
    })
}

async fn moved_of_one(link: &mut Link, sql: &Sql, request: &AppendRequest) -> Result<Option<Conflict>, Failure> {
    Ok(moved(link, sql, &[request]).await?.pop().flatten())
}

/// The first condition of each request that does not hold.
async fn moved(link: &mut Link, sql: &Sql, requests: &[&AppendRequest]) -> Result<Vec<Option<Conflict>>, Failure> {
    // Of a stream that many depend on, the head is looked up once.
    let streams: BTreeSet<&str> =
        requests.iter().flat_map(|request| &request.conditions).map(|c| c.stream.as_str()).collect();
    let mut heads = HashMap::with_capacity(streams.len());
    if !streams.is_empty() {
        let streams: Vec<&str> = streams.into_iter().collect();
        for row in sql.query(&sql.heads).bind(&streams).fetch_all(&mut link.pg).await? {
            heads.insert(row.try_get::<String, _>(0)?, Version(row.try_get::<i64, _>(1)? as u64));
        }
    }
    let moved = |condition: &Condition| {
        let head = heads.get(condition.stream.as_str()).copied().unwrap_or(Version(0));
        let expected = ExpectedVersion::Exact(condition.version);
        (condition.version != head).then(|| Conflict::new(condition.stream.clone(), expected, head))
    };
    Ok(requests.iter().map(|request| request.conditions.iter().find_map(moved)).collect())
}
