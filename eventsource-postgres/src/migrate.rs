//! Bringing a schema to the newest format.

use eventsource_core::StoreError;
use sqlx::{AssertSqlSafe, Row, query, raw_sql};
use uuid::Uuid;

use crate::connect::Link;
use crate::error::Failure;
use crate::inspect;
use crate::options::{Ordering, PgOptions};
use crate::sql::quoted;

/// What brings a schema from each format to the next; format 0 is none.
const FORMATS: [&str; 1] = [include_str!("sql/format_1.sql")];
pub(crate) const FORMAT: i32 = FORMATS.len() as i32;
/// Which protocol this writer speaks. A later release raises `min_writer` if older writers would do harm.
pub(crate) const WRITER: i32 = 1;

/// Held with the hash of a schema's name while it is migrated, so that of many processes one does it and the others find
/// it done. Any number will do.
const LOCK: i32 = 0x4556_5352;

/// Runs in one transaction.
pub(crate) async fn migrate(link: &mut Link, options: &PgOptions) -> Result<(), Failure> {
    let schema = &options.schema;
    let es = quoted(schema)?;
    query("SELECT pg_advisory_xact_lock($1, hashtext($2))").bind(LOCK).bind(schema).execute(&mut link.pg).await?;
    let mut format = 0;
    if inspect::server(link, schema).await? {
        let found = query(AssertSqlSafe(format!("SELECT format FROM {es}.store"))).fetch_optional(&mut link.pg).await?;
        let missing =
            || StoreError::corrupt(format!("schema {schema}: the row that says which store it is is missing"));
        format = found.ok_or_else(missing)?.try_get(0)?;
    }
    if format > FORMAT {
        let message = format!(
            "schema {schema} has format {format}, this release knows formats up to {FORMAT}; use a newer release"
        );
        return Err(StoreError::incompatible(message).into());
    }
    if format == FORMAT {
        return Ok(());
    }
    // Not if it is there: creating it would need a privilege on the database.
    let there: bool =
        query("SELECT to_regnamespace($1) IS NOT NULL").bind(&es).fetch_one(&mut link.pg).await?.try_get(0)?;
    if !there {
        raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {es}"))).execute(&mut link.pg).await?;
    }
    let ordering = options.ordering.unwrap_or_default();
    let turn = match ordering {
        Ordering::Floor => include_str!("sql/floor.sql"),
        Ordering::Serialized => include_str!("sql/serialized.sql"),
    };
    for text in FORMATS.iter().skip(format as usize) {
        let text = text.replace("{turn}", turn).replace("{es}", &es);
        raw_sql(AssertSqlSafe(text)).execute(&mut link.pg).await?;
    }
    let insert = format!("INSERT INTO {es}.store (id, epoch, format, min_writer, ordering) VALUES ($1, 1, $2, $3, $4)");
    query(AssertSqlSafe(insert))
        .bind(Uuid::now_v7())
        .bind(FORMAT)
        .bind(WRITER)
        .bind(ordering.stored())
        .execute(&mut link.pg)
        .await?;
    tracing::info!(schema, format = FORMAT, ordering = ordering.stored(), "the schema was brought to a new format");
    Ok(())
}

/// The statements that let a role run the application without owning the tables.
pub(crate) fn grants(schema: &str, role: &str) -> Result<String, StoreError> {
    if role.contains('\0') || role.is_empty() {
        return Err(StoreError::invalid(format!("role {role:?} is not a name")));
    }
    let role = format!("\"{}\"", role.replace('"', "\"\""));
    let es = quoted(schema)?;
    let grants = include_str!("sql/grants.sql").replace("{es}", &es).replace("{role}", &role);
    Ok(grants + &include_str!("sql/share_views.sql").replace("{es}", &es))
}
