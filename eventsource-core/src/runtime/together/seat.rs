//! One aggregate of a decision on several: what needs its type, and the same for those who do not know that.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::contract::append::{AppendedStream, Write, companion_key};
use crate::contract::load::{AsOf, StoredCommand};
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::runtime::command::Command;
use crate::runtime::execute::Executed;
use crate::runtime::options::ExecuteOptions;
use crate::runtime::retry::Retry;
use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::stream::{Conflict, Position, StreamId, Version};
use crate::words::token::Token;

use super::Part;

/// One aggregate on its way through a command.
pub struct Seat<A: Aggregate> {
    command: Command<'static, A>,
    /// What was decided for it in this attempt, as facts once it is settled; none if the decision says nothing of it.
    decided: Option<Vec<A::Event>>,
    executed: Option<Executed<A>>,
}

impl<A: Aggregate> Seat<A> {
    pub(super) fn new(part: Part<A>, options: &ExecuteOptions) -> Result<Self, StoreError> {
        let options = ExecuteOptions { expected: part.expected, ..options.clone() };
        let stream = part.repository.stream(&part.id)?;
        let command = Command::new(Cow::Owned(part.repository), stream, options)?;
        Ok(Self { command, decided: None, executed: None })
    }

    pub(super) fn state(&self) -> &A {
        self.command.state()
    }

    pub(super) fn decide(&mut self, events: Vec<A::Event>) {
        self.decided = Some(events);
    }

    /// What came of it; where it was only read, the state that was read.
    fn executed(&mut self) -> &mut Executed<A> {
        self.executed.get_or_insert_with(|| self.command.executed(Vec::new(), false))
    }

    /// At the end of the command.
    pub(super) fn into_executed(mut self) -> Executed<A> {
        self.executed.unwrap_or_else(|| self.command.executed(Vec::new(), false))
    }
}

/// A [`Seat`], of whose aggregate nobody knows the type.
pub trait Member: Send {
    fn store(&self) -> &Arc<dyn EventStore>;
    fn limits(&self) -> (Retry, Duration);
    fn stream(&self) -> &StreamId;
    fn version(&self) -> Version;

    /// Brings the state up to date; answers what the command has stored in this stream if it was done before.
    fn load(&mut self) -> BoxFuture<'_, Result<Option<StoredCommand>, StoreError>>;

    /// The conflict with what the caller expects, if there is one.
    fn unexpected(&self) -> Option<Conflict>;

    /// What was decided, as it is stored; none if the decision says nothing of this part.
    fn settle(&mut self) -> Result<Option<Vec<NewEvent>>, StoreError>;

    /// It was stored.
    fn stored(&mut self, write: &Write, place: &AppendedStream);

    /// Somebody else had written here; an error, and the end, if the caller had named a version.
    fn lost(&self, conflict: Conflict) -> Result<Conflict, Conflict>;

    /// Takes the result that the command had here the first time; answers where its events are.
    fn first_result(&mut self, stored: StoredCommand) -> BoxFuture<'_, Result<Marked, StoreError>>;

    /// The same where another part has the command's key.
    fn first_result_beside(&mut self, marked: Marked) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The place that its result names.
    fn token(&mut self) -> &mut Token;
}

/// The first event of a command with a key, and a place of the command in the store.
#[derive(Clone, Copy)]
pub struct Marked {
    first_event: Uuid,
    position: Position,
}

impl<A: Aggregate> Member for Seat<A> {
    fn store(&self) -> &Arc<dyn EventStore> {
        self.command.repository().store()
    }

    fn limits(&self) -> (Retry, Duration) {
        let repository = self.command.repository();
        (repository.retry, repository.time_limit)
    }

    fn stream(&self) -> &StreamId {
        self.command.stream()
    }

    fn version(&self) -> Version {
        self.command.version()
    }

    fn load(&mut self) -> BoxFuture<'_, Result<Option<StoredCommand>, StoreError>> {
        self.decided = None;
        self.command.load().boxed()
    }

    fn unexpected(&self) -> Option<Conflict> {
        self.command.unexpected(self.command.version())
    }

    fn settle(&mut self) -> Result<Option<Vec<NewEvent>>, StoreError> {
        let Some(events) = self.decided.take() else { return Ok(None) };
        let (facts, stored) = self.command.settle(self.command.version(), events)?;
        self.decided = Some(facts);
        Ok(Some(stored))
    }

    fn stored(&mut self, write: &Write, place: &AppendedStream) {
        let facts = self.decided.take().unwrap_or_default();
        self.executed = Some(self.command.stored(facts, write, place));
    }

    fn lost(&self, conflict: Conflict) -> Result<Conflict, Conflict> {
        self.command.lost(conflict)
    }

    fn first_result(&mut self, stored: StoredCommand) -> BoxFuture<'_, Result<Marked, StoreError>> {
        async move {
            let executed = self.command.first_result(stored).await?;
            let position = executed.position;
            self.executed = Some(executed);
            Ok(Marked { first_event: self.command.id_of(stored.first).await?, position })
        }
        .boxed()
    }

    fn first_result_beside(&mut self, marked: Marked) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let key = companion_key(marked.first_event);
            let read = self.command.go_back(AsOf::Position(marked.position), Some(key)).await?;
            self.executed = Some(match read {
                Some(stored) => self.command.first_result(stored).await?,
                None => self.command.executed(Vec::new(), true),
            });
            Ok(())
        }
        .boxed()
    }

    fn token(&mut self) -> &mut Token {
        &mut self.executed().token
    }
}
