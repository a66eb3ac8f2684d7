//! Up to where the order is settled: no event can appear any more at or below the watermark.
//!
//! With the floor ordering (`sql/floor.sql`), an append first reads L, the sequence's last value, then takes a shared
//! lock that carries L, then draws its positions. A reader reads M, the sequence's last value, then the lowest L of
//! all locks that are held; its watermark W is the lesser of the two. **In a later statement** it reads events up to W.
//!
//! Claim: whoever owns a position p at or below W is visible to that later statement, or will never be.
//! Proof: with CACHE 1 the sequence rises, so p, not above M, was drawn before M was read; its lock was taken before
//! that. If the lock were still held when the locks were read, W would be at most its L, which is below p. So it
//! was released, and PostgreSQL makes a transaction visible before it releases its locks. An append whose lock comes
//! after the look at the locks draws only positions above M.
//!
//! The claim holds as long as the server does not crash: the numbers between the last event and W may be given again
//! afterwards, because a sequence that no commit has flushed goes back. So what outlives a page, in a cursor or with a
//! connection (to a pooler, which a crash does not end), is the last event at or below W and never W itself. Up to a
//! settled event everything stays settled, so a page below it needs no new look.
//!
//! Where no number is missing, none of that is needed: whatever owns a number is the only one that ever will. So events
//! that follow a settled one without a gap are settled, which a statement that reads events can tell by itself.
//!
//! W can go back: an append may have read L long before it takes its lock. What was settled before stays so.

use eventsource_core::{Cursor, Position};
use sqlx::Row;
use uuid::Uuid;

use crate::connect::Link;
use crate::error::Failure;
use crate::sql::Sql;

/// Looks anew.
pub(crate) async fn look(link: &mut Link, sql: &Sql) -> Result<i64, Failure> {
    let row = sql.query(&sql.watermark).fetch_one(&mut link.pg).await?;
    Ok(link.settled.max(row.try_get(0)?))
}

/// The last visible event at or below a position.
pub(crate) async fn cursor_at_or_below(link: &mut Link, sql: &Sql, position: i64) -> Result<Cursor, Failure> {
    let row = sql.query(&sql.cursor).bind(position).fetch_optional(&mut link.pg).await?;
    let Some(row) = row else { return Ok(Cursor::START) };
    Ok(Cursor::new(Position(row.try_get::<i64, _>(0)? as u64), row.try_get::<Uuid, _>(1)?))
}

/// What a statement sees behind a settled event.
pub(crate) enum Behind {
    Nothing,
    /// Events without a gap up to this one, and perhaps more.
    Dense(Position),
    /// The first number is missing, or nothing is known to be settled.
    Gap,
}

pub(crate) async fn behind(link: &mut Link, sql: &Sql, settled: Position) -> Result<Behind, Failure> {
    if settled == Position(0) {
        return Ok(Behind::Gap);
    }
    let row = sql.query(&sql.dense).bind(settled.0 as i64).fetch_one(&mut link.pg).await?;
    Ok(match (row.try_get(0)?, row.try_get::<Option<i64>, _>(1)?) {
        (false, _) => Behind::Nothing,
        (true, Some(last)) => Behind::Dense(Position(last as u64)),
        (true, None) => Behind::Gap,
    })
}
