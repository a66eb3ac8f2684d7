//! Appends that lock their streams first: those with conditions, streams that they do not write and that must not have
//! moved, and those that fold rows ([`inline`](crate::inline)).
//!
//! One statement cannot do it: of two appends that each write what the other reads, both would commit. So these
//! appends, and only they, take locks on all their streams first ([`locks`]), in one order, in a statement of their own;
//! the next statement sees what the holders before them have committed.

use eventsource_core::{AppendOutcome, AppendRequest, Appended, Conflict, ExpectedVersion, Version};
use sqlx::Row;

use crate::append::{self, Answer, Terms};
use crate::connect::Link;
use crate::error::Failure;
use crate::sql::Sql;

/// The statement that locks the streams of a request.
pub(crate) fn locks(sql: &Sql, request: &AppendRequest) -> String {
    let depends = request.conditions.iter().map(|condition| (condition.stream.as_str(), false));
    let writes = request.writes.iter().map(|write| (write.stream.as_str(), true));
    sql.lock_streams(depends.chain(writes))
}

/// Runs inside a transaction that holds the locks and that an error rolls back; a condition that does not hold is one.
pub(crate) async fn append(
    link: &mut Link,
    sql: &Sql,
    request: &AppendRequest,
    terms: Terms<'_>,
) -> Result<Answer, Failure> {
    let moved = moved(link, sql, request).await?;
    let answers = append::append(&mut link.pg, sql, &[request], terms).await?;
    let answer = answers.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
    match (moved, answer) {
        // The key and the expected versions come first: a repeated command must not be refused by what came later.
        (Some(conflict), Answer::Stored(_)) => Err(Failure::Moved(conflict)),
        (_, answer) => Ok(answer),
    }
}

/// A request without events: whether all heads are where they should be, in one statement.
pub(crate) async fn validate(link: &mut Link, sql: &Sql, request: &AppendRequest) -> Result<AppendOutcome, Failure> {
    Ok(match moved(link, sql, request).await? {
        Some(conflict) => AppendOutcome::Conflict(conflict),
        None => AppendOutcome::Stored(Appended::default()),
    })
}

/// The first condition that does not hold.
async fn moved(link: &mut Link, sql: &Sql, request: &AppendRequest) -> Result<Option<Conflict>, Failure> {
    if request.conditions.is_empty() {
        return Ok(None);
    }
    let places: Vec<i32> = (0..request.conditions.len() as i32).collect();
    let streams: Vec<&str> = request.conditions.iter().map(|condition| condition.stream.as_str()).collect();
    let rows = sql.query(&sql.heads).bind(&places).bind(&streams).fetch_all(&mut link.pg).await?;
    let mut heads = vec![Version(0); places.len()];
    for row in rows {
        heads[row.try_get::<i32, _>(0)? as usize] = Version(row.try_get::<i64, _>(1)? as u64);
    }
    let moved = request.conditions.iter().zip(heads).find(|(condition, head)| condition.version != *head);
    Ok(moved.map(|(condition, head)| {
        Conflict::new(condition.stream.clone(), ExpectedVersion::Exact(condition.version), head)
    }))
}
