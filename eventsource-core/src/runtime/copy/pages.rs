//! Reading a store in pages that are bounded in events and in bytes, and kept for a while.

use std::collections::VecDeque;

use crate::contract::owned::{Kept, OwnedEvent};
use crate::contract::read::Read;
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::Position;

/// A page ends with the event that brings its payloads and metadata to this: 16 MiB.
const PAGE_BYTES: usize = 1 << 24;

/// The events of a store behind a position and up to another.
pub(super) struct Pages<'s> {
    store: &'s dyn EventStore,
    /// Everything up to here was read.
    after: Position,
    until: Position,
    /// How many events to ask for; fewer for a while after they were too big for a page.
    limit: usize,
    most: usize,
    waiting: VecDeque<OwnedEvent>,
}

impl<'s> Pages<'s> {
    pub(super) fn new(store: &'s dyn EventStore, (after, until): (Position, Position), most: usize) -> Self {
        Self { store, after, until, limit: most, most, waiting: VecDeque::new() }
    }

    /// The next page, empty at the end.
    pub(super) async fn page(&mut self) -> Result<Vec<OwnedEvent>, StoreError> {
        if self.after >= self.until {
            return Ok(Vec::new());
        }
        let mut kept = Kept::up_to(PAGE_BYTES);
        let read = Read::all().after(self.after).until(self.until).limit(self.limit);
        let visit = &mut |raw: &RawEvent<'_>| {
            kept.take(raw);
            Ok(())
        };
        self.store.read(&read, visit).await?;
        let Kept { events, left_out, .. } = kept;
        self.limit = if left_out { events.len() } else { (self.limit * 2).min(self.most) };
        self.after = events.last().map_or(self.until, |event| event.position);
        Ok(events)
    }

    /// The next event, read with others.
    pub(super) async fn next(&mut self) -> Result<Option<OwnedEvent>, StoreError> {
        if self.waiting.is_empty() {
            self.waiting = self.page().await?.into();
        }
        Ok(self.waiting.pop_front())
    }

    /// Whether the next event begins a page.
    pub(super) fn is_between_pages(&self) -> bool {
        self.waiting.is_empty()
    }
}
