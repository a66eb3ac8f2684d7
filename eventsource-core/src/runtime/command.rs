//! A command on its way: everything but the decision, so that it is compiled once for each aggregate.

mod in_lane;

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::append::{AppendOutcome, AppendRequest, Appended, AppendedStream, Condition, Write};
use crate::contract::load::{AsOf, Load, LoadRow, StoredCommand};
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::folding::event_set::decode_recorded;
use crate::folding::settling::settle;
use crate::words::error::StoreError;
use crate::words::event::{NewEvent, Recorded};
use crate::words::stream::{Conflict, ExpectedVersion, Position, StreamId, Version};
use crate::words::token::Token;

use super::command_meter::{Count, count};
use super::execute::Executed;
use super::fold::Folded;
use super::options::ExecuteOptions;
use super::repository::Repository;
use super::retry::Pauses;

pub(super) use in_lane::Joined;

/// A command on its way.
pub(super) struct Command<'r, A: Aggregate> {
    repository: Cow<'r, Repository<A>>,
    stream: StreamId,
    options: ExecuteOptions,
    folded: Folded<A>,
    pauses: Pauses,
    /// It must not go together with others any more.
    alone: bool,
}

pub(super) enum Attempt<A: Aggregate> {
    Done(Executed<A>),
    Again,
}

/// Why a command has come to its end, whatever it decided.
pub(super) enum Stop {
    Conflict(Conflict),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<'r, A: Aggregate> Command<'r, A> {
    pub(super) fn new(
        repository: Cow<'r, Repository<A>>,
        stream: StreamId,
        options: ExecuteOptions,
    ) -> Result<Self, StoreError> {
        if let Some(key) = &options.command_key {
            crate::words::name::check_command_key(key)?;
        }
        count::<A>(Count::Command);
        let pauses = repository.retry.start();
        Ok(Self { repository, stream, options, folded: Folded::new(), pauses, alone: false })
    }

    pub(super) fn count(&self, what: Count) {
        count::<A>(what);
    }

    pub(super) fn repository(&self) -> &Repository<A> {
        &self.repository
    }

    pub(super) fn stream(&self) -> &StreamId {
        &self.stream
    }

    pub(super) fn state(&self) -> &A {
        &self.folded.state
    }

    /// The version of the state.
    pub(super) fn version(&self) -> Version {
        self.folded.version
    }

    /// Brings the state up to date; answers what the command has stored if it was done before.
    pub(super) async fn load(&mut self) -> Result<Option<StoredCommand>, StoreError> {
        loop {
            let load = Load::new(self.stream.clone()).with_command_key(self.options.command_key.clone());
            match self.folded.catch_up(&*self.repository.store, load).await {
                Ok(end) => {
                    self.count(Count::Loaded);
                    self.count(Count::Attempt);
                    return Ok(end.command);
                }
                Err(error) => self.bear(error).await?,
            }
        }
    }

    /// Waits where the error may pass.
    async fn bear(&mut self, error: StoreError) -> Result<(), StoreError> {
        if error.is_transient() && self.pauses.pause(&error).await { Ok(()) } else { Err(error) }
    }

    pub(super) fn check_expected(&self) -> Result<(), Stop> {
        self.unexpected(self.folded.version).map_or(Ok(()), |conflict| Err(Stop::Conflict(conflict)))
    }

    /// The conflict with what the caller expects, if there is one.
    pub(super) fn unexpected(&self, version: Version) -> Option<Conflict> {
        let expected = self.options.expected;
        (!expected.accepts(version)).then(|| Conflict::new(self.stream.clone(), expected, version))
    }

    pub(super) async fn append(&mut self, events: Vec<A::Event>) -> Result<Attempt<A>, Stop> {
        if events.is_empty() {
            return Ok(Attempt::Done(self.executed(Vec::new(), false)));
        }
        let (events, stored) = self.settle(self.folded.version, events)?;
        let request = Arc::new(self.request(stored));
        let write = &request.writes[0];
        match send(&*self.repository.store, &request, &mut self.pauses).await? {
            AppendOutcome::Stored(appended) => Ok(Attempt::Done(self.stored(events, write, &appended.streams[0]))),
            AppendOutcome::AlreadyStored(appended) => match &self.options.command_key {
                // Somebody else may have done the command meanwhile, and decided something else.
                Some(_) => Ok(Attempt::Done(self.keyed_result(&appended).await?)),
                None => Ok(Attempt::Done(self.stored(events, write, &appended.streams[0]))),
            },
            AppendOutcome::Conflict(conflict) if self.depends_on(&conflict.stream) => {
                Err(Condition::moved(&conflict).into())
            }
            AppendOutcome::Conflict(conflict) => {
                self.pause(conflict).await?;
                Ok(Attempt::Again)
            }
        }
    }

    fn depends_on(&self, stream: &StreamId) -> bool {
        self.options.condition.as_ref().is_some_and(|condition| condition.stream == *stream)
    }

    /// The events behind a version as every reader will get them, and as they are stored.
    pub(super) fn settle(
        &self,
        version: Version,
        events: Vec<A::Event>,
    ) -> Result<(Vec<A::Event>, Vec<NewEvent>), StoreError> {
        let (mut version, mut stored) = (version, Vec::with_capacity(events.len()));
        let each = events.into_iter().map(|event| {
            version = version.next();
            let settled = settle(event, &self.stream, version)?;
            let new = settled.stored.with_metadata(self.options.metadata.clone());
            stored.push(match self.options.occurred_at {
                Some(time) => new.with_occurred_at(time),
                None => new,
            });
            Ok(settled.fact)
        });
        let facts = each.collect::<Result<_, StoreError>>()?;
        Ok((facts, stored))
    }

    fn request(&self, stored: Vec<NewEvent>) -> AppendRequest {
        let expected = match self.folded.version {
            Version(0) => ExpectedVersion::NoStream,
            version => ExpectedVersion::Exact(version),
        };
        let mut request = AppendRequest::new(self.stream.clone(), expected, stored);
        request.conditions.extend(self.options.condition.clone());
        request.command_key = self.options.command_key.clone();
        request
    }

    /// Folds what was stored, and lets a snapshot follow if one is due.
    pub(super) fn stored(&mut self, events: Vec<A::Event>, write: &Write, place: &AppendedStream) -> Executed<A> {
        let before = self.folded.version;
        let mut recorded = Vec::with_capacity(events.len());
        for ((event, new), position) in events.into_iter().zip(&write.events).zip(&place.positions) {
            self.folded.state.apply(&event);
            let event = self.recorded(event, new, (self.folded.version.next(), *position), place.recorded_at);
            self.folded.advance(event.version, event.position, event.occurred_at);
            recorded.push(event);
        }
        self.offer_snapshot(before);
        if let Some(lane) = self.repository.known_lane(self.stream.id()) {
            lane.learn(self.folded.clone());
        }
        self.executed(recorded, false)
    }

    fn recorded(
        &self,
        event: A::Event,
        new: &NewEvent,
        (version, position): (Version, Position),
        recorded_at: DateTime<Utc>,
    ) -> Recorded<A::Event> {
        Recorded {
            event,
            id: new.id,
            stream: self.stream.clone(),
            version,
            position,
            name: new.name.clone(),
            schema_version: new.schema_version,
            occurred_at: new.occurred_at.unwrap_or(recorded_at),
            recorded_at,
            metadata: new.metadata.clone(),
            part: 1,
            parts: 1,
        }
    }

    fn offer_snapshot(&self, before: Version) {
        if let Some(snapshot) = self.folded.due_snapshot(&self.stream, before) {
            self.repository.store.offer_snapshot(snapshot);
        }
    }

    pub(super) fn executed(&mut self, events: Vec<Recorded<A::Event>>, repeated: bool) -> Executed<A> {
        let Folded { state, version, position, .. } = std::mem::replace(&mut self.folded, Folded::new());
        let store = self.repository.store.identity();
        let token = Token::new((store.id, store.epoch), position, events.last().map(|event| event.id));
        Executed { state, version, position, token, events, repeated }
    }

    async fn keyed_result(&mut self, appended: &Appended) -> Result<Executed<A>, StoreError> {
        let place = &appended.streams[0];
        let events = place.positions.len() as u64;
        let first = Version(place.version.0 + 1 - events);
        self.first_result(StoredCommand::new(first, events)).await
    }

    /// The result that the command had the first time, whatever has happened since.
    pub(super) async fn first_result(&mut self, command: StoredCommand) -> Result<Executed<A>, StoreError> {
        self.go_back(AsOf::Version(command.last()), None).await?;
        let mut events = Vec::new();
        // Loaded too: a read may stop before them, as long as an append of somebody else is open.
        let before = Version(command.first.0 - 1);
        let load = Load::new(self.stream.clone()).after(before).as_of(Some(AsOf::Version(command.last())));
        let visit = &mut |row: LoadRow<'_>| match row {
            LoadRow::Event(raw) => Ok(decode_recorded(raw, |event| events.push(event))?),
            LoadRow::Bare(_) | LoadRow::Snapshot(_) => Ok(()),
        };
        self.repository.store.load(&load, visit).await?;
        Ok(self.executed(events, true))
    }

