//! The one way to change what was recorded, and it leaves a trace.

use eventsource_core::{AppendRequest, BoxError, ExpectedVersion, NewEvent, Position, StoreError, StreamId};
use serde_json::json;
use sqlx::{PgConnection, Row};

use crate::append::{self, Answer, Terms};
use crate::connect::Link;
use crate::error::Failure;
use crate::sql::Sql;

/// Runs `change` with the permit, inside a transaction; answers its result and the last position.
pub(crate) async fn maintain<T>(
    link: &mut Link,
    sql: &Sql,
    terms: Terms<'_>,
    (actor, reason): (&str, &str),
    change: impl AsyncFnOnce(&mut PgConnection) -> Result<T, BoxError>,
) -> Result<(T, Position), Failure> {
    // A snapshot of what is about to be erased must neither be on its way past the permit's triggers nor come after them.
    sql.query(&sql.lock_snapshots).execute(&mut link.pg).await?;
    sql.query(&sql.permit).execute(&mut link.pg).await?;
    let result = change(&mut link.pg)
        .await
        .map_err(|error| StoreError::failed("the maintenance failed and was undone").with_source(error))?;
    if !sql.query(&sql.revoke).fetch_one(&mut link.pg).await?.try_get::<bool, _>(0)? {
        let message =
            "the transaction of the maintenance was ended before its time, by a statement of yours (COMMIT, ROLLBACK)";
        return Err(StoreError::failed(message).into());
    }
    let payload = json!({ "actor": actor, "reason": reason });
    let event = NewEvent::new("$maintenance", 1, payload.to_string().into_bytes());
    let stream = StreamId::new("$maintenance", "log").map_err(StoreError::from)?;
    let request = AppendRequest::new(stream, ExpectedVersion::Any, vec![event]);
    let answers = append::append(&mut link.pg, sql, &[&request], terms).await?;
    match &answers[..] {
        [Answer::Stored(appended)] => Ok((result, appended.streams[0].positions[0])),
        _ => Err(StoreError::failed("the maintenance could not be recorded and was undone").into()),
    }
}
