//! Typed events of a store in order, page after page.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::contract::read::{Cursor, Read};
use crate::contract::store::EventStore;
use crate::folding::event_set::{EventSet, decode_recorded, stored_names};
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, Recorded};

/// The events of a set, in order of position, up to the newest at the time of the last page.
///
/// It holds one page in memory. Names that the set does not know are not read at all; a stored
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
        Self { store: Arc::new(store), read, page: VecDeque::new(), cursor: Cursor::START, at_end: false, nothing }
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
            self.load_page().await?;
        }
    }

    /// Behind the last page that was read.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    async fn load_page(&mut self) -> Result<(), StoreError> {
        // A page that fails half-way is read again as a whole.
        self.page.clear();
        let page = &mut self.page;
        let visit = &mut |raw: &RawEvent<'_>| Ok(decode_recorded(raw, |event| page.push_back(event))?);
        let read = self.store.read(&self.read, visit).await;
        match read {
            Ok(read) => {
                // Never back behind what was asked for, not even on a store that has not come so far yet.
                self.read.after = self.read.after.max(read.next.position);
                self.cursor = read.next;
                self.at_end = read.at_end;
                Ok(())
            }
            Err(error) => {
                self.page.clear();
                Err(error)
            }
        }
    }
}
