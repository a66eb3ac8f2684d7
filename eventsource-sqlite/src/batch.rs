//! One transaction for several requests: look up, admit, place, insert, commit.

use std::borrow::Cow;
use std::collections::HashSet;

use eventsource_core::backend::{Admission, KnownType, admit};
use eventsource_core::{
    AppendOutcome, AppendRequest, Appended, AppendedStream, Clock, Position, StoreError, StreamId, Version,
};
use serde_json::json;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite, SqliteConnection, query};

use crate::connect::Writing;
use crate::error::explain;
use crate::first_result;
use crate::frame::time;
use crate::heads::Known;
use crate::insert::{Placed, Statement, insert, insert_one_and};
use crate::patience::Patience;

/// A transaction that holds the write lock, and what is known of the streams in it.
pub(crate) struct Batch<'a> {
    connection: &'a mut SqliteConnection,
    file: &'a str,
    requests: &'a [&'a AppendRequest],
    known: &'a mut Known,
    last_position: i64,
    waiting: Vec<Placed>,
    clock: i64,
}

type Outcomes = Vec<Result<AppendOutcome, StoreError>>;

const LOOK_UP: &str = include_str!("sql/look_up.sql");
const BEGIN: &str = concat!("BEGIN IMMEDIATE; PRAGMA data_version;\n", include_str!("sql/look_up.sql"));

impl<'a> Batch<'a> {
    /// Takes the write lock and looks up what is not known yet, in one hop unless somebody else has written.
    pub(crate) async fn begin(
        writing: &'a mut Writing,
        requests: &'a [&'a AppendRequest],
        known: &'a mut Known,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let patience = writing.patience();
        let (connection, file, maintained) = writing.parts()?;
        known.make_room(requests.len());
        match Self::take_lock(connection, file, requests, known, maintained, patience).await {
            // The clock is read while the lock is held: time passes between asking for it and having it.
            Ok(last_position) => Ok(Self::new(connection, file, requests, known, last_position, clock)),
            Err(error) => {
                known.forget_all();
                roll_back(connection).await;
                Err(error)
            }
        }
    }

    async fn take_lock(
        connection: &mut SqliteConnection,
        file: &str,
        requests: &[&AppendRequest],
        known: &mut Known,
        maintained: u64,
        mut patience: Patience,
    ) -> Result<i64, StoreError> {
        loop {
            let asks_for_all = known.is_empty();
            let asked = Asked::of(requests, known);
            let rows = asked.bind(query(BEGIN)).fetch_all(&mut *connection).await;
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) if patience.again(&error).await => continue,
                Err(error) => return Err(explain(file, error)),
            };
            let [data_version, found] = &rows[..] else {
                return Err(StoreError::failed(format!("{file}: the look-up of a batch has no answer")));
            };
            if known.valid_in((data_version.get(0), maintained)) || asks_for_all {
                return asked.learn(file, found, known);
            }
            // What was not asked for because it was known is known no more.
            let asked = Asked::of(requests, known);
            let found = asked.bind(query(LOOK_UP)).fetch_one(connection).await.map_err(|error| explain(file, error))?;
            return asked.learn(file, &found, known);
        }
    }

    /// Appends one request inside a transaction of the caller's; answers its outcome and the last position.
    pub(crate) async fn within(
        connection: &mut SqliteConnection,
        file: &str,
        request: &AppendRequest,
        clock: &Clock,
    ) -> Result<(AppendOutcome, Position), StoreError> {
        let requests = [request];
        let mut known = Known::default();
        let asked = Asked::of(&requests, &known);
        let found =
            asked.bind(query(LOOK_UP)).fetch_one(&mut *connection).await.map_err(|error| explain(file, error))?;
        let last_position = asked.learn(file, &found, &mut known)?;
        Batch::new(connection, file, &requests, &mut known, last_position, clock).store_one().await
    }

    /// Stores the first request and leaves the transaction open; answers its outcome and the last position.
    pub(crate) async fn store_one(&mut self) -> Result<(AppendOutcome, Position), StoreError> {
        let placed = self.place_one().await?;
        self.flush().await?;
        Ok(placed)
    }

    /// The same, but its rows may wait until [`flush`](Self::flush): what they will be is known.
    pub(crate) async fn place_one(&mut self) -> Result<(AppendOutcome, Position), StoreError> {
        let outcome = self.outcome(0, self.requests[0]).await??;
        Ok((outcome, Position(self.last_position as u64)))
    }

    /// If one row waits: the statement that inserts it, another one behind it in the same hop, and what runs them.
    pub(crate) fn insert_waiting_and(&mut self, then: &str) -> Option<(Statement<'static>, &mut SqliteConnection)> {
        let [placed] = &self.waiting[..] else { return None };
        let statement = insert_one_and(then, self.requests, placed);
        self.waiting.clear();
        Some((statement, &mut *self.connection))
    }

    /// The first request.
    pub(crate) fn request(&self) -> &'a AppendRequest {
        self.requests[0]
    }

    /// The connection, in the transaction.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection
    }

    fn new(
        connection: &'a mut SqliteConnection,
        file: &'a str,
        requests: &'a [&'a AppendRequest],
        known: &'a mut Known,
        last_position: i64,
        clock: &Clock,
    ) -> Self {
        let clock = clock.now().timestamp_micros();
        Self { connection, file, requests, known, last_position, waiting: Vec::new(), clock }
    }

    /// Stores what is admitted; answers each request's outcome and the last position. An error rolls all of it back.
    pub(crate) async fn commit(mut self, types: &[KnownType]) -> Result<(Outcomes, Position), StoreError> {
        let stored = self.store(types).await;
        if stored.is_err() {
            self.known.forget_all();
            roll_back(self.connection).await;
        }
        Ok((stored?, Position(self.last_position as u64)))
    }

    async fn store(&mut self, types: &[KnownType]) -> Result<Outcomes, StoreError> {
        let mut outcomes = Vec::with_capacity(self.requests.len());
        for (index, request) in self.requests.iter().enumerate() {
            outcomes.push(self.outcome(index, request).await?);
        }
        self.flush().await?;
        note_types(self.connection, self.file, types).await?;
        query("COMMIT").execute(&mut *self.connection).await.map_err(|error| explain(self.file, error))?;
        Ok(outcomes)
    }

    /// The outer error ends the batch, the inner one is the request's own.
    async fn outcome(
        &mut self,
        index: usize,
        request: &AppendRequest,
    ) -> Result<Result<AppendOutcome, StoreError>, StoreError> {
        Ok(Ok(match admit(request, self.known) {
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
            let (head, last_time) = self.known.last(&write.stream);
            // Recorded time never goes back within a stream, whatever the clock does.
            let recorded_at = self.clock.max(last_time);
            let mut version = head;
            let mut positions = Vec::with_capacity(write.events.len());
            for row in request.rows(write_index) {
                version = version.next();
                self.last_position += 1;
                positions.push(Position(self.last_position as u64));
                let plain = Placed::is_plain(&row);
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
                    plain,
                });
            }
            self.known.learn(&write.stream, version, recorded_at);
            let recorded_at = time(recorded_at)
                .ok_or_else(|| StoreError::corrupt(format!("{}: a recorded time is damaged", self.file)))?;
            places.push(AppendedStream::new(version, positions, recorded_at));
        }
        Ok(Appended::new(places))
    }

    /// Inserts the rows that wait.
    pub(crate) async fn flush(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.waiting);
        insert(self.connection, self.file, self.requests, &rows).await
    }
}

