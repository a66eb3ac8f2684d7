//! The store's own statements, for events without metadata.

use futures::TryStreamExt;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, query};
use uuid::Uuid;

use super::raw_bytes::Columns;
use crate::book::by_hand::{RawRow, apply, encode};
use crate::book::domain::{Account, nth};

macro_rules! sql {
    ($file:literal) => {
        include_str!(concat!("../../../../eventsource-postgres/src/sql/", $file))
    };
}

pub struct Statements {
    one: String,
    each: String,
    batch: String,
    load: String,
    page: String,
}

/// What the store gives the lock time-out as.
const PATIENCE: &str = "1000ms";

impl Statements {
    pub fn new() -> Self {
        let form = sql!("form.sql").trim();
        let fill = |text: &str| {
            let text = text.replace("{form}", form).replace("{as_found}", sql!("as_found.sql").trim());
            text.replace("{es}", "eventsource").replace("{keyed}", "")
        };
        let columns = sql!("columns.sql").replace("{stream}", "stream");
        Self {
            one: fill(sql!("append_one.sql")),
            each: fill(sql!("append_each.sql")),
            batch: fill(sql!("append_batch.sql")),
            load: fill(sql!("load_bare.sql")),
            page: format!("SELECT {columns} FROM eventsource.events WHERE position > $1 ORDER BY position LIMIT $2"),
        }
    }

    /// One event, behind so many of the stream.
    pub async fn append(&self, pg: &mut PgConnection, stream: &str, before: u64, n: u64) {
        let (name, data) = encode(&nth(n));
        query(AssertSqlSafe(&*self.one))
            .bind(stream)
            .bind("account")
            .bind(before as i64)
            .bind(Uuid::now_v7())
            .bind(name)
            .bind(1_i32)
            .bind(0_i16)
            .bind(data)
            .bind(None::<&[u8]>)
            .bind(None::<Uuid>)
            .bind(None::<Uuid>)
            .bind(None::<chrono::DateTime<chrono::Utc>>)
            .bind(None::<chrono::DateTime<chrono::Utc>>)
            .bind(None::<&str>)
            .bind(PATIENCE)
            .fetch_one(pg)
            .await
            .expect("a row");
    }

    /// One event to each of several streams.
    pub async fn append_each(&self, pg: &mut PgConnection, rows: Vec<RawRow>) {
        let columns = Columns::of(rows);
        let count = columns.streams.len();
        let statement = query(AssertSqlSafe(&*self.each))
            .bind(&columns.streams)
            .bind(vec!["account"; count])
            .bind(columns.versions.iter().map(|version| version - 1).collect::<Vec<_>>())
            .bind(None::<Vec<&str>>);
        let statement = bind_events(statement, &columns);
        assert_eq!(statement.fetch_all(pg).await.expect("rows").len(), count);
    }

    /// Several events to each of several streams.
    pub async fn append_batch(&self, pg: &mut PgConnection, appends: Vec<Vec<RawRow>>) {
        let (mut streams, mut expected, mut places, mut ordinals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (place, rows) in appends.iter().enumerate() {
            streams.push(rows[0].stream.clone());
            expected.push(rows[0].version - 1);
            places.extend(rows.iter().map(|_| place as i32));
            ordinals.extend(1..=rows.len() as i64);
        }
        let columns = Columns::of(appends.into_iter().flatten().collect());
        let statement = query(AssertSqlSafe(&*self.batch))
            .bind(&streams)
            .bind(vec!["account"; streams.len()])
            .bind(expected)
            .bind(None::<Vec<&str>>)
            .bind(&places)
            .bind(ordinals);
        let statement = bind_events(statement, &columns).bind(None::<Vec<&str>>);
        assert_eq!(statement.fetch_all(pg).await.expect("rows").len(), places.len());
    }

    /// A stream's state, and how many events it has.
    pub async fn load(&self, pg: &mut PgConnection, stream: &str) -> (Account, i64) {
        let (mut account, mut version) = (Account::default(), 0_i64);
        let mut rows = query(AssertSqlSafe(&*self.load)).bind(stream).bind(0_i64).fetch(pg);
        while let Some(row) = rows.try_next().await.expect("a row") {
            version = row.get(1);
            apply(&mut account, row.get(3), row.get(4));
        }
        (account, version)
    }

    /// Every event, page by page, not decoded; answers how many.
    pub async fn replay(&self, pg: &mut PgConnection) -> usize {
        const PAGE: usize = 1_000;
        let (mut after, mut all) = (0_i64, 0);
        loop {
            let mut rows = query(AssertSqlSafe(&*self.page)).bind(after).bind(PAGE as i64).fetch(&mut *pg);
            let mut count = 0;
            while let Some(row) = rows.try_next().await.expect("a row") {
                after = row.get(0);
                std::hint::black_box(&row);
                count += 1;
            }
            all += count;
            if count < PAGE {
                return all;
            }
        }
    }
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Their ids and the like, with nulls for what is usual, and the terms.
fn bind_events<'q>(statement: Statement<'q>, columns: &'q Columns) -> Statement<'q> {
    statement
        .bind(&columns.ids)
        .bind(&columns.names)
        .bind(None::<Vec<i32>>)
        .bind(None::<Vec<i16>>)
        .bind(&columns.data)
        .bind(None::<Vec<Vec<u8>>>)
        .bind(None::<Vec<Uuid>>)
        .bind(None::<Vec<Uuid>>)
        .bind(None::<Vec<chrono::DateTime<chrono::Utc>>>)
        .bind(PATIENCE)
        .bind(None::<chrono::DateTime<chrono::Utc>>)
}
