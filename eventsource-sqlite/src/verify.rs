//! Looking for damage.

use std::fmt;

use eventsource_core::StoreError;
use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query};

use crate::connect::Connections;
use crate::error::explain;

/// What a look at the whole file found.
///
/// It finds: broken pages and indexes (`PRAGMA integrity_check`), versions that are not dense,
/// positions that do not follow versions, recorded times that go back, payloads and metadata that
/// are not JSON, encodings and names that no release writes, tables of views that are missing.
///
/// It cannot find: a flipped byte inside a payload that leaves it JSON (there is no checksum per
/// event), newest events that are missing altogether, or a payload that no longer fits its type.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// How many events were looked at.
    pub events: u64,
    /// How many streams they belong to.
    pub streams: u64,
    /// What is wrong; at most 100 of each kind.
    pub problems: Vec<Problem>,
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What it concerns: the file, a stream, or a position.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Statements that answer (place, what) for what is wrong.
const CHECKS: [&str; 6] = [
    "SELECT 'file', integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "SELECT 'stream ' || stream, 'has ' || count(*) || ' events, but versions from ' || min(version) \
       || ' to ' || max(version) \
     FROM events GROUP BY stream HAVING min(version) <> 1 OR max(version) <> count(*) LIMIT 100",
    "SELECT 'position ' || position, 'the position, or the recorded time, is before that of the version before' \
     FROM (SELECT position, position < lag(position) OVER by_stream OR recorded_at < lag(recorded_at) OVER by_stream \
             AS broken FROM events WINDOW by_stream AS (PARTITION BY stream ORDER BY version)) \
     WHERE broken LIMIT 100",
    "SELECT 'position ' || position, CASE WHEN encoding <> 0 THEN 'encoding ' || encoding || ' is not known' \
       WHEN length(event_id) <> 16 THEN 'the event id has not 16 bytes' \
       WHEN meta IS NOT NULL AND NOT json_valid(CAST(meta AS TEXT)) THEN 'the metadata is not JSON' \
       ELSE 'the payload is not JSON' END \
     FROM events WHERE encoding <> 0 OR length(event_id) <> 16 OR NOT json_valid(CAST(data AS TEXT)) \
       OR (meta IS NOT NULL AND NOT json_valid(CAST(meta AS TEXT))) LIMIT 100",
    "SELECT 'position ' || position, 'the stream, category or name is malformed' FROM events \
     WHERE substr(stream, 1, length(category) + 1) <> category || '-' OR length(stream) <= length(category) + 1 \
       OR category GLOB '*[^a-z0-9_$]*' OR name GLOB '*[^a-z0-9_.$-]*' OR name = '' LIMIT 100",
    "SELECT 'view ' || views.name, 'the table of version ' || view_version || ' is missing' FROM views \
     WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema AS held \
                       WHERE held.name = views.name || '_v' || view_version || '_' || printf('%08x', fingerprint)) LIMIT 100",
];

pub(crate) async fn verify(connections: &Connections) -> Result<Verification, StoreError> {
    let failed = |error| explain(&connections.file, error);
    let mut reading = connections.read().await?;
    let connection = reading.connection()?;
    let mut found = Verification::default();
    for check in CHECKS {
        let mut rows = query(check).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            found.problems.push(Problem { place: text(&row, 0), what: text(&row, 1) });
        }
        // On a file with broken pages the other checks would only stumble over them.
        if !found.problems.is_empty() && check == CHECKS[0] {
            return Ok(found);
        }
    }
    let row = query("SELECT count(*), count(DISTINCT stream) FROM events")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    found.events = row.get::<i64, _>(0) as u64;
    found.streams = row.get::<i64, _>(1) as u64;
    Ok(found)
}

/// A damaged text is no reason to stop looking for damage.
fn text(row: &SqliteRow, column: usize) -> String {
    String::from_utf8_lossy(row.try_get_unchecked::<&[u8], _>(column).unwrap_or_default()).into_owned()
}
