//! Making, serving and dropping the tables of views: by one process at a time, and so that nobody who reads waits long.

use std::time::{Duration, Instant};

use eventsource_core::{HeldView, StoreError, ViewTable};
use sqlx::{AssertSqlSafe, Row, query, raw_sql};

use crate::connect::Link;
use crate::error::Failure;
use crate::sql::{Sql, identifier};
use crate::view_sql::ViewSql;
use crate::views::Views;

/// Names the lock under which tables of views change; the oid of the events table is its second half.
const LOCK: i32 = 0x4556_5602;
/// How long to let those pass whose lock was waited for.
const PAUSE: Duration = Duration::from_millis(50);

const INSUFFICIENT_PRIVILEGE: &str = "42501";
const DEPENDENT_OBJECTS: &str = "2BP01";
const INVALID_TABLE_DEFINITION: &str = "42P16";

impl Views<'_> {
    pub(crate) async fn create(&self, table: &ViewTable) -> Result<(), StoreError> {
        table.check_key()?;
        let sql = ViewSql::new(&self.sql.es, table)?;
        if self.held(table).await?.is_some() {
            return Ok(());
        }
        let created = self.change(async |link| {
            if held(link, self.sql, table.name).await?.iter().any(|held| held.is(table)) {
                return Ok(());
            }
            check_name(link, self, table.name, table.name).await?;
            check_name(link, self, table.name, &table.table_name()).await?;
            raw_sql(AssertSqlSafe(sql.create())).execute(&mut link.pg).await?;
            self.named(&self.sql.note_view, table).execute(&mut link.pg).await?;
            raw_sql(AssertSqlSafe(self.sql.share_views.clone())).execute(&mut link.pg).await?;
            Ok(())
        });
        created.await.map_err(|failure| self.explain(table.name, failure))
    }

    pub(crate) async fn serve(&self, table: &ViewTable) -> Result<(), StoreError> {
        let sql = ViewSql::new(&self.sql.es, table)?;
        let served = self.change(async |link| {
            let held = held(link, self.sql, table.name).await?;
            let this = held.iter().find(|held| held.is(table)).ok_or_else(|| table.not_held())?;
            let shown = check_name(link, self, table.name, table.name).await?;
            if this.serving && shown {
                return Ok(());
            }
            show(link, self.sql, &sql, shown).await?;
            // In two statements: at no moment may two be served.
            self.sql.query(&self.sql.unserve_view).bind(table.name).execute(&mut link.pg).await?;
            self.named(&self.sql.note_served, table).execute(&mut link.pg).await?;
            raw_sql(AssertSqlSafe(self.sql.share_views.clone())).execute(&mut link.pg).await?;
            Ok(())
        });
        served.await.map_err(|failure| self.explain(table.name, failure))
    }

    pub(crate) async fn drop(&self, view: &HeldView) -> Result<(), StoreError> {
        let table_name = format!("{}_v{}_{:08x}", view.name, view.version, view.fingerprint);
        let Some(name) = identifier(&table_name) else { return Ok(()) };
        let key = view.checkpoint_key();
        let dropped = self.change(async |link| {
            let same = |held: &&HeldView| (held.version, held.fingerprint) == (view.version, view.fingerprint);
            match held(link, self.sql, &view.name).await?.iter().find(same) {
                None => return Ok(()),
                Some(held) if held.serving => return Err(view.still_serves().into()),
                Some(_) => {}
            }
            let drop = format!("DROP TABLE IF EXISTS {}.{name}", self.sql.es);
            raw_sql(AssertSqlSafe(drop)).execute(&mut link.pg).await?;
            self.sql
                .query(&self.sql.forget_view)
                .bind(&view.name)
                .bind(view.version as i32)
                .bind(i64::from(view.fingerprint))
                .execute(&mut link.pg)
                .await?;
            for forget in [&self.sql.forget_checkpoint, &self.sql.forget_parked] {
                let forget = self.sql.query(forget).bind(&*key.name).bind(key.view_version as i32);
                forget.execute(&mut link.pg).await?;
            }
            Ok(())
        });
        dropped.await.map_err(|failure| self.explain(&view.name, failure))
    }

    pub(crate) async fn all(&self, name: &str) -> Result<Vec<HeldView>, StoreError> {
        self.connections.run(async |link| held(link, self.sql, name).await).await
    }

    /// The table as the store has noted it.
    async fn held(&self, table: &ViewTable) -> Result<Option<HeldView>, StoreError> {
        Ok(self.all(table.name).await?.into_iter().find(|held| held.is(table)))
    }

    /// One transaction, alone among those that change tables of views. Whoever wants to read a relation queues behind
    /// those that wait to change it; so it waits for moments only, and tries again.
    async fn change(&self, work: impl AsyncFnOnce(&mut Link) -> Result<(), Failure> + Clone) -> Result<(), Failure> {
        let until = Instant::now().checked_add(self.options.statement_timeout);
        let wait = format!("{}ms", self.options.lock_timeout.as_millis().clamp(1, i32::MAX as u128));
        loop {
            let mut lease = self.connections.acquire().await?;
            let work = work.clone();
            let changed = lease.run_transaction(async |link| {
                let lock = query("SELECT set_config('lock_timeout', $1, true), pg_advisory_xact_lock($2, $3)");
                let lock = lock.bind(&wait).bind(LOCK).bind(self.events_table as i32).persistent(false);
                lock.execute(&mut link.pg).await?;
                work(link).await
            });
            let changed = changed.await;
            drop(lease);
            match changed {
                Err(failure)
                    if (failure.is_lock_timeout() || failure.must_give_way())
                        && until.is_none_or(|until| Instant::now() < until) =>
                {
                    tokio::time::sleep(PAUSE).await;
                }
                changed => return changed,
            }
        }
    }

    fn named<'q>(
        &self,
        text: &std::sync::Arc<str>,
        table: &'q ViewTable,
    ) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
        let named = self.sql.query(text).bind(table.name).bind(table.version as i32);
        named.bind(i64::from(table.fingerprint()))
    }

    fn explain(&self, view: &str, failure: Failure) -> StoreError {
        let schema = &self.options.schema;
        let message = match failure.code().as_deref() {
            Some(INSUFFICIENT_PRIVILEGE) => format!(
                "view {view}: this role may not make, serve or drop views in schema {schema}; let the role that \
                 migrates do it, or see PgStore::grants for what this one would need"
            ),
            Some(DEPENDENT_OBJECTS) => format!(
                "view {view}: something of yours in the database was made of it; drop that first, and make it \
                 anew afterwards ({})",
                failure.detail().unwrap_or("PostgreSQL does not say what")
            ),
            _ if failure.is_lock_timeout() => {
                let message = format!(
                    "view {view}: somebody has kept it locked for {:?}, such as a transaction that reads it and \
                     does not end",
                    self.options.statement_timeout
                );
                return StoreError::transient(message);
            }
            _ => return failure.explain(),
        };
        StoreError::failed(message).with_source(failure.explain())
    }
}

