//! The same with payloads as bytes: into the store's own table, and by a task that collects.

use futures::TryStreamExt;
use sqlx::{PgConnection, query};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::raw::count;
use crate::book::by_hand::{RawRow, encode};
use crate::book::domain::nth;
use crate::book::owner::{self, Job};

/// Rows of one append into the store's own table, which has the same indexes for both sides: what the checks cost is measured.
pub async fn insert(pg: &mut PgConnection, stream: &str, before: u64, events: u64) {
    let mut rows = RawRow::several(stream, before, events);
    if let [row] = &mut rows[..] {
        query(
            "INSERT INTO eventsource.events (stream, version, category, event_id, name, schema_version, encoding, data, \
             occurred_at, recorded_at) VALUES ($1, $2, 'account', $3, $4, 1, 0, $5, now(), now())",
        )
        .bind(&row.stream)
        .bind(row.version)
        .bind(Uuid::now_v7())
        .bind(row.name)
        .bind(std::mem::take(&mut row.data))
        .execute(pg)
        .await
        .expect("raw insert");
        return;
    }
    let columns = Columns::of(rows);
    query(
        "INSERT INTO eventsource.events (stream, version, category, event_id, name, schema_version, encoding, data, \
         occurred_at, recorded_at) SELECT $1, version, 'account', id, name, 1, 0, data, now(), now() \
         FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) AS e (version, id, name, data)",
    )
    .bind(stream)
    .bind(columns.versions)
    .bind(columns.ids)
    .bind(columns.names)
    .bind(columns.data)
    .execute(pg)
    .await
    .expect("raw insert");
}

/// Rows as arrays.
#[derive(Default)]
pub struct Columns {
    pub streams: Vec<String>,
    pub versions: Vec<i64>,
    pub ids: Vec<Uuid>,
    pub names: Vec<&'static str>,
    pub data: Vec<Vec<u8>>,
}

impl Columns {
    pub fn of(rows: Vec<RawRow>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.streams.push(row.stream);
            columns.versions.push(row.version);
            columns.ids.push(Uuid::now_v7());
            columns.names.push(row.name);
            columns.data.push(row.data);
        }
        columns
    }
}

/// A task that writes all that waits by one statement, into a table of its own.
pub fn writer(pg: PgConnection) -> mpsc::UnboundedSender<Job> {
    owner::writer(pg, async |mut pg, appends| {
        let sql = "INSERT INTO raw_bytes (stream, version, event_id, name, schema_version, data) \
                   SELECT stream, version, id, name, 1, data \
                   FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) \
                        AS e (stream, version, id, name, data)";
        insert_rows(&mut pg, sql, appends.into_iter().flatten().collect()).await;
        pg
    })
}

/// The same into the store's own table: rows of many streams, without its checks.
pub async fn insert_each(pg: &mut PgConnection, rows: Vec<RawRow>) {
    let sql = "INSERT INTO eventsource.events (stream, version, category, event_id, name, schema_version, encoding, data, \
               occurred_at, recorded_at) SELECT stream, version, 'account', id, name, 1, 0, data, now(), now() \
               FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[]) \
                    AS e (stream, version, id, name, data)";
    insert_rows(pg, sql, rows).await;
}

/// By a statement that takes streams, versions, ids, names and payloads.
async fn insert_rows(pg: &mut PgConnection, sql: &'static str, rows: Vec<RawRow>) {
    let Columns { streams, versions, ids, names, data } = Columns::of(rows);
    let statement = query(sql).bind(streams).bind(versions).bind(ids).bind(names).bind(data);
    statement.execute(pg).await.expect("raw insert");
}

/// Fetches rows of the store's own table without looking into them.
pub async fn fetch_undecoded(pg: &mut PgConnection, stream: &str) -> usize {
    let rows =
        query("SELECT version, name, schema_version, data FROM eventsource.events WHERE stream = $1 ORDER BY version")
            .bind(stream)
            .fetch(pg);
    count(rows).await
}

/// The whole of the store's table by `COPY … BINARY`, taken apart by hand; answers how many rows.
pub async fn copy_out(pg: &mut PgConnection) -> usize {
    let mut chunks = pg
        .copy_out_raw(
            "COPY (SELECT position, stream, version, event_id, name, data, recorded_at FROM eventsource.events \
             ORDER BY position) TO STDOUT (FORMAT binary)",
        )
        .await
        .expect("raw copy");
    let mut buffer: Vec<u8> = Vec::new();
    let mut count = 0;
    let mut header = 19;
    while let Some(chunk) = chunks.try_next().await.expect("raw chunk") {
        buffer.extend_from_slice(&chunk);
        let mut at = header.min(buffer.len());
        header -= at;
        while let Some(next) = take_row(&buffer, at) {
            count += 1;
            at = next;
        }
        buffer.drain(..at);
    }
    count
}

/// Where the next row begins, if one lies there whole.
fn take_row(buffer: &[u8], at: usize) -> Option<usize> {
    let fields = i16::from_be_bytes(buffer.get(at..at + 2)?.try_into().ok()?);
    if fields < 0 {
        return None;
    }
    let mut at = at + 2;
    for _ in 0..fields {
        let length = i32::from_be_bytes(buffer.get(at..at + 4)?.try_into().ok()?);
        at += 4;
        let field = buffer.get(at..at + length.max(0) as usize)?;
        std::hint::black_box(field);
        at += field.len();
    }
    Some(at)
}

/// `COPY` of rows into the store's own table, `rows` to a commit: the fastest way in.
pub async fn copy_in(pg: &mut PgConnection, round: usize, rows: usize) {
    use std::fmt::Write;
    let mut text = String::new();
    for n in 0..rows {
        let (name, data) = encode(&nth(n as u64));
        let hex = data.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = writeln!(
            text,
            "account-copy-{round}-{}\t{}\taccount\t{}\t{name}\t1\t0\t\\\\x{hex}\tnow\tnow",
            n / 100,
            n % 100 + 1,
            Uuid::now_v7()
        );
    }
    let mut copy = pg
        .copy_in_raw(
            "COPY eventsource.events (stream, version, category, event_id, name, schema_version, encoding, data, \
             occurred_at, recorded_at) FROM STDIN",
        )
        .await
        .expect("raw copy");
    copy.send(text.as_bytes()).await.expect("raw copy");
    copy.finish().await.expect("raw copy");
}
