//! Events that projections have parked.

use std::collections::{BTreeMap, HashMap};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::parking::{Ask, ParkedEvent, ParkingStore, ReadParked, not_parked, not_the_owner};
use crate::words::error::StoreError;
use crate::words::parked_at::ParkedAt;
use crate::words::stream::Position;

use super::MemoryStore;
use super::log::Log;

#[derive(Default)]
pub(super) struct Parking {
    of: HashMap<CheckpointKey, BTreeMap<ParkedAt, ParkedEvent>>,
}

impl Parking {
    fn park(&mut self, key: &CheckpointKey, events: &[ParkedEvent], handled: Position) {
        let of = self.of.entry(key.clone()).or_default();
        for event in events {
            match of.get_mut(&event.at) {
                Some(parked) => {
                    parked.error.clone_from(&event.error);
                    parked.asked = parked.asked.filter(|ask| *ask != Ask::Retry);
                }
                None if event.at.position > handled => drop(of.insert(event.at.clone(), event.clone())),
                None => {}
            }
        }
    }

    pub(super) fn remove(&mut self, key: &CheckpointKey, events: &[ParkedAt]) {
        if let Some(of) = self.of.get_mut(key) {
            events.iter().for_each(|at| drop(of.remove(at)));
        }
    }

    /// Fails unless every one is there.
    pub(super) fn check(&self, key: &CheckpointKey, events: &[ParkedAt]) -> Result<(), StoreError> {
        let is_there = |at: &ParkedAt| self.of.get(key).is_some_and(|of| of.contains_key(at));
        if events.iter().all(is_there) { Ok(()) } else { Err(not_parked(key)) }
    }

    fn list(&self, key: &CheckpointKey, read: &ReadParked) -> Vec<ParkedEvent> {
        let all = self.of.get(key).into_iter().flat_map(BTreeMap::values);
        all.filter(|parked| read.takes(parked)).take(read.limit).cloned().collect()
    }

    fn ask(&mut self, key: &CheckpointKey, of: &str, position: Option<Position>, ask: Ask) -> u64 {
        let all = self.of.get_mut(key).into_iter().flat_map(BTreeMap::values_mut);
        let wanted = |at: &ParkedAt| at.key == of && position.is_none_or(|position| position == at.position);
        all.filter(|parked| wanted(&parked.at)).map(|parked| parked.asked = Some(ask)).count() as u64
    }

    pub(super) fn forget(&mut self, key: &CheckpointKey) {
        self.of.remove(key);
    }
}

fn owned(log: &Log, key: &CheckpointKey, owner_epoch: u64) -> Result<Checkpoint, StoreError> {
    match log.checkpoints.load(key) {
        Some(kept) if kept.owner_epoch == owner_epoch => Ok(kept),
        kept => Err(not_the_owner(key, owner_epoch, kept.as_ref())),
    }
}

impl ParkingStore for MemoryStore {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let log = &mut *self.open_log_mut()?;
            let handled = owned(log, key, owner_epoch)?.cursor.position;
            log.parking.park(key, events, handled);
            Ok(())
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
            let log = &mut *self.open_log_mut()?;
            owned(log, key, owner_epoch)?;
            log.parking.remove(key, events);
            Ok(())
        }
        .boxed()
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        async move { Ok(self.open_log()?.parking.list(key, read)) }.boxed()
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move { Ok(self.open_log_mut()?.parking.ask(key, of, position, ask)) }.boxed()
    }
}
