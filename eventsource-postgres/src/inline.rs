//! Rows that are folded in the transaction of an append, under the locks of their streams.
//!
//! The locks are those of appends with conditions, taken before anything is read. An append needs none against
//! another one: its event stands where the other's would. They keep it apart from those who bring a row to the end of its
//! stream and append nothing.

use std::sync::Arc;

use eventsource_core::backend::InlineRows;
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, ColumnValue, InlineFold, InlineStore, Row, RowChanges, StoreError,
    StreamId, ViewTable,
};
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};

use crate::append::{self, Answer, Terms};
use crate::conditions;
use crate::connect::Link;
use crate::error::Failure;
use crate::rows::event;
use crate::sql::Sql;
use crate::store::PgStore;
use crate::view_rows::{bind_bound, bind_changes, bind_row, read_row_behind};
use crate::view_sql::ViewSql;
use crate::views::{self, UNDEFINED_TABLE};

/// Appends and folds what was stored, in a transaction that holds the locks.
pub(crate) async fn append(
    link: &mut Link,
    sql: &Sql,
    request: &AppendRequest,
    terms: Terms<'_>,
    views: &[Arc<dyn InlineFold>],
) -> Result<Answer, Failure> {
    let all = InlineRows::all_written(views, request);
    let (answer, mut found) = match InlineRows::only_row(&all) {
        Some(row) if append::is_one_event(request) => append_and_look_up(link, sql, request, terms, row).await?,
        _ => (conditions::append(link, sql, request, terms).await?, None),
    };
    if let Answer::Stored(appended) = &answer {
        for rows in all {
            fold(link, sql, rows, found.take(), Some((request, appended))).await?;
        }
    }
    Ok(answer)
}

/// One event and the one row that it changes, in one round trip. The lock is held, so the row is as new as the
/// statement, which sees what everybody before it has committed.
async fn append_and_look_up(
    link: &mut Link,
    sql: &Sql,
    request: &AppendRequest,
    terms: Terms<'_>,
    (table, key): (&ViewTable, ColumnValue),
) -> Result<(Answer, Option<Vec<Row>>), Failure> {
    let view = ViewSql::new(&sql.es, table)?;
    let text = view.row_beside(append::text_of_one(sql, request), append::PLACES_OF_ONE + 1).into();
    let statement = bind_bound(append::bind_one(sql.query(&text), request, terms), &key);
    let done = statement.fetch_optional(&mut link.pg).await.map_err(|error| of_table(table, error.into()))?;
    let answer = append::answer_of_one(done.as_ref())?;
    let found = done.map(|row| read_row_behind(append::COLUMNS_OF_ONE, table, &row)).transpose()?;
    Ok((answer, Some(found.into_iter().filter(|row| *table.key_of(row) != ColumnValue::Null).collect())))
}

/// Brings rows to where their streams end.
async fn fold_streams(
    link: &mut Link,
    sql: &Sql,
    views: &[Arc<dyn InlineFold>],
    streams: &[StreamId],
) -> Result<(), Failure> {
    for view in views {
        fold(link, sql, InlineRows::of(&**view, streams), None, None).await?;
    }
    Ok(())
}

async fn fold(
    link: &mut Link,
    sql: &Sql,
    mut rows: InlineRows<'_>,
    found: Option<Vec<Row>>,
    appended: Option<(&AppendRequest, &Appended)>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let table = rows.table();
    let view = ViewSql::new(&sql.es, table)?;
    let found = match found {
        Some(found) => found,
        None => {
            let found = views::rows(link, sql, (table, &view), &rows.keys()).await;
            found.map_err(|failure| of_table(table, failure))?
        }
    };
    rows.begin(found)?;
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

/// What it means that a table is missing; everything else is for those who try again.
fn of_table(table: &ViewTable, failure: Failure) -> Failure {
    match failure.code().as_deref() {
        Some(UNDEFINED_TABLE) => table.not_held().into(),
        _ => failure,
    }
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

/// An append is a transaction of its own, on one of the store's connections: its lock, the append, the rows as they are
/// (of one event together with it), the rows as they become, and between them what a row is behind.
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
