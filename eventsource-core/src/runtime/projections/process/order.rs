//! A command on its way from a process manager to an aggregate.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::store::EventStore;
use crate::folding::aggregate::{Aggregate, Handle};
use crate::folding::decision::IntoEvents;
use crate::runtime::options::ExecuteOptions;
use crate::runtime::repository::Repository;
use crate::words::error::StoreError;

use super::acting::refusal;

/// What an aggregate answers to a command when it says no.
pub(super) type RefusalOf<A, C> = <<A as Handle<C>>::Decision as IntoEvents<A>>::Refusal;

/// What becomes of a refusal: an event of the process.
pub(super) type OnRefusal<E> = Box<dyn FnOnce(Box<dyn Any + Send>) -> Option<E> + Send + Sync>;

/// A command, and what becomes of it.
pub(crate) struct Order<M: Aggregate> {
    pub(crate) id: String,
    pub(crate) command: Box<dyn Dispatch>,
    pub(crate) done: Option<M::Event>,
    pub(crate) refused: Option<OnRefusal<M::Event>>,
}

/// A [`Command`], of whose types nobody knows any more.
pub(crate) trait Dispatch: Any + Send + Sync {
    /// Executes it; answers the refusal, if the aggregate says no.
    fn execute<'a>(
        &'a self,
        store: Arc<dyn EventStore>,
        id: &'a str,
        options: ExecuteOptions,
    ) -> BoxFuture<'a, Result<Option<Refusal>, StoreError>>;

    /// The category of the aggregate, and the type of the command without its path.
    fn names(&self) -> (&'static str, &'static str);
}

/// What an aggregate said, and the same for people.
pub(crate) struct Refusal {
    pub(super) value: Box<dyn Any + Send>,
    pub(super) text: String,
}

/// A command to an aggregate.
pub(crate) struct Command<A, C> {
    pub(crate) command: C,
    aggregate: PhantomData<fn() -> A>,
}

impl<A, C> Command<A, C> {
    pub(super) fn new(command: C) -> Self {
        Self { command, aggregate: PhantomData }
    }
}

impl<A, C> Dispatch for Command<A, C>
where
    A: Handle<C>,
    C: Send + Sync + 'static,
    RefusalOf<A, C>: fmt::Display + Send + 'static,
{
    fn execute<'a>(
        &'a self,
        store: Arc<dyn EventStore>,
        id: &'a str,
        options: ExecuteOptions,
    ) -> BoxFuture<'a, Result<Option<Refusal>, StoreError>> {
        async move {
            let aggregates = Repository::<A>::new(store);
            match aggregates.execute_with(id, options, |state| state.handle(&self.command)).await {
                Ok(_) => Ok(None),
                Err(error) => {
                    let said = refusal(error)?;
                    Ok(Some(Refusal { text: said.to_string(), value: Box::new(said) }))
                }
            }
        }
        .boxed()
    }

    fn names(&self) -> (&'static str, &'static str) {
        let command = type_name::<C>();
        (A::NAME, command.rsplit("::").next().unwrap_or(command))
    }
}
