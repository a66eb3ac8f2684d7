//! Making, serving and dropping the tables of views, each in one transaction.

use eventsource_core::{HeldView, StoreError, ViewTable, now};
use sqlx::{AssertSqlSafe, Row, SqliteConnection, query, raw_sql};

use crate::error::explain;
use crate::maintenance::{begin_beside, end};
use crate::view_sql::{ViewSql, identifier};
use crate::views::Views;

const HELD: &str = "SELECT view_version, fingerprint, serving FROM views WHERE name = ?1 ORDER BY view_version, created_at, fingerprint";

impl Views<'_> {
    pub(crate) async fn create(&self, table: &ViewTable) -> Result<(), StoreError> {
        table.check_key()?;
        let sql = ViewSql::new(table)?;
        if self.is_held(table).await? {
            return Ok(());
        }
        let file = &*self.connections.file;
        let create = async |connection: &mut SqliteConnection| {
            let failed = |error| explain(file, error);
            if held(file, connection, table.name).await?.iter().any(|held| held.is(table)) {
                return Ok(());
            }
            check_name(file, connection, table.name, table.name).await?;
            check_name(file, connection, table.name, &table.table_name()).await?;
            raw_sql(AssertSqlSafe(sql.create())).execute(&mut *connection).await.map_err(failed)?;
            query(
                "INSERT INTO views (name, view_version, fingerprint, serving, created_at) VALUES (?1, ?2, ?3, 0, ?4)",
            )
            .bind(table.name)
            .bind(table.version)
            .bind(table.fingerprint())
            .bind(now().timestamp_micros())
            .execute(connection)
            .await
            .map_err(failed)?;
            Ok(())
        };
        self.change(create).await
    }

    pub(crate) async fn serve(&self, table: &ViewTable) -> Result<(), StoreError> {
        let sql = ViewSql::new(table)?;
        let file = &*self.connections.file;
        let serve = async |connection: &mut SqliteConnection| {
            let failed = |error| explain(file, error);
            let held = held(file, connection, table.name).await?;
            let this = held.iter().find(|held| held.is(table)).ok_or_else(|| table.not_held())?;
            let shown = check_name(file, connection, table.name, table.name).await?;
            if this.serving && shown {
                return Ok(());
            }
            raw_sql(AssertSqlSafe(sql.show())).execute(&mut *connection).await.map_err(failed)?;
            // In two statements: at no moment may two be served.
            query("UPDATE views SET serving = 0 WHERE name = ?1 AND serving")
                .bind(table.name)
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
            query("UPDATE views SET serving = 1 WHERE name = ?1 AND view_version = ?2 AND fingerprint = ?3")
                .bind(table.name)
                .bind(table.version)
                .bind(table.fingerprint())
                .execute(connection)
                .await
                .map_err(failed)?;
            Ok(())
        };
        self.change(serve).await
    }

    pub(crate) async fn drop(&self, view: &HeldView) -> Result<(), StoreError> {
        let table_name = format!("{}_v{}_{:08x}", view.name, view.version, view.fingerprint);
        let Some(name) = identifier(&table_name) else { return Ok(()) };
        let key = view.checkpoint_key();
        let file = &*self.connections.file;
        let drop = async |connection: &mut SqliteConnection| {
            let failed = |error| explain(file, error);
            let same = |held: &&HeldView| (held.version, held.fingerprint) == (view.version, view.fingerprint);
            match held(file, connection, &view.name).await?.iter().find(same) {
                None => return Ok(()),
                Some(held) if held.serving => return Err(view.still_serves()),
                Some(_) => {}
            }
            let drop = format!("DROP TABLE IF EXISTS {name}");
            raw_sql(AssertSqlSafe(drop)).execute(&mut *connection).await.map_err(failed)?;
            query("DELETE FROM views WHERE name = ?1 AND view_version = ?2 AND fingerprint = ?3")
                .bind(&*view.name)
                .bind(view.version)
                .bind(view.fingerprint)
                .execute(&mut *connection)
                .await
                .map_err(failed)?;
            for forget in [
                "DELETE FROM checkpoints WHERE name = ?1 AND view_version = ?2",
                "DELETE FROM parked WHERE name = ?1 AND view_version = ?2",
            ] {
                let forget = query(forget).bind(&*key.name).bind(key.view_version);
                forget.execute(&mut *connection).await.map_err(failed)?;
            }
            Ok(())
        };
        self.change(drop).await
    }

    pub(crate) async fn all(&self, name: &str) -> Result<Vec<HeldView>, StoreError> {
        let mut reading = self.connections.read().await?;
        held(&self.connections.file, reading.connection()?, name).await
    }

    pub(crate) async fn is_held(&self, table: &ViewTable) -> Result<bool, StoreError> {
        Ok(self.all(table.name).await?.iter().any(|held| held.is(table)))
    }

    /// One transaction, which is rolled back if it fails or its caller goes away.
    async fn change(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writing = self.connections.write().await?;
        begin_beside(&mut writing).await?;
        let changed = work(writing.connection()?).await;
        end(&mut writing, changed).await
    }
}

async fn held(file: &str, connection: &mut SqliteConnection, name: &str) -> Result<Vec<HeldView>, StoreError> {
    let rows = query(HELD).bind(name).fetch_all(connection).await.map_err(|error| explain(file, error))?;
    let held = |row: &sqlx::sqlite::SqliteRow| {
        HeldView::new(name, row.get::<i64, _>(0) as u32, row.get::<i64, _>(1) as u32, row.get::<i64, _>(2) != 0)
    };
    Ok(rows.iter().map(held).collect())
}

/// Fails if the file has something of that name that is not the view as we show it; answers whether it has that.
async fn check_name(file: &str, connection: &mut SqliteConnection, view: &str, name: &str) -> Result<bool, StoreError> {
    // Names differ by more than the case of their letters.
    let found = query(
        "SELECT type = 'view' AND EXISTS (SELECT 1 FROM views WHERE views.name = ?1 AND serving) \
         FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE",
    )
    .bind(name)
    .fetch_optional(connection)
    .await
    .map_err(|error| explain(file, error))?;
    match found.map(|row| row.get::<i64, _>(0) != 0) {
        None => Ok(false),
        Some(true) => Ok(true),
        Some(false) => Err(StoreError::invalid(format!(
            "view {view}: {file} has another table, view or index of the name {name}; rename one of the two"
        ))),
    }
}
