//! Copying every event of one store into another.

mod compare;
mod pages;

use std::fmt;
use std::future::IntoFuture;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::import::{Import, Positions};
use crate::contract::owned::OwnedEvent;
use crate::contract::store::EventStore;
use crate::runtime::newest::newest;
use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::Position;

use pages::Pages;

/// Copies every event of one store into another, and compares them afterwards: the way from one backend to the next.
///
/// Each event arrives as it was recorded: id, stream, version, name, schema version, encoding, payload, metadata,
/// correlation and causation, both times, and command key, so that a repeated command is recognised in
/// the target too. **Snapshots are not copied**, they are made anew; nor are **checkpoints**: they hold the
/// source's id, and a consumer rebuilds what it derived.
///
/// Positions are kept if the target holds nothing, or nothing but the source's first events: that is what a run
/// leaves that was cut short, and another run goes on behind it. If the target holds other events, those of
/// the source get new positions behind them, in the source's order, and those that stand already
/// at their stream and version are passed over. So a copy that is run again copies nothing twice.
///
/// The source may be in use: events are copied up to its newest when the run begins. To change
/// stores, copy while the program runs, stop it, and copy again; the second run has little left to store. The target
/// should have no other writer meanwhile.
///
/// A batch is stored whole or not at all, and at most a page of each store is in memory: 4,096 events
/// or 16 MiB, and one event more.
///
/// # Errors
///
/// A stream that both stores have, with different events, is refused by its name before anything is stored; a
/// stream with a hole in its versions, which only maintenance can leave, when it is reached. An event that
/// does not come back from the target as it was is an error with its stream, version, position and
/// field, and [`is_corrupt`](StoreError::is_corrupt). Whatever the error, the batches before it are stored, and the copy
/// may be run again.
///
/// ```
/// use eventsource::{AppendRequest, EventStore, ExpectedVersion, NewEvent, Positions, StreamId};
/// use eventsource::{copy, memory::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (old, new) = (MemoryStore::new(), MemoryStore::new());
/// let event = NewEvent::new("note.written", 1, br#"{"text":"hello"}"#.to_vec());
/// old.append(AppendRequest::new(StreamId::new("note", "1")?, ExpectedVersion::NoStream, vec![event]).into()).await?;
///
/// let done = copy(&old, &new).on_progress(|so_far| println!("{so_far}")).await?;
/// assert_eq!((done.stored, done.compared, done.positions), (1, 1, Positions::Kept));
/// assert_eq!(copy(&old, &new).await?.stored, 0);
/// # Ok(())
/// # }
/// ```
pub fn copy<'a>(from: &'a dyn EventStore, to: &'a dyn Import) -> Copying<'a> {
    Copying { from, to, batch: BATCH, on_progress: Box::new(|_| {}) }
}

/// Events of a page, and of a transaction in the target, if not said.
const BATCH: usize = 4_096;

/// A copy that begins when it is awaited; see [`copy`].
#[must_use = "nothing is copied before it is awaited"]
pub struct Copying<'a> {
    from: &'a dyn EventStore,
    to: &'a dyn Import,
    batch: usize,
    on_progress: Box<dyn FnMut(&Copied) + Send + 'a>,
}

/// What a copy has done, or has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// How many events this run has stored in the target.
    pub stored: u64,
    /// How many of the source's events the target had before.
    pub present: u64,
    /// How many were compared in every field after that; in the end the sum of the other two.
    pub compared: u64,
    /// The source's newest position when the run began. What was appended later is not copied.
    pub until: Position,
    /// Whether the events stand at their positions of the source.
    pub positions: Positions,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, present, compared, .. } = self;
        write!(f, "{stored} events stored, {present} were there before, {compared} compared")
    }
}

impl fmt::Debug for Copying<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl<'a> Copying<'a> {
    /// Calls `report` after each page: first the events in the target grow in number, then those that were compared.
    pub fn on_progress(mut self, report: impl FnMut(&Copied) + Send + 'a) -> Self {
        self.on_progress = Box::new(report);
        self
    }

    /// At most this many events in a page and a transaction: 4,096 if not said, 1 at least.
    pub fn batch(mut self, events: usize) -> Self {
        self.batch = events.max(1);
        self
    }

    async fn run(mut self) -> Result<Copied, StoreError> {
        let until = newest(self.from).await?.position;
        let mut done = Copied { stored: 0, present: 0, compared: 0, until, positions: Positions::Kept };
        let behind = match self.common_beginning(&mut done).await? {
            Some(last) => last,
            None => {
                done.positions = Positions::New;
                self.refuse_conflicts(&mut done).await?;
                Position(0)
            }
        };
        self.store(behind, &mut done).await?;
        match done.positions {
            Positions::Kept => self.compare_side_by_side(&mut done).await?,
            Positions::New => self.compare_by_place(&mut done).await?,
        }
        done.present = done.compared - done.stored;
        Ok(done)
    }

    /// The last event with which both stores begin, if one of them ends there.
    async fn common_beginning(&mut self, done: &mut Copied) -> Result<Option<Position>, StoreError> {
        let end = newest(self.to).await?.position;
        let mut source = self.pages(self.from, Position(0), done.until);
        let mut target = self.pages(self.to, Position(0), end);
        let mut last = Position(0);
        loop {
            // The target first: while it is empty, nothing of the source needs to be read.
            let Some(there) = target.next().await? else { return Ok(Some(last)) };
            let Some(here) = source.next().await? else { return Ok(Some(last)) };
            if (here.position, here.id) != (there.position, there.id) {
                return Ok(None);
            }
            last = here.position;
            done.present += 1;
            if source.is_between_pages() {
                (self.on_progress)(done);
            }
        }
    }

    /// What is stored cannot be taken back, so conflicts are looked for before anything is.
    async fn refuse_conflicts(&mut self, done: &mut Copied) -> Result<(), StoreError> {
        let mut source = self.pages(self.from, Position(0), done.until);
        done.present = 0;
        loop {
            let page = source.page().await?;
            if page.is_empty() {
                return Ok(());
            }
            done.present += page.len() as u64 - self.to.count_missing(&raw(&page)).await?;
            (self.on_progress)(done);
        }
    }

    async fn store(&mut self, behind: Position, done: &mut Copied) -> Result<(), StoreError> {
        let mut source = self.pages(self.from, behind, done.until);
        loop {
            let page = source.page().await?;
            if page.is_empty() {
                return Ok(());
            }
            done.stored += self.to.import(&raw(&page), done.positions).await?;
            (self.on_progress)(done);
        }
    }

    fn pages(&self, store: &'a dyn EventStore, after: Position, until: Position) -> Pages<'a> {
        Pages::new(store, (after, until), self.batch)
    }
}

fn raw(page: &[OwnedEvent]) -> Vec<RawEvent<'_>> {
    page.iter().map(OwnedEvent::raw).collect()
}

impl<'a> IntoFuture for Copying<'a> {
    type Output = Result<Copied, StoreError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().boxed()
    }
}
