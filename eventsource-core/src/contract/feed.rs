//! The one live reader of a store, which all subscribers of a process share.
//!
//! Subscribers that have come to the end of the store follow the feed: a ring of the newest pages, read once and
//! without filters. There is no task of its own: whoever asks for what is behind the ring's end starts the reading of
//! the next page, those who ask meanwhile wait for the same, and when the last of them goes away it is given up. It
//! runs in a task, and not in the future of one of them: who is not polled must not hold up others, and who asks
//! for a short time only, again and again, must come to an answer.
//!
//! Pages lie behind one another without a gap, and positions are totally ordered. So whoever has read up to a position
//! in the ring by himself goes on in the ring behind that position: nothing is missing, nothing comes twice.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::words::error::StoreError;
use crate::words::stream::Position;

use super::checkpoint::Checkpoint;
use super::owned::{Kept, OwnedEvent};
use super::read::{Cursor, Read};
use super::store::EventStore;
use super::task::Task;

/// So many events are kept for subscribers that are slower than others.
const MOST_EVENTS: usize = 4_096;
/// Payloads and metadata of them: 8 MiB, and a page more.
const MOST_BYTES: usize = 1 << 23;
/// A page is this part of what is kept.
const PAGES: usize = 4;

/// While no event comes, how often to look whether the store is still the same one.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Before reading again what was said to be there and could not be read.
const PAUSE: Duration = Duration::from_millis(5);

/// The live reader that all subscribers of a process share. A store keeps one and knows nothing of it.
///
/// It keeps the newest events as long as there is a subscriber near the end: 4,096 of them, or 8 MiB and a page more.
pub struct Feed {
    most: Bounds,
    ring: Mutex<Ring>,
}

#[derive(Clone, Copy)]
struct Bounds {
    events: usize,
    bytes: usize,
}

impl Feed {
    /// A feed with the usual bounds.
    pub fn new() -> Self {
        Self::bounded(MOST_EVENTS, MOST_BYTES)
    }

    /// A feed that keeps at most so many events and bytes, and a page more, which is a quarter of that.
    pub fn bounded(events: usize, bytes: usize) -> Self {
        Self { most: Bounds { events, bytes }, ring: Mutex::default() }
    }

    /// Nothing that can panic runs under the lock.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ring = self.ring();
        f.debug_struct("Feed").field("end", &ring.end).field("events", &ring.events).finish_non_exhaustive()
    }
}

/// All events of the store behind one position and up to another.
pub(crate) struct FeedPage {
    after: Position,
    pub(crate) events: Vec<OwnedEvent>,
    /// Where the next page begins.
    pub(crate) next: Cursor,
    /// No event can appear any more between the page and this position.
    pub(crate) settled: Position,
    bytes: usize,
}

/// The newest pages, in order, each beginning where the one before it ends.
#[derive(Default)]
struct Ring {
    pages: VecDeque<Arc<FeedPage>>,
    /// The end of the last page. Nothing is said of it while nobody follows.
    end: Option<Cursor>,
    events: usize,
    bytes: usize,
    followers: usize,
    /// The next page, on its way for as long as somebody waits for it.
    reading: Option<WeakShared<Reading>>,
}

/// Ends when the next page is in the ring.
type Reading = BoxFuture<'static, Result<(), StoreError>>;

/// Where a subscriber finds what is behind its position.
enum Place {
    /// In this page.
    Page(Arc<FeedPage>),
    /// Behind the ring's end, when that has been read.
    End(Shared<Reading>),
    /// Not in the ring any more.
    Lost,
}

impl Ring {
    fn begin_at(&mut self, cursor: Option<Cursor>) {
        *self = Self { end: cursor, followers: self.followers, ..Self::default() };
    }

    fn place(&mut self, store: &Arc<dyn EventStore>, cursor: Cursor, most: Bounds) -> Place {
        let end = match self.end {
            // Another event at the same place: one of the two stores is gone. Whose it was is found out by reading.
            Some(end) if end.position == cursor.position && end != cursor => {
                self.begin_at(Some(cursor));
                cursor
            }
            // Somebody who is near waits for the ring, and for somebody who is far ahead of it the ring begins anew:
            // what nobody may want is not read.
            Some(end) if cursor.position.0.saturating_sub(end.position.0) <= most.events as u64 => end,
            _ => {
                self.begin_at(Some(cursor));
                cursor
            }
        };
        let begin = self.pages.front().map_or(end.position, |page| page.after);
        if cursor.position < begin {
            return Place::Lost;
        }
        if cursor.position < end.position {
            let place = self.pages.partition_point(|page| page.next.position <= cursor.position);
            return Place::Page(self.pages[place].clone());
        }
        // One that has ended has failed, or belongs to somebody who has not looked yet.
        let under_way = self.reading.as_ref().and_then(WeakShared::upgrade).filter(|reading| reading.peek().is_none());
        Place::End(under_way.unwrap_or_else(|| {
            let reading = read_in_task(store.clone(), end, most).boxed().shared();
            self.reading = reading.downgrade();
            reading
        }))
    }