async fn held(link: &mut Link, sql: &Sql, name: &str) -> Result<Vec<HeldView>, Failure> {
    let rows = sql.query(&sql.held_views).bind(name).fetch_all(&mut link.pg).await?;
    rows.iter()
        .map(|row| {
            let (version, fingerprint): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(HeldView::new(name, version as u32, fingerprint as u32, row.try_get(2)?))
        })
        .collect()
}

/// Fails if the schema has something of that name that is not the view as we show it; answers whether it has that.
async fn check_name(link: &mut Link, views: &Views<'_>, view: &str, name: &str) -> Result<bool, Failure> {
    let found = views.sql.query(&views.sql.relation).bind(name).fetch_optional(&mut link.pg).await?;
    let Some(found) = found else { return Ok(false) };
    let (kind, served): (String, bool) = (found.try_get(0)?, found.try_get(1)?);
    if kind == "v" && served {
        return Ok(true);
    }
    let schema = &views.options.schema;
    let message =
        format!("view {view}: schema {schema} has another relation of the name {name}; rename one of the two");
    Err(StoreError::invalid(message).into())
}

/// Makes readers of the stable name see the table.
async fn show(link: &mut Link, sql: &Sql, view: &ViewSql<'_>, shown: bool) -> Result<(), Failure> {
    if !shown {
        raw_sql(AssertSqlSafe(view.show())).execute(&mut link.pg).await?;
        return Ok(());
    }
    // In its place, as long as the columns allow it: what is made of the view stays.
    raw_sql("SAVEPOINT shown").execute(&mut link.pg).await?;
    match raw_sql(AssertSqlSafe(view.show_instead())).execute(&mut link.pg).await.map_err(Failure::from) {
        Ok(_) => return Ok(()),
        Err(failure) if failure.code().as_deref() == Some(INVALID_TABLE_DEFINITION) => {}
        Err(failure) => return Err(failure),
    }
    raw_sql("ROLLBACK TO shown").execute(&mut link.pg).await?;
    let grants = sql.query(&sql.view_grants).bind(view.table.name).fetch_one(&mut link.pg).await?;
    let grants: Option<String> = grants.try_get(0)?;
    let anew = format!("DROP VIEW {}; {}; {}", view.stable_name, view.show(), grants.unwrap_or_default());
    raw_sql(AssertSqlSafe(anew)).execute(&mut link.pg).await?;
    Ok(())
}
