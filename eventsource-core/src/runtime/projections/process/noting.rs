//! What others do, noted by the processes that it concerns.

use std::marker::PhantomData;

use futures::FutureExt;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::parking::key_text;
use crate::contract::transaction::Advance;
use crate::runtime::projections::consumer::Consumer;
use crate::runtime::projections::holder::Holder;
use crate::runtime::projections::parking::{OnError, Sieve};
use crate::runtime::projections::sink::note_start;
use crate::runtime::repository::Repository;
use crate::words::error::StoreError;
use crate::words::event::Recorded;

use super::acting::{Acting, Facts, Fenced, is_of_one, key_of, refusal};
use super::manager::{ProcessManager, inputs_key};
use super::reacting::in_turns;

/// The ear of a process manager.
pub(in crate::runtime::projections) struct Noting<M> {
    acting: Acting,
    manager: PhantomData<fn() -> M>,
}

impl<M: ProcessManager> Noting<M> {
    pub(in crate::runtime::projections) fn new() -> Self {
        Self { acting: Acting::new(format!("{}-inputs", M::NAME)), manager: PhantomData }
    }

    async fn note(fenced: &Fenced, id: &str, input: &Recorded<M::Input>) -> Result<(), StoreError> {
        let processes = Repository::<M>::new(fenced.store.clone()).without_cache();
        let options = fenced.options(key_of::<M, _>(input), input);
        match processes.execute_with(id, options, |state| Facts::<M>(state.note(input).into_iter().collect())).await {
            Ok(_) => Ok(()),
            Err(error) => match refusal(error)? {},
        }
    }
}

impl<M: ProcessManager> Consumer for Noting<M> {
    type Event = M::Input;
    /// With the process that each concerns.
    type Batch = Vec<(String, Recorded<M::Input>)>;

    fn key(&self) -> CheckpointKey {
        inputs_key::<M>()
    }

    async fn prepare(&self, holder: &Holder) -> Result<(), StoreError> {
        note_start(holder, &self.key(), M::START).await
    }

    async fn begin(&self, holder: &mut Holder, _: Checkpoint) -> Result<(), StoreError> {
        self.acting.begin(holder).await
    }

    fn gather(&self, events: Vec<Recorded<M::Input>>, sieve: &mut Sieve<'_>) -> Self::Batch {
        let concerned = events.into_iter().filter_map(|event| M::instance(&event).map(|id| (id, event)));
        let taken = concerned
            .filter(|(id, event)| sieve.takes((event.position, event.id), || key_text(&format!("{}-{id}", M::NAME))));
        taken.collect()
    }

    async fn consume(&self, holder: &mut Holder, batch: Self::Batch, advance: &Advance) -> Result<(), StoreError> {
        let Advance { key, to, unparked, .. } = advance;
        if !batch.is_empty() {
            let note = |fenced: Fenced| {
                let batch = &batch;
                async move {
                    in_turns(batch.iter().map(|(id, input)| (id.as_str(), (id, input))), |(id, input)| {
                        let fenced = &fenced;
                        async move { Self::note(fenced, id, input).await }.boxed()
                    })
                    .await?;
                    Ok(())
                }
                .boxed()
            };
            self.acting.act(holder, note).await?;
        }
        match &unparked[..] {
            [] => holder.steadily(|| holder.store.save_checkpoint(key, *to)).await,
            unparked => holder.steadily(|| holder.store.unpark(key, to.owner_epoch, unparked)).await,
        }
    }

    fn is_of_events(&self, error: &StoreError) -> bool {
        is_of_one(error)
    }

    fn on_error(&self) -> OnError {
        OnError::Park
    }
}
