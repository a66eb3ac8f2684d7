//! What goes wrong with events that are taken over from another store.

use chrono::TimeDelta;
use eventsource::{Import, Positions, RawEvent, StoreError, now};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::broken::Broken;
use super::defect::Defect::*;

impl Broken {
    async fn import_broken(&self, events: &[RawEvent<'_>], positions: Positions) -> Result<u64, StoreError> {
        self.open()?;
        let (events, positions) = match self.defect {
            ImportsAtItsOwnTime => (changed(events, |event| event.recorded_at = now()), positions),
            ImportForgetsKeys => (changed(events, |event| event.command_key = None), positions),
            AppendsBesideImports => (changed(events, |event| event.recorded_at -= TimeDelta::hours(2)), positions),
            ImportsWithNewPositions => (events.to_vec(), Positions::New),
            ImportsWithOldPositions => (events.to_vec(), Positions::Kept),
            _ => (events.to_vec(), positions),
        };
        match self.defect {
            CountsAllAsMissing => {
                self.inner.import(&events, positions).await?;
                Ok(events.len() as u64)
            }
            ImportsOneByOne => {
                let mut stored = 0;
                for event in events.chunks(1) {
                    stored += self.inner.import(event, positions).await?;
                }
                Ok(stored)
            }
            PassesOverOtherEvents | PassesOverGaps => match self.inner.import(&events, positions).await {
                Err(error)
                    if error.to_string().contains("is another one") == (self.defect == PassesOverOtherEvents) =>
                {
                    Ok(0)
                }
                imported => imported,
            },
            _ => self.inner.import(&events, positions).await,
        }
    }

    async fn count_missing_broken(&self, events: &[RawEvent<'_>]) -> Result<u64, StoreError> {
        self.open()?;
        match self.defect {
            CountsAllAsMissing => Ok(events.len() as u64),
            ImportsWhatItCounts => self.inner.import(events, Positions::New).await,
            CountingMindsGaps if events.first().is_some_and(|event| event.version.0 > 1) => {
                Err(StoreError::failed("the version before it is missing"))
            }
            _ => self.inner.count_missing(events).await,
        }
    }
}

fn changed<'e>(events: &[RawEvent<'e>], change: impl Fn(&mut RawEvent<'e>)) -> Vec<RawEvent<'e>> {
    let mut events = events.to_vec();
    events.iter_mut().for_each(change);
    events
}

impl Import for Broken {
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.count_missing_broken(events).boxed()
    }

    fn import<'a>(
        &'a self,
        events: &'a [RawEvent<'a>],
        positions: Positions,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.import_broken(events, positions).boxed()
    }
}
