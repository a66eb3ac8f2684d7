//! The path of a command: load, decide, append; on a conflict again.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use crate::folding::aggregate::{Aggregate, Handle};
use crate::folding::decision::IntoEvents;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::{Conflict, Position, Version};
use crate::words::token::Token;

use super::command::{Attempt, Command, Joined, Stop};
use super::command_meter::Count;
use super::lanes::{Basis, Lane, Stands};
use super::options::ExecuteOptions;
use super::repository::Repository;

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
    /// return an event, several, none, or a refusal; see [`IntoEvents`]. Other commands on the aggregate wait while it decides, so it
    /// must not wait for anything, least of all for another command on the same aggregate. If it panics, nothing of it is
    /// stored, and nobody else notices.
    ///
    /// A dropped future may or may not have stored its events, all or none, now or soon; a
    /// [command key](ExecuteOptions::command_key) makes repeating it safe.
    ///
    /// Fails with [`is_overloaded`](StoreError::is_overloaded) where 16,384 commands wait for the aggregate already.
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
        // What is stored under a condition does not go together with others.
        let lanes = self.lanes().filter(|_| options.condition.is_none());
        match lanes.map(|lanes| lanes.of(id)).transpose()? {
            Some(lane) => {
                let mut command = Command::new(Cow::Borrowed(self), lane.stream().clone(), options)?;
                self.within_time(id, pin!(in_lane(&mut command, &lane, decide))).await
            }
            None => {
                let mut command = Command::new(Cow::Borrowed(self), self.stream(id)?, options)?;
                self.within_time(id, pin!(directly(&mut command, decide))).await
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

/// Load, decide, append; on a conflict again.
async fn directly<A, F, I>(command: &mut Command<'_, A>, decide: F) -> Result<Executed<A>, ExecuteError<I::Refusal>>
where
    A: Aggregate,
    F: Fn(&A) -> I + Send,
    I: IntoEvents<A>,
{
    loop {
        if let Some(first) = command.load().await? {
            return Ok(command.first_result(first).await?);
        }
        command.check_expected()?;
        let mut events = Vec::new();
        decide(command.state()).into_events(&mut events).map_err(ExecuteError::Refused)?;
        if let Attempt::Done(executed) = command.append(events).await? {
            return Ok(executed);
        }
    }
}

/// Decide on the newest state of this process; what is decided is stored with what others decide meanwhile.
async fn in_lane<A, F, I>(
    command: &mut Command<'_, A>,
    lane: &Arc<Lane<A>>,
    decide: F,
) -> Result<Executed<A>, ExecuteError<I::Refusal>>
where
    A: Aggregate,
    F: Fn(&A) -> I + Send,
    I: IntoEvents<A>,
{
    let mut state = Count::Cached;
    loop {
        let Some(decided) = in_turn(command, lane, &decide) else {
            if let Some(done) = command.ready(lane).await? {
                return Ok(done);
            }
            state = Count::Loaded;
            continue;
        };
        command.count(std::mem::replace(&mut state, Count::Cached));
        command.count(Count::Attempt);
        let (said, basis) = match decided? {
            InTurn::Joined(joined) => match command.follow(lane, joined).await? {
                Attempt::Done(executed) => return Ok(executed),
                Attempt::Again => continue,
            },
            InTurn::Says(said, basis) => (said, basis),
        };
        match command.stands(lane, &basis).await? {
            Stands::Done(first) => return Ok(command.first_result(first).await?),
            Stands::No => command.decide_again(None).await?,
            Stands::Yes => {
                return match said {
                    Said::Nothing => Ok(command.nothing(&basis)),
                    Said::Refused(refusal) => Err(ExecuteError::Refused(refusal)),
                    Said::Conflict(conflict) => Err(ExecuteError::Conflict(conflict)),
                };
            }
        }
    }
}

/// Decides while nobody else does; nothing if the state is not known.
fn in_turn<A, I>(
    command: &Command<'_, A>,
    lane: &Lane<A>,
    decide: &impl Fn(&A) -> I,
) -> Option<Result<InTurn<A, I::Refusal>, StoreError>>
where
    A: Aggregate,
    I: IntoEvents<A>,
{
    let turn = lane.turn()?;
    if let Some(conflict) = command.unexpected(turn.newest().version) {
        return Some(Ok(InTurn::Says(Said::Conflict(conflict), turn.end())));
    }
    // Room for one, which most decisions are.
    let mut events = Vec::with_capacity(1);
    Some(match decide(&turn.newest().state).into_events(&mut events) {
        Err(refusal) => Ok(InTurn::Says(Said::Refused(refusal), turn.end())),
        Ok(()) if events.is_empty() => Ok(InTurn::Says(Said::Nothing, turn.end())),
        Ok(()) => command.join(turn, events).map(InTurn::Joined),
    })
}

enum InTurn<A: Aggregate, R> {
    Joined(Joined<A>),
    /// Made on this.
    Says(Said<R>, Basis<A>),
}

/// A decision that stores nothing.
enum Said<R> {
    Nothing,
    Refused(R),
    Conflict(Conflict),
}

impl<R> From<Stop> for ExecuteError<R> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Conflict(conflict) => Self::Conflict(conflict),
            Stop::Store(error) => Self::Store(error),
        }
    }
}
