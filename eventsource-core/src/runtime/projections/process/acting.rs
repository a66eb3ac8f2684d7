//! What a process manager does, attempt after attempt, each behind a fence.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;

use crate::contract::append::{AppendOutcome, AppendRequest, Condition};
use crate::contract::store::EventStore;
use crate::folding::aggregate::Aggregate;
use crate::folding::decision::IntoEvents;
use crate::runtime::execute::ExecuteError;
use crate::runtime::options::ExecuteOptions;
use crate::runtime::projections::holder::Holder;
use crate::runtime::retry::Patience;
use crate::words::error::StoreError;
use crate::words::event::{NewEvent, Recorded};
use crate::words::metadata::Metadata;
use crate::words::stream::{ExpectedVersion, StreamId};

use super::fence;

/// Instances that are served at a time.
pub(super) const AT_ONCE: usize = 8;

/// Who acts, and behind which fence, as long as it is known what became of all that was done behind it.
pub(super) struct Acting {
    process: String,
    fence: Mutex<Option<Condition>>,
}

/// The store, and what all that is appended to it depends on.
#[derive(Clone)]
pub(super) struct Fenced {
    pub(super) store: Arc<dyn EventStore>,
    fence: Condition,
}

impl Acting {
    pub(super) fn new(process: impl Into<String>) -> Self {
        Self { process: process.into(), fence: Mutex::new(None) }
    }

    /// As a new owner: whoever was it before appends nothing from here on.
    pub(super) async fn begin(&self, holder: &mut Holder) -> Result<(), StoreError> {
        *self.lock() = None;
        self.act(holder, |_| Box::pin(std::future::ready(Ok(())))).await
    }

    /// Does what may be repeated, again while the store is out of reach. The hold is renewed meanwhile.
    pub(super) async fn act<'w, T>(
        &self,
        holder: &mut Holder,
        work: impl Fn(Fenced) -> BoxFuture<'w, Result<T, StoreError>> + Send + Sync,
    ) -> Result<T, StoreError> {
        let mut patience = Patience::new();
        loop {
            patience.pause().await;
            match self.attempt(holder, &work).await {
                Err(error) if holder.try_again(&mut patience, &error) => {}
                done => return done,
            }
        }
    }

    async fn attempt<'w, T>(
        &self,
        holder: &mut Holder,
        work: &(impl Fn(Fenced) -> BoxFuture<'w, Result<T, StoreError>> + Send + Sync),
    ) -> Result<T, StoreError> {
        // It is put back when all has been answered: of an attempt that failed, or was given up, something may be under way.
        let kept = self.lock().take();
        let fence = match kept {
            Some(fence) => fence,
            None => fence::take(holder, &self.process).await?,
        };
        let store: Arc<dyn EventStore> = holder.store.clone();
        let done = holder.hold_while(work(Fenced { store, fence: fence.clone() })).await?;
        *self.lock() = Some(fence);
        Ok(done)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Condition>> {
        self.fence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fenced {
    /// Of what is done once under this key, because of an event.
    pub(super) fn options<E>(&self, key: String, cause: &Recorded<E>) -> ExecuteOptions {
        self.options_of(key, ExecuteOptions::new().caused_by(cause).metadata)
    }

    pub(super) fn options_of(&self, key: String, metadata: Metadata) -> ExecuteOptions {
        ExecuteOptions::new().metadata(metadata).command_key(key).on_condition(self.fence.clone())
    }

    /// Appends what is decided already, once under this key.
    pub(super) async fn record(
        &self,
        stream: &StreamId,
        event: NewEvent,
        ExecuteOptions { command_key, metadata, .. }: ExecuteOptions,
    ) -> Result<(), StoreError> {
        let Condition { stream: fence, version } = self.fence.clone();
        let mut request = AppendRequest::new(stream.clone(), ExpectedVersion::Any, vec![event.with_metadata(metadata)])
            .on_condition(fence, version);
        request.command_key = command_key;
        match self.store.append(Arc::new(request)).await? {
            AppendOutcome::Stored(_) | AppendOutcome::AlreadyStored(_) => Ok(()),
            AppendOutcome::Conflict(conflict) => Err(Condition::moved(&conflict)),
        }
    }
}

/// The key of what a process manager does because of an event, once.
pub(super) fn key_of<M: Aggregate, E>(event: &Recorded<E>) -> String {
    format!("{}:{}:{}", M::NAME, event.id, event.part)
}

/// What was decided already, as a decision.
pub(crate) struct Facts<M: Aggregate>(pub(crate) Vec<M::Event>);

impl<M: Aggregate> IntoEvents<M> for Facts<M> {
    type Refusal = std::convert::Infallible;

    fn into_events(self, events: &mut Vec<M::Event>) -> Result<(), Self::Refusal> {
        events.extend(self.0);
        Ok(())
    }
}

/// A refusal, or what is none. Whoever lost every race for a stream tries again.
pub(super) fn refusal<R>(error: ExecuteError<R>) -> Result<R, StoreError> {
    match error {
        ExecuteError::Refused(refusal) => Ok(refusal),
        ExecuteError::Conflict(conflict) => Err(StoreError::transient(conflict.to_string())),
        ExecuteError::Store(error) => Err(error),
    }
}

/// Whether it is the event's or the instance's that something cannot be done, and not the store's: others go on.
pub(super) fn is_of_one(error: &StoreError) -> bool {
    error.is_invalid() || error.is_encode() || error.is_too_large()
}
