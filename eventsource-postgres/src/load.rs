//! Loading one stream: snapshot, tail and command key in one statement.

use std::sync::Arc;

use eventsource_core::backend::stored_event_count;
use eventsource_core::{AsOf, Load, LoadEnd, LoadRow, StoreError, StoredCommand, VisitLoad};
use futures::TryStreamExt;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use crate::connect::{Connections, Link};
use crate::error::Failure;
use crate::rows::{Loaded, bare, event, loaded};
use crate::sql::Sql;

/// Loads a stream, handing its rows on as they arrive.
pub(crate) async fn load(
    connections: &Connections,
    sql: &Sql,
    load: &Load,
    visit: VisitLoad<'_>,
) -> Result<LoadEnd, StoreError> {
    let (mut visited, mut retried) = (false, false);
    loop {
        let mut lease = connections.acquire().await?;
        let attempt = lease.run(async |link| attempt(link, sql, load, &mut visited, &mut *visit).await).await;
        match attempt {
            // The server may have been restarted while the connection was idle; a new one is sure to be alive.
            Err(failure) if failure.breaks_connection() && !visited && !retried => retried = true,
            end => return end.map_err(Failure::explain),
        }
    }
}

async fn attempt(
    link: &mut Link,
    sql: &Sql,
    load: &Load,
    visited: &mut bool,
    visit: VisitLoad<'_>,
) -> Result<LoadEnd, Failure> {
    let after = load.after.0.min(i64::MAX as u64) as i64;
    if load.bare && load.as_of.is_none() {
        return attempt_bare(link, sql, load, after, visited, visit).await;
    }
    if load.snapshot.is_none() && load.command_key.is_none() && load.as_of.is_none() {
        let statement = sql.query(&sql.load_tail).bind(load.stream.as_str()).bind(after);
        let mut rows = statement.fetch(&mut link.pg);
        while let Some(row) = rows.try_next().await? {
            *visited = true;
            visit(LoadRow::Event(&event(&row, Some(load.stream.as_str()))?))?;
        }
        return Ok(LoadEnd::new(None));
    }
    let begin = |text| from_snapshot(sql, text, load, after);
    let as_of = &sql.load_as_of;
    let statement = match load.as_of {
        None => begin(&sql.load),
        Some(AsOf::Version(version)) => begin(&as_of.version).bind(version.0.min(i64::MAX as u64) as i64),
        Some(AsOf::Position(position)) => begin(&as_of.position).bind(position.0.min(i64::MAX as u64) as i64),
        Some(AsOf::RecordedAt(time)) => begin(&as_of.recorded_at).bind(time),
        Some(AsOf::OccurredAt(time)) => begin(&as_of.occurred_at).bind(time),
        // A moment that only a later core knows.
        Some(other) => return Err(StoreError::invalid(format!("this store cannot load as of {other:?}")).into()),
    };
    let mut command = None;
    let mut rows = statement.fetch(&mut link.pg);
    while let Some(row) = rows.try_next().await? {
        *visited = true;
        match loaded(&row, load.stream.as_str())? {
            Loaded::Event(event) => visit(LoadRow::Event(&event))?,
            Loaded::Snapshot(snapshot) => visit(LoadRow::Snapshot(snapshot))?,
            Loaded::Command(first, meta) => command = Some(StoredCommand::new(first, stored_event_count(meta)?)),
        }
    }
    Ok(LoadEnd::new(command))
}

async fn attempt_bare(
    link: &mut Link,
    sql: &Sql,
    load: &Load,
    after: i64,
    visited: &mut bool,
    visit: VisitLoad<'_>,
) -> Result<LoadEnd, Failure> {
    let timed = load.snapshot.is_some();
    let statement = match &load.command_key {
        _ if timed => from_snapshot(sql, &sql.load_bare_snapshot, load, after),
        None => sql.query(&sql.load_bare).bind(load.stream.as_str()).bind(after),
        Some(key) => sql.query(&sql.load_bare_keyed).bind(load.stream.as_str()).bind(after).bind(key),
    };
    let mut command = None;
    let mut rows = statement.fetch(&mut link.pg);
    while let Some(row) = rows.try_next().await? {
        *visited = true;
        match bare(&row, timed)? {
            Loaded::Event(event) => visit(LoadRow::Bare(event))?,
            Loaded::Snapshot(snapshot) => visit(LoadRow::Snapshot(snapshot))?,
            Loaded::Command(first, meta) => command = Some(StoredCommand::new(first, stored_event_count(meta)?)),
        }
    }
    Ok(LoadEnd::new(command))
}

/// A statement that begins at a snapshot, if one may serve.
fn from_snapshot<'q>(sql: &Sql, text: &Arc<str>, load: &'q Load, after: i64) -> Query<'q, Postgres, PgArguments> {
    let key = load.snapshot.as_ref();
    sql.query(text)
        .bind(load.stream.as_str())
        .bind(after)
        .bind(key.map(|key| key.kind))
        .bind(key.map(|key| key.fingerprint as i64))
        .bind(key.map(|key| key.revision as i32))
        .bind(load.command_key.as_deref())
}
