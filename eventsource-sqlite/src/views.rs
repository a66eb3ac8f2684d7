//! Views: typed tables, each batch of rows written in one transaction with its checkpoint.

use eventsource_core::backend::{KnownTypes, scan_parts};
use eventsource_core::{Checkpoint, ColumnValue, HeldView, Row, RowChanges, Scan, StoreError, ViewStore, ViewTable};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, SqliteConnection, query};
use tokio::sync::Mutex;

use crate::checkpoints;
use crate::connect::Connections;
use crate::error::explain;
use crate::maintenance::{begin_beside, end};
use crate::parking;
use crate::patience::Turn;
use crate::store::SqliteStore;
use crate::view_rows::{bind, check, keys_json, read_row};
use crate::view_sql::ViewSql;

/// What views need of a store.
pub(crate) struct Views<'s> {
    pub(crate) connections: &'s Connections,
    /// When rows were last written: other processes want to write too.
    pub(crate) turn: &'s Mutex<Turn>,
    pub(crate) types: &'s KnownTypes,
}

/// Statements have powers of two of rows, 256 at most.
const LARGEST: u32 = 8;

impl Views<'_> {
    async fn rows(&self, table: &ViewTable, keys: &[ColumnValue]) -> Result<Vec<Row>, StoreError> {
        table.check_keys(keys)?;
        let sql = ViewSql::new(table)?;
        let mut reading = self.connections.read().await?;
        rows_on(&self.connections.file, reading.connection()?, (table, &sql), keys).await
    }

    async fn write(&self, table: &ViewTable, changes: &RowChanges, checkpoint: Checkpoint) -> Result<(), StoreError> {
        table.check_changes(changes)?;
        check(table, changes)?;
        let sql = ViewSql::new(table)?;
        let mut turn = self.turn.lock().await;
        turn.begin().await;
        let mut writing = self.connections.write().await?;
        begin_beside(&mut writing).await?;
        let file = &*self.connections.file;
        let written = write(file, writing.connection()?, (table, &sql), changes, checkpoint).await;
        let ended = end(&mut writing, written).await;
        drop(writing);
        turn.end();
        ended
    }

    async fn scan(&self, table: &ViewTable, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        scan.check(table)?;
        let sql = ViewSql::new(table)?;
        let mut rows: Vec<Row> = Vec::new();
        for part in scan_parts(scan, table) {
            let limit = scan.limit.saturating_sub(rows.len());
            if limit == 0 {
                break;
            }
            let (text, values) = sql.scan(scan, part);
            let statement = values.into_iter().fold(query(AssertSqlSafe(text)), bind).bind(limit as i64);
            let mut reading = self.connections.read().await?;
            let found = statement.fetch_all(reading.connection()?).await;
            drop(reading);
            match found {
                Ok(found) => {
                    for row in &found {
                        rows.push(read_row(&self.connections.file, table, row)?);
                    }
                }
                Err(error) => return Err(explain_view(&self.connections.file, table, error)),
            }
        }
        Ok(rows)
    }
}

/// SQLite says of a table that is missing only that the statement is wrong, and only in words.
pub(crate) fn explain_view(file: &str, table: &ViewTable, error: sqlx::Error) -> StoreError {
    let missing = format!("no such table: {}", table.table_name());
    match error.as_database_error() {
        Some(told) if told.message().starts_with(&missing) => table.not_held(),
        _ => explain(file, error),
    }
}

/// The rows of these keys, on a connection that may be in the middle of a transaction.
pub(crate) async fn rows_on(
    file: &str,
    connection: &mut SqliteConnection,
    (table, sql): (&ViewTable, &ViewSql<'_>),
    keys: &[ColumnValue],
) -> Result<Vec<Row>, StoreError> {
    match query(AssertSqlSafe(sql.rows())).bind(keys_json(keys)).fetch_all(connection).await {
        Ok(rows) => rows.iter().map(|row| read_row(file, table, row)).collect(),
        Err(error) => Err(explain_view(file, table, error)),
    }
}

/// What happens inside the transaction.
async fn write(
    file: &str,
    connection: &mut SqliteConnection,
    (table, sql): (&ViewTable, &ViewSql<'_>),
    changes: &RowChanges,
    checkpoint: Checkpoint,
) -> Result<(), StoreError> {
    let key = table.checkpoint_key();
    checkpoints::advance(file, connection, &key, checkpoint).await?;
    parking::take(file, connection, &key, &changes.unparked).await?;
    write_rows(file, connection, (table, sql), changes, Then::GoOn).await
}

/// What comes behind the last statement, in the same hop to SQLite's thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Commit,
}

/// Behind a statement.
pub(crate) const COMMIT: &str = "; COMMIT";

/// Rows alone, inside a transaction.
pub(crate) async fn write_rows(
    file: &str,
    connection: &mut SqliteConnection,
    (table, sql): (&ViewTable, &ViewSql<'_>),
    changes: &RowChanges,
    then: Then,
) -> Result<(), StoreError> {
    let ending = if then == Then::Commit { COMMIT } else { "" };
    let failed = |error| explain_view(file, table, error);
    let mut rows = &changes.written[..];
    while !rows.is_empty() {
        let (chunk, rest) = rows.split_at(1 << rows.len().ilog2().min(LARGEST));
        let is_last = rest.is_empty() && changes.deleted.is_empty();
        let statement = query(AssertSqlSafe(sql.write(chunk.len()) + if is_last { ending } else { "" }));
        let statement = chunk.iter().flatten().fold(statement, bind);
        statement.execute(&mut *connection).await.map_err(failed)?;
        rows = rest;
    }
    if !changes.deleted.is_empty() {
        let delete = query(AssertSqlSafe(sql.delete() + ending)).bind(keys_json(&changes.deleted));
        delete.execute(connection).await.map_err(failed)?;
    }
    Ok(())
}

impl ViewStore for SqliteStore {
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
