//! Whose file it is, and bringing it to the newest format.

use eventsource_core::{StoreError, StoreIdentity};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, query};
use uuid::Uuid;

use crate::error::explain;

/// `EVSR`: SQLite keeps it in the file's header, so that a foreign file is recognised.
const APPLICATION_ID: i64 = 0x4556_5352;

/// What brings a file from each format to the next; format 0 is an empty file.
const FORMATS: [&str; 1] = [include_str!("sql/format_1.sql")];
const NEWEST: i64 = FORMATS.len() as i64;

/// Which protocol this writer speaks. A later release raises `min_writer` if older writers would do harm.
const WRITER: i64 = 1;
const ORDERING: &str = "single-writer";

/// Refuses a file that is not an event store, before anything in it is changed.
pub(crate) async fn check_owner(connection: &mut SqliteConnection, file: &str) -> Result<(), StoreError> {
    let row = query(
        "SELECT a.application_id, u.user_version, (SELECT count(*) FROM sqlite_schema) \
         FROM pragma_application_id AS a, pragma_user_version AS u",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| explain(file, error))?;
    let (application_id, format, tables): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    if application_id != APPLICATION_ID && (application_id != 0 || tables > 0) {
        let message = format!("{file}: is a SQLite database of something else, not an event store");
        return Err(StoreError::incompatible(message));
    }
    if format > NEWEST {
        return Err(StoreError::incompatible(format!(
            "{file}: has format {format}, this release knows formats up to {NEWEST}; use a newer release"
        )));
    }
    Ok(())
}

/// Brings the file to the newest format under the write lock, so that two processes do it once, and says which store it is.
pub(crate) async fn migrate(connection: &mut SqliteConnection, file: &str) -> Result<StoreIdentity, StoreError> {
    let failed = |error| explain(file, error);
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    check_owner(&mut tx, file).await?;
    let format: i64 = query("PRAGMA user_version").fetch_one(&mut *tx).await.map_err(failed)?.get(0);
    for (sql, next) in FORMATS.iter().zip(1_i64..).skip(format as usize) {
        query(*sql).execute(&mut *tx).await.map_err(failed)?;
        // A pragma takes no bound values; these are numbers of our own.
        let mark = format!("PRAGMA user_version = {next}; PRAGMA application_id = {APPLICATION_ID}");
        query(AssertSqlSafe(mark)).execute(&mut *tx).await.map_err(failed)?;
        tracing::info!(file, format = next, "the store was brought to a new format");
    }
    if format == 0 {
        query("INSERT INTO store (one, id, epoch, format, min_writer, ordering) VALUES (1, ?1, 1, ?2, ?3, ?4)")
            .bind(Uuid::now_v7().as_bytes().to_vec())
            .bind(NEWEST)
            .bind(WRITER)
            .bind(ORDERING)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    let identity = read_identity(&mut tx, file).await?;
    tx.commit().await.map_err(failed)?;
    // From here on the writer waits by itself; see `patience.rs`.
    query("PRAGMA busy_timeout = 0").execute(connection).await.map_err(failed)?;
    Ok(identity)
}

async fn read_identity(connection: &mut SqliteConnection, file: &str) -> Result<StoreIdentity, StoreError> {
    let row = query("SELECT id, epoch, min_writer, ordering FROM store")
        .fetch_optional(connection)
        .await
        .map_err(|error| explain(file, error))?
        .ok_or_else(|| StoreError::corrupt(format!("{file}: the row that says which store it is is missing")))?;
    let (min_writer, ordering): (i64, String) = (row.get(2), row.try_get(3).map_err(|error| explain(file, error))?);
    if min_writer > WRITER || ordering != ORDERING {
        return Err(StoreError::incompatible(format!(
            "{file}: wants writers of protocol {min_writer} and ordering {ordering:?}, \
             this release has protocol {WRITER} and ordering {ORDERING:?}; use a newer release"
        )));
    }
    let id = Uuid::from_slice(row.get(0))
        .map_err(|error| StoreError::corrupt(format!("{file}: the store's id is damaged")).with_source(error))?;
    Ok(StoreIdentity::new(id, row.get::<i64, _>(1) as u64))
}
