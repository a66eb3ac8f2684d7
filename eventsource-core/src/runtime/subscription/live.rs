//! The live half of a subscription: events out of the feed, filtered and decoded here.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::contract::feed::{FeedPage, Follower};
use crate::contract::read::{Cursor, Read};
use crate::contract::store::EventStore;
use crate::folding::event_set::{EventSet, decode_recorded};
use crate::words::error::StoreError;
use crate::words::event::Recorded;

/// A place in the feed.
pub(super) struct Live<E> {
    follower: Follower,
    page: Option<Arc<FeedPage>>,
    /// How many events of the page were looked at.
    place: usize,
    /// What is left of the last one.
    parts: VecDeque<Recorded<E>>,
    cursor: Cursor,
}

/// What comes next.
pub(super) enum Next<E> {
    Event(Recorded<E>),
    /// Nothing more can come.
    End,
    /// The feed has moved on; what is behind the cursor must be read from the store.
    Lost(Cursor),
}

impl<E: EventSet> Live<E> {
    pub(super) fn new(store: Arc<dyn EventStore>, cursor: Cursor) -> Self {
        Self { follower: Follower::new(store), page: None, place: 0, parts: VecDeque::new(), cursor }
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.cursor
    }

    pub(super) async fn next(&mut self, read: &Read) -> Result<Next<E>, StoreError> {
        loop {
            if let Some(event) = self.at_hand(read)? {
                return Ok(Next::Event(event));
            }
            if let Some(page) = &self.page {
                if read.until.is_some_and(|until| until <= page.settled) {
                    return Ok(Next::End);
                }
                self.cursor = page.next;
            }
            match self.follower.behind(self.cursor).await? {
                Some(page) => (self.page, self.place) = (Some(page), 0),
                None => return Ok(Next::Lost(self.cursor)),
            }
        }
    }

    /// The next event of the page. One that cannot be decoded stays the next one.
    fn at_hand(&mut self, read: &Read) -> Result<Option<Recorded<E>>, StoreError> {
        loop {
            if let Some(event) = self.parts.pop_front() {
                if event.part == event.parts {
                    self.cursor = Cursor::new(event.position, event.id);
                }
                return Ok(Some(event));
            }
            let Some(event) = self.page.as_ref().and_then(|page| page.events.get(self.place)) else { return Ok(None) };
            // A page of the feed may begin before the place where this subscriber came to it.
            if event.position > self.cursor.position {
                let raw = event.raw();
                if read.takes(&raw) {
                    let parts = &mut self.parts;
                    decode_recorded(&raw, |event| parts.push_back(event))?;
                }
                if self.parts.is_empty() {
                    self.cursor = event.cursor();
                }
            }
            self.place += 1;
        }
    }
}
