//! Custom projections: code of one's own, in the transaction that moves the checkpoint.

use std::marker::PhantomData;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::read::Cursor;
use crate::contract::transaction::{Advance, TransactionalStore, Work};
use crate::folding::event_set::EventSet;
use crate::runtime::retry::Patience;
use crate::words::error::{BoxError, StoreError};
use crate::words::event::Recorded;

use super::consumer::Consumer;
use super::holder::Holder;
use super::parking::Sieve;

/// What a program does itself with events, in the database in which they are stored.
///
/// It writes what it likes with the store's own connection (`C`), and what it writes, and the checkpoint of the events
/// for which it was written, are one transaction: the effect of each event is there exactly once, whatever is killed
/// when. Events come in order of position, in batches as large as what is there, up to [`Projections::batch`].
///
/// Only what goes through the connection is undone when a batch fails: change nothing else from here, neither files nor
/// `self` nor other services; for these there is [`Sink`](crate::Sink). Statements that end the transaction are
/// noticed where that is possible, and stop the projection.
///
/// Nothing of the projection happens twice because its code changed. Raise `VERSION` and it begins anew with the first event
/// of the store, beside the checkpoint of the version before: write into tables of the new version, or empty the
/// old ones in [`begin`](Self::begin). While old and new processes run, both versions do.
///
/// ```
/// # use eventsource::{BoxError, DomainEvent, Projection, Projections, Recorded};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// use eventsource::memory::{Kept, MemoryStore};
///
/// struct Months;
///
/// // with a database it is the connection of its driver; see the guide
/// impl Projection<Kept> for Months {
///     type Event = Deposited;
///     const NAME: &'static str = "months";
///     const VERSION: u32 = 1;
///
///     async fn handle(&self, events: &[Recorded<Deposited>], kept: &mut Kept) -> Result<(), BoxError> {
///         for deposited in events {
///             let month = kept.entry(deposited.occurred_at.format("%Y-%m").to_string()).or_insert(0.into());
///             *month = (month.as_i64().unwrap_or_default() + deposited.event.cents).into();
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), eventsource::StoreError> {
/// let store = MemoryStore::new();
/// # let shutdown = async {};
/// Projections::new(&store).projection(Months).run(shutdown).await?;
/// # Ok(())
/// # }
/// ```
///
/// [`Projections::batch`]: crate::Projections::batch
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no projection in transactions on `{C}`",
    note = "`{C}` is what the store lends: the connection of its database driver, or `memory::Kept`"
)]
pub trait Projection<C: Send>: Send + Sync + 'static {
    /// The events that it is handed; others do not concern it.
    type Event: EventSet;

    /// Under which its checkpoint is kept: `[a-z][a-z0-9_]*`, at most 63 bytes. It is no name of one's own for each process.
    const NAME: &'static str;

    /// What it makes of events; a raised one begins anew.
    const VERSION: u32;

    /// Makes, or empties, what this version writes into; in a transaction of its own.
    ///
    /// It is called by each owner of the projection as long as its checkpoint stands before the first event of the store,
    /// so it must not fail when all is there already.
    fn begin(&self, connection: &mut C) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = connection;
        async { Ok(()) }
    }

    /// Does what these events ask for: one or more, in order of position, all parts of a split event together.
    ///
    /// After an error everything is undone and tried again, with the same events, as long as [`Projections::retry`] says, and
    /// then the projection stops. What has nothing to do with the work (a lost connection, a deadlock) is tried again as long
    /// as [`Projections::patience`] says: hand the driver's error on, or a [`StoreError`] that is transient. While it takes
    /// long, the projection stays with its owner; a handler that hangs, hangs the projection.
    ///
    /// [`Projections::retry`]: crate::Projections::retry
    /// [`Projections::patience`]: crate::Projections::patience
    fn handle(
        &self,
        events: &[Recorded<Self::Event>],
        connection: &mut C,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

pub(super) fn key<C: Send, P: Projection<C>>() -> CheckpointKey {
    CheckpointKey::new(P::NAME).view_version(P::VERSION)
}

/// A custom projection, and the store in whose transactions it works.
pub(super) struct Custom<S, P> {
    store: S,
    projection: P,
}

impl<S: TransactionalStore, P: Projection<S::Connection>> Custom<S, P> {
    pub(super) fn new(store: S, projection: P) -> Self {
        Self { store, projection }
    }

    /// In a transaction that is tried again while the store is out of reach, or the work fails.
    async fn transact<W: Work<S::Connection>>(
        &self,
        holder: &mut Holder,
        advance: &Advance,
        work: W,
    ) -> Result<(), StoreError> {
        let (mut patience, mut work) = (Patience::new(), Noted { work, failed: false });
        loop {
            work.failed = false;
            let attempt = async {
                patience.pause().await;
                self.store.transact(advance, &mut work).await
            };
            match holder.hold_while(attempt).await {
                Err(error) if work.failed && holder.try_work_again(&mut patience, &error) => {}
                // What the store says of a transaction is final, for example that it was ended before its time.
                Err(error) if !work.failed && holder.try_again(&mut patience, &error) => {}
                done => return done,
            }
        }
    }
}

impl<S: TransactionalStore, P: Projection<S::Connection>> Consumer for Custom<S, P> {
    type Event = P::Event;
    type Batch = Vec<Recorded<P::Event>>;

    fn key(&self) -> CheckpointKey {
        key::<S::Connection, P>()
    }

    async fn begin(&self, holder: &mut Holder, checkpoint: Checkpoint) -> Result<(), StoreError> {
        if checkpoint.cursor != Cursor::START {
            return Ok(());
        }
        let nowhere = Advance::new(self.key(), checkpoint.cursor, checkpoint);
        let begin = Begin { projection: &self.projection, connection: PhantomData };
        self.transact(holder, &nowhere, begin).await
    }

    fn gather(&self, mut events: Vec<Recorded<P::Event>>, sieve: &mut Sieve<'_>) -> Self::Batch {
        events.retain(|event| sieve.takes_stream_of(event));
        events
    }

    async fn consume(
        &self,
        holder: &mut Holder,
        events: Vec<Recorded<P::Event>>,
        advance: &Advance,
    ) -> Result<(), StoreError> {
        let handle = Handle { projection: &self.projection, events: &events };
        self.transact(holder, advance, handle).await
    }
}

/// Work of which it is known whether it failed itself.
struct Noted<W> {
    work: W,
    failed: bool,
}

impl<C: Send, W: Work<C>> Work<C> for Noted<W> {
    fn run<'w>(&'w mut self, connection: &'w mut C) -> BoxFuture<'w, Result<(), BoxError>> {
        async move {
            let done = self.work.run(connection).await;
            self.failed = done.is_err();
            done
        }
        .boxed()
    }
}

struct Begin<'p, P, C> {
    projection: &'p P,
    connection: PhantomData<fn(&mut C)>,
}

impl<C: Send, P: Projection<C>> Work<C> for Begin<'_, P, C> {
    fn run<'w>(&'w mut self, connection: &'w mut C) -> BoxFuture<'w, Result<(), BoxError>> {
        self.projection.begin(connection).boxed()
    }
}

struct Handle<'p, P, E> {
    projection: &'p P,
    events: &'p [Recorded<E>],
}

impl<C: Send, P: Projection<C>> Work<C> for Handle<'_, P, P::Event> {
    fn run<'w>(&'w mut self, connection: &'w mut C) -> BoxFuture<'w, Result<(), BoxError>> {
        match self.events {
            // What was asked for was left out.
            [] => std::future::ready(Ok(())).boxed(),
            events => self.projection.handle(events, connection).boxed(),
        }
    }
}
