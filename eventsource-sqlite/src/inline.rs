//! Rows that are folded in the transaction of the append: it holds the write lock, so nobody else is at its stream.
//!
//! Each statement is a hop to SQLite's thread and back: so the first one takes the lock and looks up, and the last one
//! writes and commits. While the lock is held it is known what events will be before they are inserted: an append
//! that changes one row only looks for that in between.

use std::sync::Arc;

use eventsource_core::backend::{InlineRows, KnownType};
use eventsource_core::{
    AppendOutcome, AppendRequest, Clock, InlineFold, InlineStore, Load, LoadRow, Position, RowChanges, StoreError,
    StreamId, ViewTable,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;

use crate::batch::{Batch, note_types};
use crate::connect::Writing;
use crate::heads::Known;
use crate::load::load_on;
use crate::maintenance::{begin_beside, end};
use crate::store::SqliteStore;
use crate::view_rows::{bind, check};
use crate::view_sql::ViewSql;
use crate::views::{COMMIT, Then, Views, explain_view, rows_on, write_rows};

impl Views<'_> {
    async fn append_inline(
        &self,
        request: &AppendRequest,
        views: &[Arc<dyn InlineFold>],
        clock: &Clock,
    ) -> Result<(AppendOutcome, Position), StoreError> {
        let all = InlineRows::all_written(views, request);
        let mut turn = self.turn.lock().await;
        turn.begin().await;
        let mut writing = self.connections.write().await?;
        // The writer must forget where the streams end.
        writing.enter_maintenance();
        let file = &*self.connections.file;
        let types = self.types.unknown(&[request]);
        let (requests, mut known) = ([request], Known::default());
        let done = match Batch::begin(&mut writing, &requests, &mut known, clock).await {
            Ok(mut batch) => append(&mut batch, file, all, &types).await,
            Err(error) => Err(error),
        };
        let ended = match done {
            Ok((stored, true)) => {
                writing.leave();
                Ok(stored)
            }
            Ok((stored, false)) => end(&mut writing, Ok(stored)).await,
            Err(error) => end(&mut writing, Err(error)).await,
        };
        drop(writing);
        turn.end();
        if let Ok((AppendOutcome::Stored(_), _)) = &ended {
            self.types.remember(types);
        }
        ended
    }

    async fn fold_streams(&self, streams: &[StreamId], views: &[Arc<dyn InlineFold>]) -> Result<(), StoreError> {
        let mut turn = self.turn.lock().await;
        turn.begin().await;
        let mut writing: Writing = self.connections.write().await?;
        begin_beside(&mut writing).await?;
        let file = &*self.connections.file;
        let done = fold_all(writing.connection()?, file, views, streams).await;
        let ended = end(&mut writing, done).await;
        drop(writing);
        turn.end();
        ended
    }
}

/// What happens inside the transaction; says too whether that is over.
async fn append(
    batch: &mut Batch<'_>,
    file: &str,
    all: Vec<InlineRows<'_>>,
    types: &[KnownType],
) -> Result<((AppendOutcome, Position), bool), StoreError> {
    let (outcome, last) = batch.place_one().await?;
    let AppendOutcome::Stored(appended) = &outcome else { return Ok(((outcome, last), false)) };
    let mut folded = Vec::with_capacity(all.len());
    for mut rows in all {
        let sql = ViewSql::new(rows.table())?;
        rows.begin(rows_on(file, batch.connection(), (rows.table(), &sql), &rows.keys()).await?)?;
        rows.fold_appended(batch.request(), appended)?;
        if !rows.behind().is_empty() {
            batch.flush().await?;
            fold_behind(batch.connection(), file, &mut rows).await?;
        }
        folded.extend(Folded::of(rows, sql)?);
    }
    if let ([Folded { table, sql, changes }], []) = (&folded[..], types)
        && let ([row], []) = (&changes.written[..], &changes.deleted[..])
        && let Some((statement, connection)) = batch.insert_waiting_and(&(sql.write(1) + COMMIT))
    {
        let done = row.iter().fold(statement, bind).execute(connection).await;
        done.map_err(|error| explain_view(file, table, error))?;
        return Ok(((outcome, last), true));
    }
    batch.flush().await?;
    let connection = batch.connection();
    note_types(connection, file, types).await?;
    write(connection, file, &folded, Then::Commit).await?;
    Ok(((outcome, last), !folded.is_empty()))
}

/// Brings rows to where their streams end.
async fn fold_all(
    connection: &mut SqliteConnection,
    file: &str,
    views: &[Arc<dyn InlineFold>],
    streams: &[StreamId],
) -> Result<(), StoreError> {
    let mut folded = Vec::with_capacity(views.len());
    for mut rows in views.iter().map(|view| InlineRows::of(&**view, streams)).filter(|rows| !rows.is_empty()) {
        let sql = ViewSql::new(rows.table())?;
        rows.begin(rows_on(file, connection, (rows.table(), &sql), &rows.keys()).await?)?;
        fold_behind(connection, file, &mut rows).await?;
        folded.extend(Folded::of(rows, sql)?);
    }
    write(connection, file, &folded, Then::GoOn).await
}

/// Folds what is between the rows and the ends of their streams.
async fn fold_behind(
    connection: &mut SqliteConnection,
    file: &str,
    rows: &mut InlineRows<'_>,
) -> Result<(), StoreError> {
    for (stream, after) in rows.behind() {
        let mut take = |row: LoadRow<'_>| match row {
            LoadRow::Event(event) => rows.fold(event),
            _ => Ok(()),
        };
        load_on(file, connection, &Load::new(stream.clone()).after(after), &mut take).await?;
    }
    Ok(())
}

/// What has become of the rows of a view.
struct Folded<'v> {
    table: &'v ViewTable,
    sql: ViewSql<'v>,
    changes: RowChanges,
}

impl<'v> Folded<'v> {
    /// Nothing, if nothing is to be written.
    fn of(rows: InlineRows<'v>, sql: ViewSql<'v>) -> Result<Option<Self>, StoreError> {
        let (table, changes) = (rows.table(), rows.finish()?);
        check(table, &changes)?;
        Ok((!changes.is_empty()).then_some(Self { table, sql, changes }))
    }
}

async fn write(
    connection: &mut SqliteConnection,
    file: &str,
    folded: &[Folded<'_>],
    then: Then,
) -> Result<(), StoreError> {
    for (at, Folded { table, sql, changes }) in folded.iter().enumerate() {
        let then = if at + 1 == folded.len() { then } else { Then::GoOn };
        write_rows(file, connection, (table, sql), changes, then).await?;
    }
    Ok(())
}

/// An append is a transaction of its own, which waits for those of others and shares no commit.
impl InlineStore for SqliteStore {
    fn append_inline<'a>(
        &'a self,
        request: Arc<AppendRequest>,
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<AppendOutcome, StoreError>> {
        async move {
            let (limits, clock) = self.limits_and_clock();
            request.check(limits)?;
            let (outcome, last) = self.views().append_inline(&request, views, clock).await?;
            self.announce(last);
            Ok(outcome)
        }
        .boxed()
    }

    fn fold_streams<'a>(
        &'a self,
        streams: &'a [StreamId],
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.views().fold_streams(streams, views).await }.boxed()
    }
}