    /// Begins anew, unless it has already.
    fn forget(&mut self, end: Cursor) {
        if self.end == Some(end) {
            self.begin_at(None);
        }
    }

    fn push(&mut self, page: FeedPage, most: Bounds) {
        // It may have begun anew elsewhere while the page was read.
        if self.followers == 0 || self.end.is_none_or(|end| end.position != page.after) {
            return;
        }
        self.end = Some(page.next);
        self.reading = None;
        self.events += page.events.len();
        self.bytes += page.bytes;
        self.pages.push_back(Arc::new(page));
        while self.pages.len() > 1 && (self.events > most.events || self.bytes > most.bytes) {
            if let Some(oldest) = self.pages.pop_front() {
                self.events -= oldest.events.len();
                self.bytes -= oldest.bytes;
            }
        }
    }
}

/// A subscriber that takes its events from the feed.
pub(crate) struct Follower {
    store: Arc<dyn EventStore>,
    /// Kept when the wait for it is dropped, so that the next one does not begin from the start.
    reading: Option<Shared<Reading>>,
}

impl Follower {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        store.feed().ring().followers += 1;
        Self { store, reading: None }
    }

    /// The page that goes on behind `cursor`, waiting for it if need be, or `None` if the ring has left it behind.
    ///
    /// The cursor is one that the store has said, so that it is neither beyond the newest event nor between two.
    pub(crate) async fn behind(&mut self, cursor: Cursor) -> Result<Option<Arc<FeedPage>>, StoreError> {
        loop {
            let feed = self.store.feed();
            let place = feed.ring().place(&self.store, cursor, feed.most);
            match place {
                Place::Page(page) => {
                    self.reading = None;
                    return Ok(Some(page));
                }
                Place::Lost => {
                    self.reading = None;
                    return Ok(None);
                }
                Place::End(reading) => {
                    let read = self.reading.insert(reading).await;
                    self.reading = None;
                    read?;
                }
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut ring = self.store.feed().ring();
        ring.followers -= 1;
        if ring.followers == 0 {
            ring.begin_at(None);
        }
    }
}

async fn read_in_task(store: Arc<dyn EventStore>, end: Cursor, most: Bounds) -> Result<(), StoreError> {
    match Task::start(read_behind(store, end, most)).await {
        Ok(read) => read,
        Err(ended) if ended.is_panic() => Err(StoreError::failed(format!("the store panicked while read: {ended}"))),
        // There may be subscribers in another one.
        Err(_) => Err(StoreError::transient("the runtime was shut down while a page was being read")),
    }
}

/// Waits for events behind `end`, and adds a page of them to the ring.
async fn read_behind(store: Arc<dyn EventStore>, end: Cursor, most: Bounds) -> Result<(), StoreError> {
    loop {
        let woken = tokio::time::timeout(LOOK_EVERY, store.wait_past(end.position)).await;
        let woken = woken.ok().transpose()?;
        let page = page_behind(&*store, end, most).await;
        if page.as_ref().is_err_and(StoreError::is_rewound) {
            // Who comes next may come from the store as it is now.
            store.feed().ring().forget(end);
        }
        if let Some(page) = page? {
            store.feed().ring().push(page, most);
            return Ok(());
        }
        if woken.is_some() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The events behind `end`, read together with the one at `end`: if that is not there any more, the store is another one.
async fn page_behind(store: &dyn EventStore, end: Cursor, most: Bounds) -> Result<Option<FeedPage>, StoreError> {
    let mut kept = Kept::up_to((most.bytes / PAGES).max(1));
    let mut at_end = None;
    let limit = (most.events / PAGES).max(1);
    let before = Position(end.position.0.saturating_sub(1));
    let read = Read::all().after(before).limit(limit + 1);
    let page = store
        .read(&read, &mut |raw| {
            if raw.position == end.position {
                at_end = Some(raw.id)
            } else {
                kept.take(raw)
            }
            Ok(())
        })
        .await?;
    if end != Cursor::START && at_end != Some(end.event_id) {
        Checkpoint::new(end, store.identity()).verify(store).await?;
    }
    let Kept { events, bytes, left_out, .. } = kept;
    let Some(next) = events.last().map(OwnedEvent::cursor) else { return Ok(None) };
    let settled = if page.at_end && !left_out { page.watermark.max(next.position) } else { next.position };
    Ok(Some(FeedPage { after: end.position, events, next, settled, bytes }))
}
