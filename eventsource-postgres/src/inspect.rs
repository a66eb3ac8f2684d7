//! What is looked at before a store is used: the server, the schema, and what this role may do.

use eventsource_core::{StoreError, StoreIdentity};
use sqlx::{Row, query};

use crate::connect::Link;
use crate::error::Failure;
use crate::migrate::{FORMAT, WRITER};
use crate::options::{Ordering, PgOptions};
use crate::sql::Sql;

/// The server majors that the tests ran on.
const TESTED: [i32; 1] = [15];
/// `MERGE`-free and `pg_sequence_last_value`-rich enough; older ones were never tried.
const OLDEST: i32 = 15;

/// What is known of a store once it was looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inspected {
    pub(crate) identity: StoreIdentity,
    pub(crate) ordering: Ordering,
    /// The oid of the events table: it names the store within its database.
    pub(crate) events_table: i64,
}

/// Refuses servers on which the promises would not hold, and says what may cost durability.
/// Answers whether the schema has a store.
pub(crate) async fn server(link: &mut Link, schema: &str) -> Result<bool, Failure> {
    let row = query(include_str!("sql/inspect.sql")).bind(schema).persistent(false).fetch_one(&mut link.pg).await?;
    let (version, number): (String, i32) = (row.try_get("server")?, row.try_get("server_version")?);
    check_engine(&version)?;
    let major = number / 10_000;
    if major < OLDEST {
        let message = format!("PostgreSQL {major} is too old; {OLDEST} is the oldest that is supported");
        return Err(StoreError::incompatible(message).into());
    }
    if !TESTED.contains(&major) {
        tracing::warn!(major, tested = ?TESTED, "this major version of PostgreSQL was not tested with this release");
    }
    if row.try_get("has_citus")? {
        let distributed: bool = query("SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass(quote_ident($1) || '.events'))")
            .bind(schema)
            .persistent(false)
            .fetch_one(&mut link.pg)
            .await?
            .try_get(0)?;
        if distributed {
            return Err(StoreError::incompatible(
                "the events table is distributed by Citus, whose nodes do not share locks; keep it a local table",
            )
            .into());
        }
    }
    if row.try_get("is_replica")? {
        let message = "the server is a standby: it knows neither the sequence nor the locks that order reads; \
                       use the primary";
        return Err(StoreError::incompatible(message).into());
    }
    let encoding: String = row.try_get("encoding")?;
    if encoding != "UTF8" {
        let message = format!("the database has the encoding {encoding}; events need UTF8");
        return Err(StoreError::incompatible(message).into());
    }
    warn_of_losses(&row)?;
    Ok(row.try_get("is_there")?)
}

/// Engines that speak PostgreSQL's protocol and do not have its lock manager.
fn check_engine(version: &str) -> Result<(), StoreError> {
    for (sign, engine) in [("CockroachDB", "CockroachDB"), ("-YB-", "YugabyteDB"), ("Materialize", "Materialize")] {
        if version.contains(sign) {
            return Err(StoreError::incompatible(format!(
                "the server is {engine}, whose locks do not order appends as PostgreSQL's do: events could be skipped"
            )));
        }
    }
    Ok(())
}

fn warn_of_losses(row: &sqlx::postgres::PgRow) -> Result<(), sqlx::Error> {
    let fsync: String = row.try_get("fsync")?;
    if fsync == "off" {
        tracing::warn!("fsync is off: a crash of the machine can lose acknowledged events and damage the database");
    }
    let commit: String = row.try_get("synchronous_commit")?;
    if commit == "off" {
        tracing::warn!(
            "synchronous_commit is off: a crash of the server can lose the last acknowledged events, \
             among them events that a subscriber has already acted on"
        );
    }
    Ok(())
}

/// Checks the store in the schema.
pub(crate) async fn store(link: &mut Link, sql: &Sql, options: &PgOptions) -> Result<Inspected, Failure> {
    let row = sql.query(&sql.inspect_store).persistent(false).fetch_optional(&mut link.pg).await?;
    let schema = &options.schema;
    let row = row.ok_or_else(|| {
        StoreError::corrupt(format!("schema {schema}: the row that says which store it is is missing"))
    })?;
    let (format, writer): (i32, i32) = (row.try_get("format")?, row.try_get("min_writer")?);
    if format != FORMAT {
        let (what, todo) = match format < FORMAT {
            true => ("an older format", "run PgStore::migrate"),
            false => ("a newer format", "use a newer release"),
        };
        let message = format!("schema {schema} has {what}, {format}; this release has {FORMAT}; {todo}");
        return Err(StoreError::incompatible(message).into());
    }
    if writer > WRITER {
        return Err(StoreError::incompatible(format!(
            "schema {schema} wants writers of protocol {writer}, this release has {WRITER}; use a newer release"
        ))
        .into());
    }
    let ordering = Ordering::from_stored(&row.try_get::<String, _>("ordering")?)?;
    if let Some(wanted) = options.ordering.filter(|wanted| *wanted != ordering) {
        return Err(StoreError::incompatible(format!(
            "schema {schema} has the ordering {ordering:?}, and {wanted:?} was asked for: \
             two orderings in one store would skip events"
        ))
        .into());
    }
    if row.try_get::<Option<i64>, _>("sequence_cache")? != Some(1) {
        let message =
            format!("schema {schema}: the sequence of positions has a cache; with one, events could be skipped");
        return Err(StoreError::incompatible(message).into());
    }
    if !row.try_get::<bool, _>("may_use_sequence")? || !row.try_get::<bool, _>("may_write")? {
        return Err(StoreError::failed(format!(
            "the role lacks privileges in schema {schema}; PgStore::grants says which it needs"
        ))
        .into());
    }
    Ok(Inspected {
        identity: StoreIdentity::new(row.try_get("id")?, row.try_get::<i64, _>("epoch")? as u64),
        ordering,
        events_table: i64::from(row.try_get::<sqlx::postgres::types::Oid, _>("events")?.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_without_the_lock_manager_of_postgresql_are_refused() {
        assert!(check_engine("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu").is_ok());
        for other in [
            "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)",
            "PostgreSQL 11.2-YB-2.25.2.0-b0 on x86_64-pc-linux-gnu",
        ] {
            assert!(check_engine(other).unwrap_err().is_incompatible(), "{other}");
        }
    }
}
