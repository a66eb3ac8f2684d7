//! Typed events of a store in order, page after page.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::contract::read::{Cursor, Page, Read};
use crate::contract::store::EventStore;
use crate::folding::event_set::{EventSet, decode_recorded, stored_names};
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, Recorded};

/// The events of a set, in order of position, up to the newest at the time of the last page.
///
/// While a page is handled the next one is read and decoded in a task, so it needs a running tokio runtime; it holds
/// two pages in memory. Names that the set does not know are not read at all; a stored
/// event that it knows and cannot decode is an error, never passed over.
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
    page: VecDeque<Recorded<E>>,
    /// The page behind this one, on its way.
    ahead: Option<Ahead<E>>,
    cursor: Cursor,
    at_end: bool,
    nothing: bool,
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("read", &self.read).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl<E: EventSet> Events<E> {
    /// The events of `read`, of whose names only those of the set are read. The limit is the size of a page.
    pub fn new(store: impl EventStore, mut read: Read) -> Self {
        let known = stored_names::<E>();
        if read.names.is_empty() {
            read.names = known.into_iter().map(Into::into).collect();
        } else {
            read.names.retain(|name| known.contains(&&**name));
        }
        read.limit = read.limit.max(1);
        // No name left to ask for is no event, and not every event.
        let nothing = read.names.is_empty();
        let store = Arc::new(store);
        Self { store, read, page: VecDeque::new(), ahead: None, cursor: Cursor::START, at_end: false, nothing }
    }

    /// The next event, or `None` at the end. Call again later: there may be more by then.
    pub async fn next(&mut self) -> Result<Option<Recorded<E>>, StoreError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(Some(event));
            }
            if self.nothing || std::mem::take(&mut self.at_end) {
                return Ok(None);
            }
            self.turn_page().await?;
        }
    }

    /// Behind the last page that was read.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Takes the page that is on its way, and sends for the one behind it.
    async fn turn_page(&mut self) -> Result<(), StoreError> {
        let ahead = self.ahead.get_or_insert_with(|| Ahead::start(self.store.clone(), self.read.clone()));
        let arrived = ahead.arrive().await;
        self.ahead = None;
        // A page that failed is read again as a whole.
        let Arrived { events, page } = arrived?;
        // Never back behind what was asked for, not even on a store that has not come so far yet.
        self.read.after = self.read.after.max(page.next.position);
        self.cursor = page.next;
        self.at_end = page.at_end;
        self.page = events;
        if !self.at_end {
            self.ahead = Some(Ahead::start(self.store.clone(), self.read.clone()));
        }
        Ok(())
    }
}

/// A page that a task reads and decodes; dropped, it is given up.
struct Ahead<E>(JoinHandle<Result<Arrived<E>, StoreError>>);

struct Arrived<E> {
    events: VecDeque<Recorded<E>>,
    page: Page,
}

impl<E: EventSet> Ahead<E> {
    fn start(store: Arc<dyn EventStore>, read: Read) -> Self {
        Self(tokio::spawn(async move {
            let mut events = VecDeque::new();
            let visit = &mut |raw: &RawEvent<'_>| Ok(decode_recorded(raw, |event| events.push_back(event))?);
            let page = store.read(&read, visit).await?;
            Ok(Arrived { events, page })
        }))
    }

    async fn arrive(&mut self) -> Result<Arrived<E>, StoreError> {
        match (&mut self.0).await {
            Ok(arrived) => arrived,
            // A step of the caller's own code panicked.
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(StoreError::failed("the runtime was shut down while a page was being read")),
            },
        }
    }
}

impl<E> Drop for Ahead<E> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
