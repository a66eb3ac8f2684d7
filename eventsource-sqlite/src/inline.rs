//! Rows that are folded in the transaction of an append: it holds the write lock, so nobody else is at its stream.
//!
//! Each statement is a hop to SQLite's thread and back: so the first one takes the lock and looks up, and the last one
//! commits.

use std::sync::Arc;

use eventsource_core::backend::{InlineRows, KnownType};
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, Clock, InlineFold, InlineStore, Load, LoadRow, Position, RowChanges,
    StoreError, StreamId, ViewTable,
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
use crate::view_rows::check;
use crate::view_sql::ViewSql;
use crate::views::{Then, Views, rows_on, write_rows};

impl Views<'_> {
    async fn append_inline(
        &self,
        request: &AppendRequest,
        views: &[Arc<dyn InlineFold>],
        clock: &Clock,
    ) -> Result<(AppendOutcome, Position), StoreError> {
        let mut turn = self.turn.lock().await;
        turn.begin().await;
        let mut writing = self.connections.write().await?;
        // The writer must forget where the streams end.
        writing.enter_maintenance();
        let file = &*self.connections.file;
        let types = self.types.unknown(&[request]);
        let (requests, mut known) = ([request], Known::default());
        let done = match Batch::begin(&mut writing, &requests, &mut known, clock).await {
            Ok(mut batch) => append(&mut batch, file, request, views, &types).await,
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
        let rows = views.iter().map(|view| InlineRows::of(&**view, streams));
        let connection = writing.connection()?;
        let done = match fold(connection, file, rows, None).await {
            Ok(folded) => write(connection, file, &folded, Then::GoOn).await,
            Err(error) => Err(error),
        };
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
    request: &AppendRequest,
    views: &[Arc<dyn InlineFold>],
    types: &[KnownType],
) -> Result<((AppendOutcome, Position), bool), StoreError> {
    let (outcome, last) = batch.store_one().await?;
    let AppendOutcome::Stored(appended) = &outcome else { return Ok(((outcome, last), false)) };
    let connection = batch.connection();
    note_types(connection, file, types).await?;
    let rows = views.iter().map(|view| InlineRows::written(&**view, request));
    let folded = fold(connection, file, rows, Some((request, appended))).await?;
    write(connection, file, &folded, Then::Commit).await?;
    Ok(((outcome, last), !folded.is_empty()))
}

/// What has become of the rows of a view.
struct Folded<'v> {
    table: &'v ViewTable,
    sql: ViewSql<'v>,
    changes: RowChanges,
}

/// Answers what is to be written.
async fn fold<'v>(
    connection: &mut SqliteConnection,
    file: &str,
    views: impl Iterator<Item = InlineRows<'v>> + Send,
    appended: Option<(&AppendRequest, &Appended)>,
) -> Result<Vec<Folded<'v>>, StoreError> {
    let mut all = Vec::new();
    for mut rows in views.filter(|rows| !rows.is_empty()) {
        let table = rows.table();
        let sql = ViewSql::new(table)?;
        rows.begin(rows_on(file, connection, (table, &sql), &rows.keys()).await?)?;
        if let Some((request, appended)) = appended {
            rows.fold_appended(request, appended)?;
        }
        for (stream, after) in rows.behind() {
            let mut take = |row: LoadRow<'_>| match row {
                LoadRow::Event(event) => rows.fold(event),
                _ => Ok(()),
            };
            load_on(file, connection, &Load::new(stream.clone()).after(after), &mut take).await?;
        }
        let changes = rows.finish()?;
        check(table, &changes)?;
        if !changes.is_empty() {
            all.push(Folded { table, sql, changes });
        }
    }
    Ok(all)
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
