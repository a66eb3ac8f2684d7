//! What a projection leaves out, and what it knows of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::contract::checkpoint::CheckpointKey;
use crate::contract::parking::{Ask, ParkedEvent, ReadParked};
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::parked_at::ParkedAt;
use crate::words::stream::Position;

use super::holder::Holder;

/// Parked events of a projection, at most: whoever has more has another problem than a few bad events.
const MOST_PARKED: usize = 10_000;
/// How many are listed at once.
const PAGE: usize = 1_000;
/// Between two looks whether somebody has asked to retry or to discard; nobody looks while nothing is parked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Why an event is parked that nobody has tried.
const WAITS: &str = "not tried: an earlier event of the same key is parked";

/// What a projection does with an event that it cannot handle, when it was tried again for long enough.
///
/// An error of the store, of an event that cannot be decoded, or of an owner that was taken over is none of an event's: a
/// projection stops there, or goes on later, whatever it does on errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// It stops, and stands before the event until somebody runs it again.
    #[default]
    Stop,
    /// It leaves the event out, for ever, and says so: in the log, in its status and in the metrics.
    Skip,
    /// It keeps the event, and every later one of the same key, for [`ParkedEvents`](crate::ParkedEvents), and goes on with
    /// those of all other keys. The key is that of the row in a view, and the stream in everything else. Beyond
    /// 10,000 parked events it stops.
    Park,
}

/// The parked events of a projection, as its owner knows them: nobody else adds or removes any.
pub(super) struct Parked {
    key: CheckpointKey,
    of: BTreeMap<String, BTreeSet<Position>>,
    look_at: Instant,
}

impl Parked {
    pub(super) async fn load(holder: &Holder, key: CheckpointKey) -> Result<Self, StoreError> {
        let mut parked = Self { key, of: BTreeMap::new(), look_at: Instant::now() };
        let mut read = ReadParked::all(PAGE);
        loop {
            let page = holder.steadily(|| holder.store.parked(&parked.key, &read)).await?;
            read.after = page.last().map(|last| last.at.clone());
            let is_last = page.len() < PAGE;
            page.into_iter().for_each(|event| parked.note(event.at));
            if is_last {
                break;
            }
        }
        parked.tell(holder);
        Ok(parked)
    }

    fn note(&mut self, at: ParkedAt) {
        self.of.entry(at.key).or_default().insert(at.position);
    }

    fn count(&self) -> usize {
        self.of.values().map(BTreeSet::len).sum()
    }

    fn tell(&self, holder: &Holder) {
        holder.status.parked(self.count() as u64);
    }

    /// The first one of a key.
    pub(super) fn first(&self, key: &str) -> Option<Position> {
        self.of.get(key).and_then(|of| of.first().copied())
    }

    /// When it is time to look what was asked; never, while nothing is parked.
    pub(super) fn look_at(&self) -> Option<Instant> {
        (!self.of.is_empty()).then_some(self.look_at)
    }

    /// What was asked for.
    pub(super) async fn asked(&mut self, holder: &Holder) -> Result<Vec<ParkedEvent>, StoreError> {
        self.look_at = Instant::now() + LOOK_EVERY;
        let mut read = ReadParked::all(PAGE);
        read.asked = true;
        holder.steadily(|| holder.store.parked(&self.key, &read)).await
    }

    /// Parks events behind those of their keys which are parked already, untried.
    pub(super) async fn park_waiting(&mut self, holder: &Holder, notes: Notes) -> Result<(), StoreError> {
        let is_new = |at: &ParkedAt| !self.of.get(&at.key).is_some_and(|of| of.contains(&at.position));
        let new: Notes = notes.into_iter().filter(|(at, _)| is_new(at)).collect();
        if new.is_empty() { Ok(()) } else { self.park(holder, new, WAITS).await }
    }

