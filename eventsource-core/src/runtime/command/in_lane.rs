//! A command that goes together with others.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::folding::aggregate::Aggregate;
use crate::runtime::command_meter::Count;
use crate::runtime::execute::Executed;
use crate::runtime::lanes::{Answer, Basis, Batch, Known, Lane, Leading, Place, Stands, Turn};
use crate::words::error::StoreError;
use crate::words::stream::{Conflict, Version};

use super::{Attempt, Command, Stop};

/// A decision that waits to be stored.
pub(in crate::runtime) struct Joined<A: Aggregate> {
    facts: Vec<A::Event>,
    /// The state with it.
    after: Arc<Known<A>>,
    answered: oneshot::Receiver<Answer>,
    /// To be sent by the caller, since nobody else sends.
    batch: Option<Batch<A>>,
}

impl<A: Aggregate> Command<'_, A> {
    /// Waits until the state is known; answers the first result if the command is seen to be done before.
    pub(in crate::runtime) async fn ready(&mut self, lane: &Lane<A>) -> Result<Option<Executed<A>>, StoreError> {
        loop {
            match lane.ready(&*self.repository.store, self.options.command_key.as_deref()).await {
                Ok(None) => return Ok(None),
                Ok(Some(command)) => return self.first_result(command).await.map(Some),
                Err(error) => self.bear(error).await?,
            }
        }
    }

    /// Puts what was decided in its turn behind the others.
    pub(in crate::runtime) fn join(&self, turn: Turn<'_, A>, events: Vec<A::Event>) -> Result<Joined<A>, StoreError> {
        let newest = turn.newest();
        let (facts, stored) = self.settle(newest.version, events)?;
        let mut state = newest.state.clone();
        facts.iter().for_each(|fact| state.apply(fact));
        let version = Version(newest.version.0 + facts.len() as u64);
        let occurred = self.options.occurred_at.map_or(newest.max_occurred_at, |time| time.max(newest.max_occurred_at));
        let after = Arc::new(Known::new(state, version, occurred));
        let (answered, batch) = turn.join(stored, self.options.command_key.clone(), self.alone, after.clone())?;
        Ok(Joined { facts, after, answered, batch })
    }

    /// Waits for its answer, and sends it if nobody else sends.
    pub(in crate::runtime) async fn follow(
        &mut self,
        lane: &Arc<Lane<A>>,
        joined: Joined<A>,
    ) -> Result<Attempt<A>, Stop> {
        let Joined { facts, after, answered, batch } = joined;
        if let Some(batch) = batch {
            let leading: Leading = lane.clone().lead(batch, self.repository.store.clone(), self.repository.retry);
            leading.await;
        }
        match answered.await {
            Ok(Answer::Stored(place)) => {
                let executed = self.stored_together(facts, &place, after);
                if let Some(lanes) = self.repository.lanes() {
                    lanes.weigh(lane, &executed.state);
                }
                Ok(Attempt::Done(executed))
            }
            Ok(Answer::StoredBefore(appended)) => Ok(Attempt::Done(self.keyed_result(&appended).await?)),
            Ok(Answer::Failed(error)) => Err(error.into()),
            Ok(Answer::Undone { conflict, alone }) => {
                self.alone |= alone;
                self.decide_again(conflict).await?;
                Ok(Attempt::Again)
            }
            // The sender has gone with its runtime.
            Err(_) => {
                self.decide_again(None).await?;
                Ok(Attempt::Again)
            }
        }
    }

    fn stored_together(&mut self, facts: Vec<A::Event>, place: &Place, after: Arc<Known<A>>) -> Executed<A> {
        let before = Version(after.version.0 - facts.len() as u64);
        let mut recorded = Vec::with_capacity(facts.len());
        for (((version, event), new), position) in (before.0 + 1..).zip(facts).zip(place.events()).zip(&place.positions)
        {
            recorded.push(self.recorded(event, new, (Version(version), *position), place.recorded_at));
        }
        self.folded = Known::into_folded(after);
        // Recorded times never go back, so no event before has a later one.
        self.folded.max_occurred_at = self.folded.max_occurred_at.max(place.recorded_at);
        self.offer_snapshot(before);
        self.executed(recorded, false)
    }

    /// What was decided was to do nothing.
    pub(in crate::runtime) fn nothing(&mut self, basis: &Basis<A>) -> Executed<A> {
        self.folded = basis.known.folded();
        self.executed(Vec::new(), false)
    }

    /// Whether what it says without storing anything may leave.
    pub(in crate::runtime) async fn stands(&mut self, lane: &Lane<A>, basis: &Basis<A>) -> Result<Stands, StoreError> {
        loop {
            match lane.stands(&*self.repository.store, basis, self.options.command_key.as_deref()).await {
                Err(error) => self.bear(error).await?,
                stands => return stands,
            }
        }
    }

    /// Counts the attempt. After the first one there is no pause: whoever wrote meanwhile has written.
    pub(in crate::runtime) async fn decide_again(&mut self, conflict: Option<Conflict>) -> Result<(), Stop> {
        if conflict.is_some() {
            self.count(Count::Conflict);
        }
        let reason: &(dyn std::fmt::Display + Sync) = match &conflict {
            Some(conflict) => conflict,
            None => &"what it was decided on has changed",
        };
        if self.pauses.pause_unless_first(reason).await {
            return Ok(());
        }
        Err(match conflict {
            Some(conflict) => Stop::Conflict(conflict),
            None => StoreError::transient("what the command was decided on had changed in every attempt").into(),
        })
    }
}
