//! Rows that are folded in the transaction of an append, under the locks of their streams.
//!
//! The locks are those of appends with conditions, taken before anything is read. An append needs none against
//! another one: its event stands where the other's would. They keep it apart from those who bring a row to the end of its
//! stream and append nothing.

use std::sync::Arc;

use eventsource_core::backend::InlineRows;
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, InlineFold, InlineStore, RowChanges, StoreError, StreamId, ViewTable,
};
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};

use crate::connect::Link;
use crate::error::Failure;
use crate::rows::event;
use crate::sql::Sql;
use crate::store::PgStore;
use crate::view_rows::{bind_changes, bind_row};
use crate::view_sql::ViewSql;
use crate::views;

/// Folds what an append of this transaction has stored.
pub(crate) async fn fold_appended(
    link: &mut Link,
    sql: &Sql,
    views: &[Arc<dyn InlineFold>],
    request: &AppendRequest,
    appended: &Appended,
) -> Result<(), Failure> {
    for view in views {
        fold(link, sql, InlineRows::written(&**view, request), Some((request, appended))).await?;
    }
    Ok(())
}

/// Brings rows to where their streams end.
async fn fold_streams(
    link: &mut Link,
    sql: &Sql,
    views: &[Arc<dyn InlineFold>],
    streams: &[StreamId],
) -> Result<(), Failure> {
    for view in views {
        fold(link, sql, InlineRows::of(&**view, streams), None).await?;
    }
    Ok(())
}

async fn fold(
    link: &mut Link,
    sql: &Sql,
    mut rows: InlineRows<'_>,
    appended: Option<(&AppendRequest, &Appended)>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = rows.table();
    let view = ViewSql::new(&sql.es, table)?;
    let stored = views::rows(link, sql, (table, &view), &rows.keys()).await;
    rows.begin(stored.map_err(|failure| views::explain(table, failure))?)?;
    if let Some((request, appended)) = appended {
        rows.fold_appended(request, appended)?;
    }
    let behind = rows.behind();
    if !behind.is_empty() {
        let (streams, after): (Vec<&str>, Vec<i64>) =
            behind.iter().map(|(stream, after)| (stream.as_str(), after.0 as i64)).unzip();
        let mut tails = sql.query(&sql.load_tails).bind(&streams).bind(&after).fetch(&mut link.pg);
        while let Some(row) = tails.try_next().await? {
            rows.fold(&event(&row, None)?)?;
        }
    }
    let changes = rows.finish()?;
    if changes.is_empty() { Ok(()) } else { write(link, sql, (table, &view), &changes).await }
}

async fn write(
    link: &mut Link,
    sql: &Sql,
    (table, view): (&ViewTable, &ViewSql<'_>),
    changes: &RowChanges,
) -> Result<(), Failure> {
    let text: Arc<str>;
    let statement = match (&changes.written[..], &changes.deleted[..]) {
        ([row], []) => {
            text = view.write_row().into();
            bind_row(sql.query(&text), table, row)
        }
        _ => {
            text = view.write_rows().into();
            bind_changes(sql.query(&text), table, changes)
        }
    };
    match statement.execute(&mut link.pg).await.map_err(Failure::from) {
        Ok(_) => Ok(()),
        // Those after which it is tried again.
        Err(failure) if failure.is_unavailable() || failure.must_give_way() => Err(failure),
        Err(failure) => Err(views::explain_write(table, changes, failure).into()),
    }
}

/// An append is a transaction of its own, on one of the store's connections: its lock, the append, the rows as they are,
/// the rows as they become, and between them what a row is behind.
impl InlineStore for PgStore {
    fn append_inline<'a>(
        &'a self,
        request: Arc<AppendRequest>,
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<AppendOutcome, StoreError>> {
        self.shared().append(request, views).boxed()
    }

    fn fold_streams<'a>(
        &'a self,
        streams: &'a [StreamId],
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let (connections, sql) = self.connections();
            let locks = sql.lock_streams(streams.iter().map(|stream| (stream.as_str(), true)));
            let mut retried = false;
            loop {
                let mut lease = connections.acquire().await?;
                let fold = async |link: &mut Link| fold_streams(link, sql, views, streams).await;
                match lease.run_locked_transaction(&locks, fold).await {
                    // An idle connection may be dead, and others may lock tables in another order; it may be done twice.
                    Err(failure) if (failure.breaks_connection() || failure.must_give_way()) && !retried => {
                        retried = true;
                    }
                    folded => return folded.map_err(Failure::explain),
                }
            }
        }
        .boxed()
    }
}