    /// Parks events that were tried.
    pub(super) async fn park(&mut self, holder: &Holder, notes: Notes, error: &str) -> Result<(), StoreError> {
        let events: Vec<_> = notes.into_iter().map(|(at, id)| ParkedEvent::new(at, id, error)).collect();
        let all = self.count() + events.len();
        if all > MOST_PARKED {
            return Err(StoreError::too_large(format!(
                "projection {} has {all} parked events, at most {MOST_PARKED}: retry or discard some of them, and run it \
                 again; the next is parked because: {error}",
                self.key.name
            )));
        }
        holder.steadily(|| holder.store.park(&self.key, holder.owner_epoch(), &events)).await?;
        events.into_iter().for_each(|event| self.note(event.at));
        self.tell(holder);
        Ok(())
    }

    /// One that was retried has failed: that is the answer for those behind it too, in one write, so that nobody who asks
    /// again meanwhile is overheard.
    pub(super) async fn failed(
        &self,
        holder: &Holder,
        retried: &ParkedEvent,
        asked: &[ParkedEvent],
        error: &StoreError,
    ) -> Result<(), StoreError> {
        let (at, id) = (retried.at.clone(), retried.event_id);
        let behind =
            asked.iter().filter(|event| event.asked == Some(Ask::Retry) && event.at.key == at.key && event.at > at);
        let mut answered: Vec<_> = behind.cloned().collect();
        answered.push(ParkedEvent::new(at, id, &error.to_string()));
        holder.steadily(|| holder.store.park(&self.key, holder.owner_epoch(), &answered)).await
    }

    /// They were discarded.
    pub(super) async fn unpark(&mut self, holder: &Holder, at: &[ParkedAt]) -> Result<(), StoreError> {
        if !at.is_empty() {
            holder.steadily(|| holder.store.unpark(&self.key, holder.owner_epoch(), at)).await?;
            at.iter().for_each(|at| self.removed(holder, at));
        }
        Ok(())
    }

    /// It is not parked any more.
    pub(super) fn removed(&mut self, holder: &Holder, at: &ParkedAt) {
        if let Some(of) = self.of.get_mut(&at.key) {
            of.remove(&at.position);
            if of.is_empty() {
                self.of.remove(&at.key);
            }
        }
        self.tell(holder);
    }
}

/// Events to park, with their ids.
pub(super) type Notes = BTreeMap<ParkedAt, Uuid>;

/// What of a batch is to be handled.
pub(super) struct Sieve<'p> {
    parked: &'p Parked,
    takes: Takes<'p>,
    /// What is held back, because something of the same key is parked.
    pub(super) waiting: Notes,
    /// What is not, where that is asked for.
    pub(super) taken: Notes,
}

/// Which keys of events are handled.
#[derive(Clone, Copy)]
pub(super) enum Takes<'p> {
    /// Those of which nothing is parked.
    All,
    /// The same, and they are noted.
    Noted,
    /// A single one.
    Only(&'p str),
}

impl<'p> Sieve<'p> {
    pub(super) fn new(parked: &'p Parked, takes: Takes<'p>) -> Self {
        Self { parked, takes, waiting: Notes::new(), taken: Notes::new() }
    }

    /// Whether an event is handled for one of its keys.
    pub(super) fn takes(&mut self, (position, id): (Position, Uuid), key: impl FnOnce() -> String) -> bool {
        match self.takes {
            // By far the most frequent case costs nothing.
            Takes::All if self.parked.of.is_empty() => return true,
            Takes::Only(only) => return key() == only,
            _ => {}
        }
        let at = ParkedAt::new(key(), position);
        let takes = !self.parked.of.contains_key(&at.key);
        if !takes {
            self.waiting.insert(at, id);
        } else if matches!(self.takes, Takes::Noted) {
            self.taken.insert(at, id);
        }
        takes
    }

    /// The same of an event that concerns its stream alone.
    pub(super) fn takes_stream_of<E>(&mut self, event: &Recorded<E>) -> bool {
        self.takes((event.position, event.id), || event.stream.to_string())
    }
}
