//! Sinks: what lies outside the store and is told of events, at least once.

use std::time::Duration;

use futures::FutureExt;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::read::Cursor;
use crate::contract::transaction::Advance;
use crate::folding::event_set::EventSet;
use crate::runtime::newest::newest;
use crate::runtime::retry::Patience;
use crate::words::error::{BoxError, StoreError};
use crate::words::event::Recorded;

use super::consumer::Consumer;
use super::holder::Holder;
use super::outage::Outage;
use super::parking::Sieve;

/// Something outside the store that is told of events: a message broker, a mail server, another database.
///
/// Events are delivered in order of position, each **at least once**: a batch is delivered, and then it is noted in the
/// store that it was. Whoever is killed in between has the next owner deliver it again, with the same
/// [`Recorded::idempotency_key`]; a receiver that remembers keys does each only once. It remembers the highest
/// [`FencingToken`], too, and refuses a lower one: an owner that was taken over while it delivered
/// does not know it yet.
///
/// A sink has no version, because its effects cannot be taken back: nothing, neither changed code nor a rebuild of views, makes
/// it deliver again what it has delivered. Whoever wants that gives it another `NAME`. A new sink begins with what
/// comes from then on, unless [`START`](Self::START) says otherwise.
///
/// ```
/// # use eventsource::{BoxError, DomainEvent, FencingToken, Projections, Recorded, Sink, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.opened", version = 1)]
/// # struct Opened { mail: String }
/// # struct MailServer;
/// # impl MailServer { async fn send(&self, _: &str, _: String) -> Result<(), BoxError> { Ok(()) } }
/// struct Welcome { server: MailServer }
///
/// impl Sink for Welcome {
///     type Event = Opened;
///     const NAME: &'static str = "welcome_mails";
///
///     async fn deliver(&self, events: &[Recorded<Opened>], _: FencingToken) -> Result<(), BoxError> {
///         for opened in events {
///             // the server sends one mail for each key
///             self.server.send(&opened.event.mail, opened.idempotency_key()).await?;
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), eventsource::StoreError> {
/// # let store = MemoryStore::new();
/// # let (server, shutdown) = (MailServer, async {});
/// Projections::new(&store).sink(Welcome { server }).run(shutdown).await?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no sink of events")]
pub trait Sink: Send + Sync + 'static {
    /// The events that it is told of; others do not concern it.
    type Event: EventSet;

    /// Under which it is noted how far it has come: `[a-z][a-z0-9_]*`, at most 63 bytes.
    const NAME: &'static str;

    /// With which events it begins on a store that it has not been told of yet.
    const START: SinkStart = SinkStart::Now;

    /// For how long it is tried again while what it tells is out of reach, which is when it fails with a [`StoreError`] that
    /// is [transient](StoreError::is_transient): as long as [`Projections::patience`] says, if `None`. Meanwhile nothing is
    /// lost, [`ProjectionStatus::failing_since`] tells of it, and a warning in the log.
    ///
    /// [`Projections::patience`]: crate::Projections::patience
    /// [`ProjectionStatus::failing_since`]: crate::ProjectionStatus::failing_since
    const PATIENCE: Option<Duration> = None;

    /// Tells of these events: one or more, in order of position, all parts of a split event together.
    ///
    /// After an error the same events are delivered again, as long as [`Projections::retry`] says, and then the sink stops; a
    /// [`StoreError`] that is [transient](StoreError::is_transient) is tried again as long as [`PATIENCE`](Self::PATIENCE)
    /// says. While it takes long, the sink stays with its owner; one that hangs, hangs: give calls a time-out. It is
    /// dropped in the middle when somebody else has taken over.
    ///
    /// [`Projections::retry`]: crate::Projections::retry
    fn deliver(
        &self,
        events: &[Recorded<Self::Event>],
        token: FencingToken,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// With which events a sink begins, or a [process manager](crate::ProcessManager) with those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkStart {
    /// With what comes after its first start: what happened before is not told to anybody.
    Now,
    /// With the first event of the store.
    FirstEvent,
}

/// Which owner of a sink delivers: whoever takes over has a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingToken(pub u64);

/// The version of a sink's checkpoint, which those of projections, from 1 on, cannot have.
const NO_VERSION: u32 = 0;

pub(super) fn key<K: Sink>() -> CheckpointKey {
    CheckpointKey::new(K::NAME).view_version(NO_VERSION)
}

pub(super) struct Delivering<K>(pub(super) K);

impl<K: Sink> Consumer for Delivering<K> {
    type Event = K::Event;
    type Batch = Vec<Recorded<K::Event>>;

    fn key(&self) -> CheckpointKey {
        key::<K>()
    }

    /// Notes where it begins, before anybody claims it: once that is there, it is where it has come to.
    async fn prepare(&self, holder: &Holder) -> Result<(), StoreError> {
        note_start(holder, &self.key(), K::START).await
    }

    fn gather(&self, mut events: Vec<Recorded<K::Event>>, sieve: &mut Sieve<'_>) -> Self::Batch {
        events.retain(|event| sieve.takes_stream_of(event));
        events
    }

    async fn consume(
        &self,
        holder: &mut Holder,
        events: Vec<Recorded<K::Event>>,
        advance: &Advance,
    ) -> Result<(), StoreError> {
        let Advance { key, to, unparked, .. } = advance;
        let mut patience = Patience::new();
        let limit = K::PATIENCE.unwrap_or(holder.options.patience);
        let mut outage = Outage::none(holder.status.clone());
        while !events.is_empty() {
            let delivery = async {
                patience.pause().await;
                Ok(self.0.deliver(&events, FencingToken(to.owner_epoch)).await.map_err(failed::<K>))
            };
            // What fails in holding on to it was tried again there.
            match holder.hold_while(delivery).await? {
                Err(error) if holder.try_work_again_for(&mut patience, limit, &error) => outage.goes_on(&error),
                delivered => {
                    delivered?;
                    break;
                }
            }
        }
        outage.ends();
        match &unparked[..] {
            [] => holder.steadily(|| holder.store.save_checkpoint(key, *to)).await,
            unparked => holder.steadily(|| holder.store.unpark(key, to.owner_epoch, unparked)).await,
        }
    }
}

/// Notes where a consumer begins, if that is not noted yet.
pub(super) async fn note_start(holder: &Holder, key: &CheckpointKey, start: SinkStart) -> Result<(), StoreError> {
    let store = &holder.store;
    if holder.steadily(|| store.load_checkpoint(key)).await?.is_some() {
        return Ok(());
    }
    let cursor = match start {
        SinkStart::FirstEvent => Cursor::START,
        SinkStart::Now => holder.steadily(|| newest(&**store).boxed()).await?,
    };
    let checkpoint = Checkpoint::new(cursor, store.identity());
    match holder.steadily(|| store.save_checkpoint(key, checkpoint)).await {
        // Somebody else was faster, and has claimed it.
        Err(error) if error.is_fenced() => Ok(()),
        saved => saved,
    }
}

fn failed<K: Sink>(error: BoxError) -> StoreError {
    match error.downcast::<StoreError>() {
        Ok(error) => *error,
        Err(error) => StoreError::failed(format!("sink {} has failed", K::NAME)).with_source(error),
    }
}
