//! What goes wrong with events that are parked.

use eventsource::{
    Ask, CheckpointKey, EventStore, ParkedAt, ParkedEvent, ParkingStore, Position, ReadParked, StoreError,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::broken::Broken;
use super::defect::Defect::*;

impl Broken {
    fn parking_key(&self, key: &CheckpointKey) -> CheckpointKey {
        if self.defect == ParksByNameAlone { CheckpointKey::new(key.name.clone()) } else { key.clone() }
    }

    /// The number of the owner, whoever asks.
    async fn anybody(&self, key: &CheckpointKey, owner_epoch: u64) -> Result<u64, StoreError> {
        match self.defect {
            ParksForAnybody => Ok(self.inner.load_checkpoint(key).await?.map_or(owner_epoch, |kept| kept.owner_epoch)),
            _ => Ok(owner_epoch),
        }
    }

    async fn park_broken(
        &self,
        key: &CheckpointKey,
        owner_epoch: u64,
        events: &[ParkedEvent],
    ) -> Result<(), StoreError> {
        self.open()?;
        let epoch = self.anybody(key, owner_epoch).await?;
        let there = self.inner.parked(key, &ReadParked::all(usize::MAX)).await?;
        let mut events = events.to_vec();
        match self.defect {
            KeepsTheFirstError => events.retain(|event| there.iter().all(|parked| parked.at != event.at)),
            ParksShortErrors => events.iter_mut().for_each(|event| event.error.truncate(10)),
            ParkingForgetsTheDiscard => {
                for event in &events {
                    let at = &event.at;
                    self.inner.ask_parked(key, &at.key, Some(at.position), Ask::Retry).await?;
                }
            }
            ParksLate => {
                // As if the checkpoint still stood where it was.
                if let Some(kept) = self.inner.load_checkpoint(key).await? {
                    let start = kept_at_the_start(kept);
                    self.inner.save_checkpoint(key, start).await?;
                    let parked = self.inner.park(key, epoch, &events).await;
                    self.inner.save_checkpoint(key, kept).await?;
                    return parked;
                }
            }
            _ => {}
        }
        self.inner.park(key, epoch, &events).await?;
        if self.defect == ParkingForgetsNoAsk {
            for (parked, ask) in there.iter().filter_map(|parked| Some((parked, parked.asked?))) {
                self.inner.ask_parked(key, &parked.at.key, Some(parked.at.position), ask).await?;
            }
        }
        Ok(())
    }

    async fn parked_broken(&self, key: &CheckpointKey, read: &ReadParked) -> Result<Vec<ParkedEvent>, StoreError> {
        self.open()?;
        let mut read = read.clone();
        if self.defect == ListsWhatNobodyAsked {
            read.asked = false;
        }
        let mut parked = self.inner.parked(key, &read).await?;
        if self.defect == ParkedInOrderOfPosition {
            parked.sort_by_key(|event| event.at.position);
        }
        Ok(parked)
    }
}

fn kept_at_the_start(mut kept: eventsource::Checkpoint) -> eventsource::Checkpoint {
    kept.cursor = eventsource::Cursor::START;
    kept
}

impl ParkingStore for Broken {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let of = self.parking_key(key);
            if of != *key {
                let epoch = self.inner.load_checkpoint(&of).await?.map_or(owner_epoch, |kept| kept.owner_epoch);
                return self.inner.park(&of, epoch, events).await;
            }
            self.park_broken(key, owner_epoch, events).await
        }
        .boxed()
    }

    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.open()?;
            let epoch = self.anybody(key, owner_epoch).await?;
            self.inner.unpark(key, epoch, events).await
        }
        .boxed()
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        async move { self.parked_broken(&self.parking_key(key), read).await }.boxed()
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            self.open()?;
            let position = if self.defect == AsksForTheWholeKey { None } else { position };
            self.inner.ask_parked(&self.parking_key(key), of, position, ask).await
        }
        .boxed()
    }
}
