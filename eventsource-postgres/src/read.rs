//! Reading a page of events.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventsource_core::{Cursor, Page, Position, Read, Scope, StoreError, Visit};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, AssertSqlSafe, Row, query_with};

use crate::connect::{Connections, Link};
use crate::error::Failure;
use crate::rows::event;
use crate::sql::Sql;
use crate::watermark::{cursor_at_or_below, look};

/// Events that are read at the end of the store without a look at the watermark, and for nothing if a position is missing.
const MOST_DENSE: usize = 256;

/// Reads a page. Up to `settled`, as far as this process knows, no event can appear any more.
pub(crate) async fn read(
    connections: &Connections,
    sql: &Sql,
    settled: Position,
    read: &Read,
    visit: Visit<'_>,
) -> Result<Page, StoreError> {
    let (mut visited, mut retried) = (false, false);
    loop {
        let mut lease = connections.acquire().await?;
        let mut handed_out = HandedOut { count: 0, last: None, visited: &mut visited, visit: &mut *visit };
        let page = lease.run(async |link| page(link, sql, settled, read, &mut handed_out).await).await;
        match page {
            // The server may have been restarted while the connection was idle; a new one is sure to be alive.
            Err(failure) if failure.breaks_connection() && !visited && !retried => retried = true,
            page => return page.map_err(Failure::explain),
        }
    }
}

/// The events of a page so far.
struct HandedOut<'p, 'v> {
    count: usize,
    last: Option<Cursor>,
    visited: &'p mut bool,
    visit: Visit<'v>,
}

impl HandedOut<'_, '_> {
    fn hand_out(&mut self, row: &PgRow) -> Result<(), Failure> {
        let event = event(row, None)?;
        *self.visited = true;
        self.last = Some(Cursor::new(event.position, event.id));
        self.count += 1;
        Ok((self.visit)(&event)?)
    }
}

/// A page costs one statement as long as it is full and below an event that is known to be settled, and one at the
/// end if no position is missing there; else it looks at the watermark and goes on.
async fn page(
    link: &mut Link,
    sql: &Sql,
    settled: Position,
    read: &Read,
    handed_out: &mut HandedOut<'_, '_>,
) -> Result<Page, Failure> {
    let wanted = read.until.map_or(i64::MAX, |until| until.0.min(i64::MAX as u64) as i64);
    let mut after = read.after.0.min(i64::MAX as u64) as i64;
    let mut watermark = link.settled;
    let mut looked = false;
    let near_end = (0..MOST_DENSE as i64).contains(&(watermark.max(settled.0 as i64) - after));
    if near_end && read.until.is_none() && !is_filtered(read) {
        let ends = dense(link, sql, read, after, handed_out).await?;
        if let Some(last) = handed_out.last {
            after = last.position.0 as i64;
            link.settled = link.settled.max(after);
            if ends {
                return Ok(Page::new(last, last.position, handed_out.count, true));
            }
        }
    }
    loop {
        let until = wanted.min(watermark);
        if after < until && handed_out.count < read.limit {
            let statement = Statement::new(sql, read, after, until, read.limit - handed_out.count)?;
            let mut rows = statement.fetch(link, sql);
            while let Some(row) = rows.try_next().await? {
                handed_out.hand_out(&row)?;
            }
            after = until;
        }
        let full =
            handed_out.count == read.limit && handed_out.last.is_some_and(|last| last.position.0 <= until as u64);
        if full || looked || until == wanted {
            break;
        }
        watermark = look(link, sql).await?;
        looked = true;
    }
    let until = wanted.min(watermark);
    let at_end = handed_out.count < read.limit;
    let next = match handed_out.last {
        // A short page has seen everything up to the watermark: what the filters kept back need not be read again.
        Some(last) if !at_end || until < watermark || !is_filtered(read) => last,
        _ => resume(link, sql, read, until, watermark).await?,
    };
    if looked {
        let further = match at_end {
            true => next,
            // The pages that follow shall not have to look.
            false => cursor_at_or_below(link, sql, watermark).await?,
        };
        if further.position.0 <= watermark as u64 {
            link.settled = link.settled.max(further.position.0 as i64);
        }
    }
    Ok(Page::new(next, Position(watermark as u64), handed_out.count, at_end))
}

