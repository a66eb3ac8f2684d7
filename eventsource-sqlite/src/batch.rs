//! One transaction for several requests: look up, admit, place, insert, commit.

use std::collections::{HashMap, HashSet};

use eventsource_core::backend::{Admission, Heads, admit};
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, AppendedStream, Position, StoreError, StreamId, Version, now,
};
use serde_json::json;
use sqlx::{Row, SqliteConnection, query};

use crate::error::explain;
use crate::first_result;
use crate::frame::time;
use crate::insert::{Placed, insert};

/// A transaction that holds the write lock, and what is known of the streams in it.
pub(crate) struct Batch<'a> {
    connection: &'a mut SqliteConnection,
    file: &'a str,
    requests: &'a [&'a AppendRequest],
    known: Known,
    last_position: i64,
    waiting: Vec<Placed>,
    clock: i64,
}

/// The streams of the requests as they stand with all that was admitted so far.
#[derive(Default)]
struct Known {
    heads: HashMap<StreamId, (Version, i64)>,
    keys: HashMap<(StreamId, String), Version>,
}

impl Heads for Known {
    fn head(&self, stream: &StreamId) -> Version {
        self.heads.get(stream).map_or(Version(0), |(version, _)| *version)
    }

    fn keyed(&self, stream: &StreamId, key: &str) -> Option<Version> {
        self.keys.get(&(stream.clone(), key.to_owned())).copied()
    }
}

type Outcomes = Vec<Result<AppendOutcome, StoreError>>;