/// What a batch must ask for: streams that are not known, and all command keys.
struct Asked<'r> {
    streams: Vec<&'r StreamId>,
    keys: Vec<(&'r StreamId, Cow<'r, str>)>,
}

impl<'r> Asked<'r> {
    fn of(requests: &[&'r AppendRequest], known: &Known) -> Self {
        let written = requests.iter().flat_map(|request| request.writes.iter().map(|write| &write.stream));
        let read = requests.iter().flat_map(|request| request.conditions.iter().map(|condition| &condition.stream));
        let unknown: HashSet<&StreamId> = written.chain(read).filter(|stream| !known.knows(stream)).collect();
        let keys = requests.iter().filter_map(|request| Some((&request.writes.first()?.stream, request)));
        let keys = keys.flat_map(|(stream, request)| request.stored_keys().map(move |(_, key)| (stream, key)));
        Self { streams: unknown.into_iter().collect(), keys: keys.collect() }
    }

    fn bind<'q>(&self, statement: Query<'q, Sqlite, SqliteArguments>) -> Query<'q, Sqlite, SqliteArguments> {
        let streams: Vec<&str> = self.streams.iter().map(|stream| stream.as_str()).collect();
        let keys: Vec<_> = self.keys.iter().map(|(stream, key)| (stream.as_str(), key)).collect();
        statement.bind(json!(streams).to_string()).bind(json!(keys).to_string())
    }

    /// Notes what was found; answers the last position that was given.
    fn learn(&self, file: &str, found: &SqliteRow, known: &mut Known) -> Result<i64, StoreError> {
        let damaged =
            || StoreError::corrupt(format!("{file}: the version or time of a stream's last event is damaged"));
        let mut last_position = 0;
        for stream in &self.streams {
            known.learn(stream, Version(0), i64::MIN);
        }
        let text: Option<&str> = found.try_get(0).map_err(|error| explain(file, error))?;
        let numbers = text.unwrap_or_default().split_terminator(' ').map(|number| number.parse::<i64>());
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>().map_err(|_| damaged())?;
        for four in numbers.chunks(4) {
            let &[kind, place, number, recorded_at] = four else { return Err(damaged()) };
            let place = place as usize;
            match kind {
                0 => {
                    let stream = self.streams.get(place).ok_or_else(damaged)?;
                    known.learn(stream, Version(number as u64), recorded_at);
                }
                1 => {
                    let (stream, key) = self.keys.get(place).ok_or_else(damaged)?;
                    known.keys.insert(((*stream).clone(), key.to_string()), Version(number as u64));
                }
                _ => last_position = number,
            }
        }
        Ok(last_position)
    }
}

/// Notes which types the store holds, names with versions.
pub(crate) async fn note_types(
    connection: &mut SqliteConnection,
    file: &str,
    types: &[KnownType],
) -> Result<(), StoreError> {
    if types.is_empty() {
        return Ok(());
    }
    query("INSERT OR IGNORE INTO types SELECT value ->> 0, value ->> 1 FROM json_each(?1)")
        .bind(json!(types).to_string())
        .execute(connection)
        .await
        .map_err(|error| explain(file, error))?;
    Ok(())
}

/// Leaves the transaction, if there is one: after some errors SQLite has left it by itself, and says so.
pub(crate) async fn roll_back(connection: &mut SqliteConnection) {
    if let Err(error) = query("ROLLBACK").execute(connection).await {
        tracing::debug!(%error, "nothing to roll back");
    }
}
