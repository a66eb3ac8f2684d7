//! Rows that are folded in the transaction of an append: it holds the write lock, so nobody else is at its stream.

use std::collections::HashSet;
use std::sync::Arc;

use eventsource_core::backend::InlineRows;
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, Clock, InlineFold, InlineStore, Load, LoadRow, Position, StoreError,
    StreamId,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;

use crate::batch::{Batch, Type, note_types};
use crate::connect::Writing;
use crate::load::load_on;
use crate::maintenance::{begin, begin_beside, end};
use crate::store::SqliteStore;
use crate::view_rows::check;
use crate::view_sql::ViewSql;
use crate::views::{Views, rows_on, write_rows};

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
        begin(&mut writing).await?;
        let file = &*self.connections.file;
        let done = append(writing.connection()?, file, request, views, clock).await;
        let ended = end(&mut writing, done).await;
        drop(writing);
        turn.end();
        ended
    }

    async fn fold_streams(&self, streams: &[StreamId], views: &[Arc<dyn InlineFold>]) -> Result<(), StoreError> {
        let mut turn = self.turn.lock().await;
        turn.begin().await;
        let mut writing: Writing = self.connections.write().await?;
        begin_beside(&mut writing).await?;
        let file = &*self.connections.file;
        let rows = views.iter().map(|view| InlineRows::of(&**view, streams));
        let done = fold(writing.connection()?, file, rows, None).await;
        let ended = end(&mut writing, done).await;
        drop(writing);
        turn.end();
        ended
    }
}

/// What happens inside the transaction.
async fn append(
    connection: &mut SqliteConnection,
    file: &str,
    request: &AppendRequest,
    views: &[Arc<dyn InlineFold>],
    clock: &Clock,
) -> Result<(AppendOutcome, Position), StoreError> {
    let (outcome, last) = Batch::within(connection, file, request, clock).await?;
    if let AppendOutcome::Stored(appended) = &outcome {
        let events = request.writes.iter().flat_map(|write| &write.events);
        let types: HashSet<Type> = events.map(|event| (event.name.clone(), event.schema_version)).collect();
        note_types(connection, file, &types).await?;
        let rows = views.iter().map(|view| InlineRows::written(&**view, request));
        fold(connection, file, rows, Some((request, appended))).await?;
    }
    Ok((outcome, last))
}

async fn fold<'v>(
    connection: &mut SqliteConnection,
    file: &str,
    views: impl Iterator<Item = InlineRows<'v>> + Send,
    appended: Option<(&AppendRequest, &Appended)>,
) -> Result<(), StoreError> {
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
        write_rows(file, connection, (table, &sql), &changes).await?;
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
