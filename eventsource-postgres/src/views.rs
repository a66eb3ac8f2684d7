//! Views: typed tables, each batch of rows written in one statement with its checkpoint.

use std::sync::Arc;

use eventsource_core::backend::scan_parts;
use eventsource_core::{
    Checkpoint, CheckpointKey, ColumnValue, HeldView, Row, RowChanges, Scan, StoreError, ViewStore, ViewTable,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::checkpoints;
use crate::connect::{Connections, Link};
use crate::error::Failure;
use crate::options::PgOptions;
use crate::parking;
use crate::sql::Sql;
use crate::store::PgStore;
use crate::view_rows::{bind_all, bind_bound, bind_changes, read_row, unfit};
use crate::view_sql::ViewSql;

/// What views need of a store.
pub(crate) struct Views<'s> {
    pub(crate) connections: &'s Connections,
    pub(crate) sql: &'s Sql,
    pub(crate) options: &'s PgOptions,
    pub(crate) events_table: i64,
}

pub(crate) const UNDEFINED_TABLE: &str = "42P01";

impl Views<'_> {
    async fn rows(&self, table: &ViewTable, keys: &[ColumnValue]) -> Result<Vec<Row>, StoreError> {
        table.check_keys(keys)?;
        let sql = ViewSql::new(&self.sql.es, table)?;
        let found = self.connections.attempt(async |link| rows(link, self.sql, (table, &sql), keys).await);
        found.await.map_err(|failure| explain(table, failure))
    }

    async fn write(&self, table: &ViewTable, changes: &RowChanges, checkpoint: Checkpoint) -> Result<(), StoreError> {
        table.check_changes(changes)?;
        let text: Arc<str> = ViewSql::new(&self.sql.es, table)?.write().into();
        let key = table.checkpoint_key();
        let what = (table, changes, &key, checkpoint);
        let moved = match changes.unparked.is_empty() {
            true => self.connections.attempt(async |link| write(link, self.sql, &text, what).await).await,
            false => {
                let mut lease = self.connections.acquire().await?;
                let retry = lease.run_transaction(async |link| {
                    let moved = write(link, self.sql, &text, what).await?;
                    // The checkpoint's row is locked by now, so nobody else removes them.
                    if moved {
                        parking::take(link, self.sql, &key, &changes.unparked).await?;
                    }
                    Ok(moved)
                });
                retry.await
            }
        };
        match moved {
            Ok(true) => Ok(()),
            Ok(false) => Err(checkpoints::why_refused(self.connections, self.sql, &key, checkpoint).await),
            Err(failure) => Err(explain_write(table, changes, failure)),
        }
    }

    async fn scan(&self, table: &ViewTable, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        scan.check(table)?;
        let sql = ViewSql::new(&self.sql.es, table)?;
        let mut rows: Vec<Row> = Vec::new();
        for part in scan_parts(scan, table) {
            let limit = scan.limit.saturating_sub(rows.len());
            if limit == 0 {
                break;
            }
            let (text, values) = sql.scan(scan, part);
            let text: Arc<str> = text.into();
            let found = self.connections.attempt(async |link| {
                let statement =
                    values.iter().fold(self.sql.query(&text), |statement, value| bind_bound(statement, value));
                let rows = statement.bind(limit as i64).fetch_all(&mut link.pg).await?;
                Ok(rows.iter().map(|row| read_row(table, row)).collect::<Result<Vec<_>, _>>()?)
            });
            rows.extend(found.await.map_err(|failure| explain(table, failure))?);
        }
        Ok(rows)
    }
}

/// The rows of these keys.
pub(crate) async fn rows(
    link: &mut Link,
    sql: &Sql,
    (table, view): (&ViewTable, &ViewSql<'_>),
    keys: &[ColumnValue],
) -> Result<Vec<Row>, Failure> {
    let text: Arc<str> = view.rows().into();
    let statement = bind_all(sql.query(&text), &table.columns[table.key], keys.iter());
    let found = statement.fetch_all(&mut link.pg).await?;
    Ok(found.iter().map(|row| read_row(table, row)).collect::<Result<_, _>>()?)
}

/// The statement; answers whether the checkpoint was moved, without which nothing is written.
async fn write(
    link: &mut Link,
    sql: &Sql,
    text: &Arc<str>,
    (table, changes, key, checkpoint): (&ViewTable, &RowChanges, &CheckpointKey, Checkpoint),
) -> Result<bool, Failure> {
    let statement = sql
        .query(text)
        .bind(&*key.name)
        .bind(key.view_version as i32)
        .bind(key.partition as i32)
        .bind(checkpoint.cursor.position.0 as i64)
        .bind(checkpoint.cursor.event_id)
        .bind(checkpoint.store_id)
        .bind(checkpoint.owner_epoch as i64);
    let row = bind_changes(statement, table, changes).fetch_one(&mut link.pg).await?;
    Ok(sqlx::Row::try_get::<i64, _>(&row, 0)? == 1)
}

/// Whether PostgreSQL refused a value.
fn is_unfit(failure: &Failure) -> bool {
    let encoding = matches!(failure, Failure::Sql(sqlx::Error::Encode(_)));
    encoding || failure.code().is_some_and(|code| code.starts_with("22"))
}

/// Why rows could not be written.
pub(crate) fn explain_write(table: &ViewTable, changes: &RowChanges, failure: Failure) -> StoreError {
    match unfit(table, changes).filter(|_| is_unfit(&failure)) {
        Some(error) => error.with_source(failure.explain()),
        None => explain(table, failure),
    }
}

pub(crate) fn explain(table: &ViewTable, failure: Failure) -> StoreError {
    match failure.code().as_deref() {
        Some(UNDEFINED_TABLE) => table.not_held(),
        _ => failure.explain(),
    }
}

impl ViewStore for PgStore {
    fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.views().create(table).await }.boxed()
    }

    fn rows<'a>(
        &'a self,
        table: &'a ViewTable,
        keys: &'a [ColumnValue],
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { self.views().rows(table, keys).await }.boxed()
    }

    fn write_rows<'a>(
        &'a self,
        table: &'a ViewTable,
        changes: &'a RowChanges,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.views().write(table, changes, checkpoint).await }.boxed()
    }

    fn scan_rows<'a>(&'a self, table: &'a ViewTable, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { self.views().scan(table, scan).await }.boxed()
    }

    fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.views().serve(table).await }.boxed()
    }

    fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>> {
        async move { self.views().all(name).await }.boxed()
    }

    fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.views().drop(view).await }.boxed()
    }
}