    /// Takes the state as of a moment; answers what stands under a key.
    pub(super) async fn go_back(
        &mut self,
        as_of: AsOf,
        key: Option<String>,
    ) -> Result<Option<StoredCommand>, StoreError> {
        self.folded = Folded::new();
        let load = Load::new(self.stream.clone()).as_of(Some(as_of)).with_command_key(key);
        Ok(self.folded.catch_up(&*self.repository.store, load).await?.command)
    }

    /// The id of the event at a version.
    pub(super) async fn id_of(&self, version: Version) -> Result<Uuid, StoreError> {
        let mut id = None;
        let load = Load::new(self.stream.clone()).after(Version(version.0 - 1)).as_of(Some(AsOf::Version(version)));
        let mut visit = |row: LoadRow<'_>| {
            if let LoadRow::Event(event) = row {
                id = Some(event.id);
            }
            Ok(())
        };
        self.repository.store.load(&load, &mut visit).await?;
        id.ok_or_else(|| StoreError::corrupt(format!("stream {} has no version {version}", self.stream)))
    }

    /// Waits before the next attempt; the conflict itself, if that was the last or the caller had named a version.
    async fn pause(&mut self, conflict: Conflict) -> Result<(), Stop> {
        let conflict = self.lost(conflict).map_err(Stop::Conflict)?;
        if self.pauses.pause(&conflict).await { Ok(()) } else { Err(Stop::Conflict(conflict)) }
    }

    /// Counts a conflict; an error, and the end, if the caller had named a version.
    pub(super) fn lost(&self, conflict: Conflict) -> Result<Conflict, Conflict> {
        self.count(Count::Conflict);
        let expected = self.options.expected;
        if expected.place().is_some() { Err(Conflict { expected, ..conflict }) } else { Ok(conflict) }
    }
}

/// Sends a request; when the answer is lost, the same event ids make sending it again safe.
pub(super) async fn send(
    store: &dyn EventStore,
    request: &Arc<AppendRequest>,
    pauses: &mut Pauses,
) -> Result<AppendOutcome, StoreError> {
    loop {
        match store.append(request.clone()).await {
            Err(error) if error.is_transient() => {
                if !pauses.pause(&error).await {
                    return Err(error);
                }
            }
            outcome => return outcome,
        }
    }
}