impl<'a> Batch<'a> {
    /// Takes the write lock and looks up heads and keys, in one hop.
    pub(crate) async fn begin(
        connection: &'a mut SqliteConnection,
        file: &'a str,
        requests: &'a [&'a AppendRequest],
    ) -> Result<Self, StoreError> {
        const SQL: &str = concat!("BEGIN IMMEDIATE;\n", include_str!("sql/look_up.sql"));
        match Self::look_up(connection, file, requests, SQL).await {
            Ok((known, last_position)) => Ok(Self::new(connection, file, requests, known, last_position)),
            Err(error) => {
                roll_back(connection).await;
                Err(error)
            }
        }
    }

    /// Appends one request inside a transaction of the caller's; answers the last position.
    pub(crate) async fn within(
        connection: &'a mut SqliteConnection,
        file: &'a str,
        requests: &'a [&'a AppendRequest],
    ) -> Result<Position, StoreError> {
        let sql = include_str!("sql/look_up.sql");
        let (known, last_position) = Self::look_up(connection, file, requests, sql).await?;
        let mut batch = Self::new(connection, file, requests, known, last_position);
        for (index, request) in requests.iter().enumerate() {
            batch.outcome(index, request).await??;
        }
        batch.flush().await?;
        Ok(Position(batch.last_position as u64))
    }

    fn new(
        connection: &'a mut SqliteConnection,
        file: &'a str,
        requests: &'a [&'a AppendRequest],
        known: Known,
        last_position: i64,
    ) -> Self {
        let clock = now().timestamp_micros();
        Self { connection, file, requests, known, last_position, waiting: Vec::new(), clock }
    }

    async fn look_up(
        connection: &mut SqliteConnection,
        file: &str,
        requests: &[&AppendRequest],
        sql: &'static str,
    ) -> Result<(Known, i64), StoreError> {
        let streams: Vec<&StreamId> = streams(requests).into_iter().collect();
        let keys: Vec<(&StreamId, String)> = requests
            .iter()
            .filter_map(|request| Some((&request.writes.first()?.stream, request.stored_key()?.into_owned())))
            .collect();
        let names: Vec<&str> = streams.iter().map(|stream| stream.as_str()).collect();
        let asked: Vec<_> = keys.iter().map(|(stream, key)| (stream.as_str(), key)).collect();
        let rows = query(sql)
            .bind(json!(names).to_string())
            .bind(json!(asked).to_string())
            .fetch_all(connection)
            .await
            .map_err(|error| explain(file, error))?;
        let mut known = Known::default();
        let mut last_position = 0;
        for row in rows {
            let (kind, place, number, recorded_at): (i64, i64, i64, i64) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            match kind {
                0 => {
                    known.heads.insert(streams[place as usize].clone(), (Version(number as u64), recorded_at));
                }
                1 => {
                    let (stream, key) = &keys[place as usize];
                    known.keys.insert(((*stream).clone(), key.clone()), Version(number as u64));
                }
                _ => last_position = number,
            }
        }
        Ok((known, last_position))
    }

    /// Stores what is admitted; answers each request's outcome and the last position. An error rolls all of it back.
    pub(crate) async fn commit(mut self, types: &HashSet<(String, u32)>) -> Result<(Outcomes, Position), StoreError> {
        let stored = self.store(types).await;
        if stored.is_err() {
            roll_back(self.connection).await;
        }
        Ok((stored?, Position(self.last_position as u64)))
    }

    async fn store(&mut self, types: &HashSet<(String, u32)>) -> Result<Outcomes, StoreError> {
        let mut outcomes = Vec::with_capacity(self.requests.len());
        for (index, request) in self.requests.iter().enumerate() {
            outcomes.push(self.outcome(index, request).await?);
        }
        self.flush().await?;
        if !types.is_empty() {
            query("INSERT OR IGNORE INTO types SELECT value ->> 0, value ->> 1 FROM json_each(?1)")
                .bind(json!(types).to_string())
                .execute(&mut *self.connection)
                .await
                .map_err(|error| explain(self.file, error))?;
        }
        query("COMMIT").execute(&mut *self.connection).await.map_err(|error| explain(self.file, error))?;
        Ok(outcomes)
    }

    /// The outer error ends the batch, the inner one is the request's own.
    async fn outcome(
        &mut self,
        index: usize,
        request: &AppendRequest,
    ) -> Result<Result<AppendOutcome, StoreError>, StoreError> {
        Ok(Ok(match admit(request, &self.known) {
            Admission::Store => AppendOutcome::Stored(self.place(index, request)?),
            Admission::Conflict(conflict) => AppendOutcome::Conflict(conflict),
            // The rows that the answer is made of may be waiting in this very batch.
            Admission::Elsewhere(conflict) => {
                self.flush().await?;
                match first_result::of_same_events(self.connection, self.file, request).await? {
                    Some(appended) => AppendOutcome::AlreadyStored(appended),
                    None => AppendOutcome::Conflict(conflict),
                }
            }
            Admission::Done(first) => {
                self.flush().await?;
                match first_result::of_command(self.connection, self.file, request, first).await {
                    Ok(appended) => AppendOutcome::AlreadyStored(appended),
                    Err(error) if error.is_invalid() => return Ok(Err(error)),
                    Err(error) => return Err(error),
                }
            }
        }))
    }

    /// Gives the request's events their versions and positions.
    fn place(&mut self, index: usize, request: &AppendRequest) -> Result<Appended, StoreError> {
        let mut places = Vec::with_capacity(request.writes.len());
        for (write_index, write) in request.writes.iter().enumerate() {
            let (head, last_time) = self.known.heads.get(&write.stream).copied().unwrap_or((Version(0), i64::MIN));
            // Recorded time never goes back within a stream, whatever the clock does.
            let recorded_at = self.clock.max(last_time);
            let mut version = head;
            let mut positions = Vec::with_capacity(write.events.len());
            for row in request.rows(write_index) {
                version = version.next();
                self.last_position += 1;
                positions.push(Position(self.last_position as u64));
                if let Some(key) = row.command_key {
                    self.known.keys.insert((write.stream.clone(), key.into_owned()), version);
                }
                self.waiting.push(Placed {
                    request: index,
                    write: write_index,
                    ordinal: row.ordinal,
                    version,
                    position: self.last_position,
                    recorded_at,
                });
            }
            self.known.heads.insert(write.stream.clone(), (version, recorded_at));
            let recorded_at = time(recorded_at)
                .ok_or_else(|| StoreError::corrupt(format!("{}: a recorded time is damaged", self.file)))?;
            places.push(AppendedStream::new(version, positions, recorded_at));
        }
        Ok(Appended::new(places))
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.waiting);
        insert(self.connection, self.file, self.requests, &rows).await
    }
}

fn streams<'a>(requests: &[&'a AppendRequest]) -> HashSet<&'a StreamId> {
    let written = requests.iter().flat_map(|request| request.writes.iter().map(|write| &write.stream));
    let read = requests.iter().flat_map(|request| request.conditions.iter().map(|condition| &condition.stream));
    written.chain(read).collect()
}

/// Leaves the transaction, if there is one: after some errors SQLite has left it by itself, and says so.
async fn roll_back(connection: &mut SqliteConnection) {
    if let Err(error) = query("ROLLBACK").execute(connection).await {
        tracing::debug!(%error, "nothing to roll back");
    }
}
