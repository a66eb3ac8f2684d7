//! The path of a command: load, decide, append; on a conflict again.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::contract::append::{AppendOutcome, AppendRequest, Appended, Condition};
use crate::contract::load::{AsOf, Load, StoredCommand};
use crate::contract::read::Read;
use crate::folding::aggregate::{Aggregate, Handle};
use crate::folding::decision::IntoEvents;
use crate::folding::event_set::decode_recorded;
use crate::folding::settling::settle;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::{Conflict, ExpectedVersion, Position, StreamId, Version};
use crate::words::token::Token;

use super::fold::Folded;
use super::options::ExecuteOptions;
use super::repository::Repository;
use super::retry::Pauses;

/// What came of a command. Dereferences to the state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Executed<A: Aggregate> {
    /// The state with the command's events in it.
    pub state: A,
    /// The version of the last event in it.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// The same place for views to come to: see [`ViewReader::wait_for`](crate::ViewReader::wait_for).
    pub token: Token,
    /// The events that the command stored; none if it decided that there is nothing to do.
    pub events: Vec<Recorded<A::Event>>,
    /// True if the command key had been used before: this is the result of then, and nothing was stored now.
    pub repeated: bool,
}

impl<A: Aggregate> Deref for Executed<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.state
    }
}

/// Why a command stored nothing: the domain said no, somebody else was faster, or something broke.
#[derive(Debug)]
pub enum ExecuteError<R> {
    /// The domain said no.
    Refused(R),
    /// The stream is not at the expected version, or others wrote first in every attempt.
    Conflict(Conflict),
    /// It broke.
    Store(StoreError),
}

impl<R> ExecuteError<R> {
    /// What the domain said, if it said no.
    pub fn refusal(&self) -> Option<&R> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl<R: fmt::Display> fmt::Display for ExecuteError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

// Each text is that of the error within, so the chain goes on behind it: nothing is printed twice.
impl<R: std::error::Error + 'static> std::error::Error for ExecuteError<R> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => refusal.source(),
            Self::Conflict(_) => None,
            Self::Store(error) => error.source(),
        }
    }
}

impl<R> From<StoreError> for ExecuteError<R> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<A: Aggregate> Repository<A> {
    /// Decides on the current state and appends what was decided.
    ///
    /// `decide` must not act: when others write first it is asked again, on the newer state. It may
    /// return an event, several, none, or a refusal; see [`IntoEvents`]. A dropped future may or may
    /// not have stored its events, all or none; a [command key](ExecuteOptions::command_key) makes repeating it safe.
    pub async fn execute<F, I>(&self, id: &str, decide: F) -> Result<Executed<A>, ExecuteError<I::Refusal>>
    where
        F: Fn(&A) -> I + Send,
        I: IntoEvents<A>,
    {
        self.execute_with(id, ExecuteOptions::default(), decide).await
    }

    /// The same, with options.
    pub async fn execute_with<F, I>(
        &self,
        id: &str,
        options: ExecuteOptions,
        decide: F,
    ) -> Result<Executed<A>, ExecuteError<I::Refusal>>
    where
        F: Fn(&A) -> I + Send,
        I: IntoEvents<A>,
    {
        let mut command = Command::new(self, id, options)?;
        loop {
            if let Some(done) = command.load().await? {
                return Ok(done);
            }
            command.check_expected().map_err(ExecuteError::Conflict)?;
            let mut events = Vec::new();
            decide(&command.folded.state).into_events(&mut events).map_err(ExecuteError::Refused)?;
            match command.append(events).await? {
                Attempt::Done(executed) => return Ok(executed),
                Attempt::Conflict(conflict) => command.pause(conflict).await.map_err(ExecuteError::Conflict)?,
            }
        }
    }

    /// Executes a command that is a value.
    pub async fn handle<C>(
        &self,
        id: &str,
        command: C,
    ) -> Result<Executed<A>, ExecuteError<<A::Decision as IntoEvents<A>>::Refusal>>
    where
        A: Handle<C>,
        C: Send + Sync,
    {
        self.handle_with(id, ExecuteOptions::default(), command).await
    }

    /// The same, with options.
    pub async fn handle_with<C>(
        &self,
        id: &str,
        options: ExecuteOptions,
        command: C,
    ) -> Result<Executed<A>, ExecuteError<<A::Decision as IntoEvents<A>>::Refusal>>
    where
        A: Handle<C>,
        C: Send + Sync,
    {
        self.execute_with(id, options, |state| state.handle(&command)).await
    }
}

/// A command on its way: everything but the decision, so that it is compiled once for each aggregate.
struct Command<'r, A: Aggregate> {
    repository: &'r Repository<A>,
    stream: StreamId,
    options: ExecuteOptions,
    folded: Folded<A>,
    pauses: Pauses,
}

enum Attempt<A: Aggregate> {
    Done(Executed<A>),
    Conflict(Conflict),
}

impl<'r, A: Aggregate> Command<'r, A> {
    fn new(repository: &'r Repository<A>, id: &str, options: ExecuteOptions) -> Result<Self, StoreError> {
        if let Some(key) = &options.command_key {
            crate::words::name::check_command_key(key)?;
        }
        let stream = repository.stream(id)?;
        let pauses = repository.retry.start();
        Ok(Self { repository, stream, options, folded: Folded::new(), pauses })
    }