/// The events behind `after` up to the first position that is missing, which somebody may have drawn and not yet
/// committed; whether it came to the end. Nothing can come between events that have no gap, so behind a settled
/// event they are settled.
async fn dense(
    link: &mut Link,
    sql: &Sql,
    read: &Read,
    after: i64,
    handed_out: &mut HandedOut<'_, '_>,
) -> Result<bool, Failure> {
    let limit = read.limit.min(MOST_DENSE);
    let statement = Statement::new(sql, read, after, i64::MAX, limit)?;
    let mut rows = statement.fetch(link, sql);
    let mut next = after + 1;
    while let Some(row) = rows.try_next().await? {
        if row.try_get::<i64, _>("position")? != next {
            return Ok(false);
        }
        handed_out.hand_out(&row)?;
        next += 1;
    }
    Ok(handed_out.count < limit)
}

/// Where to go on behind a page that does not say it: at the last event up to `until`, or where the reader stands
/// already. That may be an event above the watermark, which can go back.
async fn resume(link: &mut Link, sql: &Sql, read: &Read, until: i64, watermark: i64) -> Result<Cursor, Failure> {
    let after = read.after.0.min(i64::MAX as u64) as i64;
    let settled = cursor_at_or_below(link, sql, until.max(after.min(watermark))).await?;
    if after <= watermark {
        return Ok(settled);
    }
    let stands = cursor_at_or_below(link, sql, after).await?;
    Ok(if stands.position == read.after { stands } else { settled })
}

fn is_filtered(read: &Read) -> bool {
    let everything = Read::all();
    read.scope != Scope::All
        || !read.names.is_empty()
        || read.after_version != everything.after_version
        || read.recorded != everything.recorded
        || read.occurred != everything.occurred
}

/// A page's statement: fixed texts and numbered values, so there are few statements and each is prepared once.
struct Statement {
    sql: String,
    arguments: PgArguments,
}

impl Statement {
    fn new(sql: &Sql, read: &Read, after: i64, until: i64, limit: usize) -> Result<Self, sqlx::Error> {
        let mut statement = Self { sql: sql.page.to_string(), arguments: PgArguments::default() };
        statement.and(" WHERE position > ", after, "")?;
        statement.and(" AND position <= ", until, "")?;
        match &read.scope {
            Scope::All => {}
            Scope::Category(category) => statement.and(" AND category = ", &**category, "")?,
            Scope::Stream(stream) => statement.and(" AND stream = ", stream.as_str(), "")?,
        }
        if read.after_version.0 > 0 {
            statement.and(" AND version > ", read.after_version.0.min(i64::MAX as u64) as i64, "")?;
        }
        if !read.names.is_empty() {
            let names: Vec<&str> = read.names.iter().map(|name| &**name).collect();
            statement.and(" AND name = ANY(", names, ")")?;
        }
        let ranges = [
            (" AND recorded_at >= ", read.recorded.from),
            (" AND recorded_at < ", read.recorded.until),
            (" AND occurred_at >= ", read.occurred.from),
            (" AND occurred_at < ", read.occurred.until),
        ];
        for (clause, time) in ranges {
            if let Some(time) = time {
                statement.and(clause, time, "")?;
            }
        }
        // Versions and positions rise together in a stream; ordering by version lets PostgreSQL use the stream's index.
        let of_stream = matches!(read.scope, Scope::Stream(_));
        statement.sql.push_str(if of_stream { " ORDER BY version" } else { " ORDER BY position" });
        statement.and(" LIMIT ", limit as i64, "")?;
        Ok(statement)
    }

    fn fetch<'l>(self, link: &'l mut Link, sql: &Sql) -> BoxStream<'l, Result<PgRow, sqlx::Error>> {
        query_with(AssertSqlSafe(self.sql), self.arguments).persistent(sql.keeps_statements).fetch(&mut link.pg)
    }

    fn and<'q, T>(&mut self, before: &str, value: T, behind: &str) -> Result<(), sqlx::Error>
    where
        T: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        self.sql.push_str(&format!("{before}${}{behind}", self.arguments.len()));
        Ok(())
    }
}

/// The position before the first event that was recorded after `time`, as far as the order is settled.
pub(crate) async fn position_at(
    connections: &Connections,
    sql: &Arc<Sql>,
    time: DateTime<Utc>,
) -> Result<Position, StoreError> {
    let position = connections.run(async |link| {
        let watermark = look(link, sql).await?;
        let row = sql.query(&sql.position_at).bind(time).bind(watermark).fetch_optional(&mut link.pg).await?;
        match row {
            Some(row) => Ok(Position(row.try_get::<i64, _>(0)? as u64)),
            None => Ok(cursor_at_or_below(link, sql, watermark).await?.position),
        }
    });
    position.await
}
