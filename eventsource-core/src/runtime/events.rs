//! Typed events of a store in order, page after page.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::contract::read::{Cursor, Read};
use crate::contract::store::EventStore;
use crate::contract::task::Task;
use crate::folding::event_set::{EventSet, decode_recorded, stored_names};
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, Recorded};
use crate::words::stream::Position;

/// The events of a set, in order of position, up to the newest at the time of the last page.
///
/// While a page is handled the next one is read and decoded in a task, so it needs a running tokio runtime; it holds
/// two pages in memory. The first has as many events as the read's limit (1,000 unless it says otherwise); while pages are full
/// the next one has twice as many, up to eight times the limit, or as many as have 4 MiB of payloads. Names that the set does not know are not read at all; a stored
/// event that it knows and cannot decode is an error, never passed over: the events before it come first, then the
/// error that names it, again and again. [`Subscribe`](crate::Subscribe) is for those who want to wait for what comes later.
///
/// ```
/// # use eventsource::{DomainEvent, Events, Read, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: u64 }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), eventsource::StoreError> {
/// # let store = MemoryStore::new();
/// let mut deposits = Events::<Deposited>::new(store, Read::category("account"));
/// let mut sum = 0;
/// while let Some(deposit) = deposits.next().await? {
///     sum += deposit.event.cents;
/// }
/// # assert_eq!(sum, 0);
/// # Ok(())
/// # }
/// ```
pub struct Events<E> {
    store: Arc<dyn EventStore>,
    read: Read,
    /// Events of the largest page.
    largest: usize,
    page: VecDeque<Recorded<E>>,
    /// The page behind this one, on its way.
    ahead: Option<Ahead<E>>,
    /// Behind the last event that was handed out as a whole.
    cursor: Cursor,
    /// Where the page ends.
    next: Cursor,
    end: Option<End>,
}

/// What comes behind the last event of a page, if not another page.
enum End {
    /// All that was settled up to this position has been read.
    Reached(Position),
    /// An event that cannot be decoded.
    Fault(StoreError),
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("read", &self.read).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl<E: EventSet> Events<E> {
    /// The events of `read`, of whose names only those of the set are read. Its limit is the size of the first page.
    pub fn new(store: impl EventStore, mut read: Read) -> Self {
        let known = stored_names::<E>();
        if read.names.is_empty() {
            read.names = known.into_iter().map(Into::into).collect();
        } else {
            read.names.retain(|name| known.contains(&&**name));
        }
        read.limit = read.limit.max(1);
        let (cursor, next) = (Cursor::START, Cursor::START);
        let largest = read.clone().limit(read.limit.saturating_mul(GROWTH)).limit;
        Self { store: Arc::new(store), read, largest, page: VecDeque::new(), ahead: None, cursor, next, end: None }
    }

    /// The next event, or `None` at the end. Call again later: there may be more by then.
    ///
    /// It may be dropped while it waits; no event is lost by that.
    pub async fn next(&mut self) -> Result<Option<Recorded<E>>, StoreError> {
        Ok(self.next_or_end().await?.ok())
    }

    /// Behind the last event that was handed out, all parts of it; after the end, behind all that was read.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The next event, or the position up to which everything has been read.
    pub(super) async fn next_or_end(&mut self) -> Result<Result<Recorded<E>, Position>, StoreError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                if event.part == event.parts {
                    self.cursor = Cursor::new(event.position, event.id);
                }
                return Ok(Ok(event));
            }
            self.cursor = self.next;
            match self.end.take() {
                Some(End::Reached(position)) => return Ok(Err(position)),
                Some(End::Fault(error)) => return Err(error),
                // No name left to ask for is no event, and not every event.
                None if self.read.names.is_empty() => return Ok(Err(self.cursor.position)),
                None => self.turn_page().await?,
            }
        }
    }

    /// Whether there is a page behind this one.
    pub(super) fn has_more(&self) -> bool {
        self.ahead.is_some()
    }

    /// What is read, with the names that are read.
    pub(super) fn read(&self) -> &Read {
        &self.read
    }

    pub(super) fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Goes on behind an event.
    pub(super) fn go_on_at(&mut self, cursor: Cursor) {
        self.page.clear();
        (self.ahead, self.end) = (None, None);
        (self.cursor, self.next) = (cursor, cursor);
        self.read.after = self.read.after.max(cursor.position);
    }

    /// Takes the page that is on its way, and sends for the one behind it.
    async fn turn_page(&mut self) -> Result<(), StoreError> {
        let ahead = self.ahead.get_or_insert_with(|| start(self.store.clone(), self.read.clone()));
        let arrived = ahead.await;
        self.ahead = None;
        // A page that failed is read again as a whole.
        let Arrived { events, bytes, next, end } = match arrived {
            Ok(arrived) => arrived?,
            // A step of the caller's own code panicked.
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(StoreError::failed("the runtime was shut down while a page was being read")),
            },
        };
        if let Some(next) = next {
            // Never back behind what was asked for, not even on a store that has not come so far yet.
            self.read.after = self.read.after.max(next.position);
            self.next = next;
        }
        (self.page, self.end) = (events, end);
        if self.end.is_none() {
            self.read.limit = next_limit(self.read.limit, bytes, self.largest);
            self.ahead = Some(start(self.store.clone(), self.read.clone()));
        }
        Ok(())
    }
}

/// A page costs a round trip during which nothing arrives, so large ones are faster; the first one shall be there soon.
const GROWTH: usize = 8;
/// Bytes of payloads in a page, as far as the page before it tells.
const PAGE_BYTES: usize = 4 << 20;

/// Behind a full page of `limit` events with so many bytes of payloads.
fn next_limit(limit: usize, bytes: usize, largest: usize) -> usize {
    let fits = PAGE_BYTES / (bytes / limit).max(1);
    limit.saturating_mul(2).min(largest).min(fits).max(1)
}

/// A page that a task reads and decodes.
type Ahead<E> = Task<Result<Arrived<E>, StoreError>>;

struct Arrived<E> {
    events: VecDeque<Recorded<E>>,
    /// Of their payloads.
    bytes: usize,
    /// Where the next page begins, unless it begins where this one did.
    next: Option<Cursor>,
    end: Option<End>,
}

fn start<E: EventSet>(store: Arc<dyn EventStore>, read: Read) -> Ahead<E> {
    Task::start(async move {
        let (mut events, mut bytes, mut next) = (VecDeque::new(), 0, None);
        let visit = &mut |raw: &RawEvent<'_>| {
            decode_recorded(raw, |event| events.push_back(event))?;
            bytes += raw.data.len();
            next = Some(Cursor::new(raw.position, raw.id));
            Ok(())
        };
        let end = match store.read(&read, visit).await {
            Ok(page) => {
                next = Some(page.next);
                page.at_end.then(|| End::Reached(page.watermark.max(page.next.position)))
            }
            // What comes before it is handed out all the same.
            Err(error) if error.is_decode() => Some(End::Fault(error)),
            Err(error) => return Err(error),
        };
        Ok(Arrived { events, bytes, next, end })
    })
}