    /// Brings the state up to date; answers the first result if the command was done before.
    async fn load(&mut self) -> Result<Option<Executed<A>>, StoreError> {
        loop {
            let load = Load::new(self.stream.clone()).with_command_key(self.options.command_key.clone());
            match self.folded.catch_up(&*self.repository.store, load).await {
                Ok(end) => {
                    return match end.command {
                        Some(command) => self.first_result(command).await.map(Some),
                        None => Ok(None),
                    };
                }
                Err(error) if error.is_transient() => {
                    if !self.pauses.pause(&error).await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn check_expected(&self) -> Result<(), Conflict> {
        if self.options.expected.accepts(self.folded.version) {
            return Ok(());
        }
        Err(Conflict::new(self.stream.clone(), self.options.expected, self.folded.version))
    }

    async fn append(&mut self, events: Vec<A::Event>) -> Result<Attempt<A>, StoreError> {
        if events.is_empty() {
            return Ok(Attempt::Done(self.executed(Vec::new(), false)));
        }
        let (events, request) = self.request(events)?;
        let request = Arc::new(request);
        match self.send(&request).await? {
            AppendOutcome::Stored(appended) => Ok(Attempt::Done(self.stored(events, &request, &appended))),
            AppendOutcome::AlreadyStored(appended) => match &self.options.command_key {
                // Somebody else may have done the command meanwhile, and decided something else.
                Some(_) => self.keyed_result(&appended).await.map(Attempt::Done),
                None => Ok(Attempt::Done(self.stored(events, &request, &appended))),
            },
            AppendOutcome::Conflict(conflict) if self.depends_on(&conflict.stream) => Err(Condition::moved(&conflict)),
            AppendOutcome::Conflict(conflict) => Ok(Attempt::Conflict(conflict)),
        }
    }

    fn depends_on(&self, stream: &StreamId) -> bool {
        self.options.condition.as_ref().is_some_and(|condition| condition.stream == *stream)
    }

    /// The events as every reader will get them, and the request that stores them.
    fn request(&self, events: Vec<A::Event>) -> Result<(Vec<A::Event>, AppendRequest), StoreError> {
        let (mut facts, mut stored) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        for (place, event) in (self.folded.version.0 + 1..).zip(events) {
            let settled = settle(event, &self.stream, Version(place))?;
            facts.push(settled.fact);
            let new = settled.stored.with_metadata(self.options.metadata.clone());
            stored.push(match self.options.occurred_at {
                Some(time) => new.with_occurred_at(time),
                None => new,
            });
        }
        let expected = match self.folded.version {
            Version(0) => ExpectedVersion::NoStream,
            version => ExpectedVersion::Exact(version),
        };
        let mut request = AppendRequest::new(self.stream.clone(), expected, stored);
        request.conditions.extend(self.options.condition.clone());
        let request = match &self.options.command_key {
            Some(key) => request.with_command_key(key.clone()),
            None => request,
        };
        Ok((facts, request))
    }

    /// Sends the request; when the answer is lost, the same event ids make sending it again safe.
    async fn send(&mut self, request: &Arc<AppendRequest>) -> Result<AppendOutcome, StoreError> {
        loop {
            match self.repository.store.append(request.clone()).await {
                Err(error) if error.is_transient() => {
                    if !self.pauses.pause(&error).await {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Folds what was stored, and lets a snapshot follow if one is due.
    fn stored(&mut self, events: Vec<A::Event>, request: &AppendRequest, appended: &Appended) -> Executed<A> {
        let before = self.folded.version;
        let (new, place) = (&request.writes[0].events, &appended.streams[0]);
        let mut recorded = Vec::with_capacity(events.len());
        for ((event, new), position) in events.into_iter().zip(new).zip(&place.positions) {
            let occurred_at = new.occurred_at.unwrap_or(place.recorded_at);
            self.folded.state.apply(&event);
            self.folded.advance(self.folded.version.next(), *position, occurred_at);
            recorded.push(Recorded {
                event,
                id: new.id,
                stream: self.stream.clone(),
                version: self.folded.version,
                position: *position,
                name: new.name.clone(),
                schema_version: new.schema_version,
                occurred_at,
                recorded_at: place.recorded_at,
                metadata: new.metadata.clone(),
                part: 1,
                parts: 1,
            });
        }
        if let Some(snapshot) = self.folded.due_snapshot(&self.stream, before) {
            self.repository.store.offer_snapshot(snapshot);
        }
        self.executed(recorded, false)
    }

    fn executed(&mut self, events: Vec<Recorded<A::Event>>, repeated: bool) -> Executed<A> {
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
    async fn first_result(&mut self, command: StoredCommand) -> Result<Executed<A>, StoreError> {
        let store = &*self.repository.store;
        self.folded = Folded::new();
        let load = Load::new(self.stream.clone()).as_of(Some(AsOf::Version(command.last())));
        self.folded.catch_up(store, load).await?;
        let mut events = Vec::new();
        let before = Version(command.first.0 - 1);
        let read = Read::stream(&self.stream).after_version(before).limit(command.events as usize);
        store.read(&read, &mut |raw| Ok(decode_recorded(raw, |event| events.push(event))?)).await?;
        Ok(self.executed(events, true))
    }

    /// Waits before the next attempt; the conflict itself, if that was the last or the caller had named a version.
    async fn pause(&mut self, conflict: Conflict) -> Result<(), Conflict> {
        let named = self.options.expected.place().is_some();
        if named || !self.pauses.pause(&conflict).await {
            return Err(Conflict {
                expected: if named { self.options.expected } else { conflict.expected },
                ..conflict
            });
        }
        Ok(())
    }
}
