//! Typed events of a store as they come, from any place on and without an end.

mod live;

use std::fmt;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::contract::checkpoint::Checkpoint;
use crate::contract::read::{Cursor, Read};
use crate::contract::store::EventStore;
use crate::folding::event_set::EventSet;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::Position;

use super::events::Events;
use super::retry::Patience;

use live::{Live, Next};

/// How long a store may be out of reach.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Before a reader looks again whom the feed has left behind, and who finds nothing behind its place.
const PAUSE: Duration = Duration::from_millis(5);

/// Subscriptions, for every store that can be cloned.
pub trait Subscribe: EventStore + Clone + Sized {
    /// The events of `read`, and then those that come later. See [`Subscription`].
    ///
    /// ```
    /// # use eventsource::{DomainEvent, Read, Repository, Subscribe, memory::MemoryStore};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.deposited", version = 1)]
    /// # struct Deposited { cents: u64 }
    /// # #[derive(eventsource::Aggregate, Default, Clone)]
    /// # #[aggregate(name = "account", events(Deposited))]
    /// # struct Account;
    /// # impl eventsource::Apply<Deposited> for Account { fn apply(&mut self, _: &Deposited) {} }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// let mut deposits = store.subscribe::<Deposited>(Read::category("account"));
    ///
    /// Repository::<Account>::new(store).execute("alice", |_| Deposited { cents: 5 }).await?;
    /// let deposit = deposits.next().await?.expect("no end was asked for");
    /// assert_eq!(deposit.event.cents, 5);
    /// # Ok(())
    /// # }
    /// ```
    fn subscribe<E: EventSet>(&self, read: Read) -> Subscription<E> {
        Subscription::new(self.clone(), read)
    }

    /// The same from a checkpoint on, or from the beginning where there is none yet.
    ///
    /// If the store does not hold the checkpoint's event any more, because it was restored or is another one,
    /// [`Subscription::next`] fails with [`is_rewound`](StoreError::is_rewound) before any event.
    ///
    /// ```
    /// # use eventsource::{CheckpointKey, DomainEvent, EventStore, Read, Subscribe, memory::MemoryStore};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.deposited", version = 1)]
    /// # struct Deposited { cents: u64 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), eventsource::StoreError> {
    /// # let store = MemoryStore::new();
    /// let key = CheckpointKey::new("mail");
    /// let saved = store.load_checkpoint(&key).await?;
    /// let newest = store.position_at(eventsource::now()).await?;
    /// let mut deposits = store.subscribe_from::<Deposited>(Read::all().until(newest), saved);
    /// while let Some(deposit) = deposits.next().await? {
    ///     // … send a mail, then:
    ///     store.save_checkpoint(&key, deposits.checkpoint()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    fn subscribe_from<E: EventSet>(&self, read: Read, checkpoint: impl Into<Option<Checkpoint>>) -> Subscription<E> {
        let mut subscription = self.subscribe(read);
        if let Some(checkpoint) = checkpoint.into() {
            subscription.events.go_on_at(checkpoint.cursor);
            subscription.unverified = Some(checkpoint);
        }
        subscription
    }
}

impl<S: EventStore + Clone> Subscribe for S {}

/// The events of a set in order of position: those that are stored, and then each one as it comes.
///
/// What is stored is read in pages, the first of the read's limit, as by [`Events`]. From the end of the store on, all
/// subscriptions of a process share one reader; one that is slower than the others, by more events than that reader
/// keeps, reads by itself until it has caught up. Both apply the same filters, and there is no seam between them.
/// Nothing is read ahead of a subscriber by more than two pages, so one that does not ask costs nothing.
///
/// It needs a running tokio runtime. It goes on through a restart of the server and a lost network; see
/// [`patience`](Self::patience).
///
/// ```
/// # use eventsource::{DomainEvent, Read, Subscribe, Subscription, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: u64 }
/// async fn watch(mut deposits: Subscription<Deposited>) -> Result<(), eventsource::StoreError> {
///     while let Some(deposit) = deposits.next().await? {
///         println!("{} cents on {}", deposit.event.cents, deposit.stream);
///     }
///     Ok(()) // only if the read had an end
/// }
/// # let _ = watch;
/// ```
pub struct Subscription<E> {
    events: Events<E>,
    /// There while it takes events from the feed.
    live: Option<Live<E>>,
    /// Where the store must prove that it is the same one before anything is read.
    unverified: Option<Checkpoint>,
    patience: Patience,
    limit: Duration,
    /// Where it was when the feed had left it behind.
    left_behind: Option<Position>,
}

/// Under a name that never changes: dashboards and alarms are made of it.
fn count_retry() {
    #[cfg(feature = "metrics")]
    metrics::counter!("eventsource_subscription_retries_total").increment(1);
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.live.is_some();
        f.debug_struct("Subscription").field("events", &self.events).field("live", &live).finish_non_exhaustive()
    }
}

impl<E: EventSet> Subscription<E> {
    fn new(store: impl EventStore, read: Read) -> Self {
        Self {
            events: Events::new(store, read),
            live: None,
            unverified: None,
            patience: Patience::new(),
            limit: PATIENCE,
            left_behind: None,
        }
    }

    /// For how long the store may be out of reach before that is an error: 5 minutes if not set.
    ///
    /// As long as its errors are [transient](StoreError::is_transient), the subscription tries again, after pauses
    /// that grow from 10 ms to 2 seconds. What comes back must hold the event at which it stands, else it ends
    /// with [`is_rewound`](StoreError::is_rewound).
    ///
    /// With the feature `metrics`, each failure after which it tries again is counted as
    /// `eventsource_subscription_retries_total`, a counter without labels: all subscriptions of the process together, also
    /// those by which projections read.
    pub fn patience(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The next event, waiting for it as long as it takes. `None` only behind the end that
    /// [`Read::until`] has set, when nothing can appear before it any more.
    ///
    /// It may be dropped while it waits, for example by `tokio::select!`; no event is lost by that. After an error it
    /// may be called again: it goes on behind the last event. An event that cannot be decoded is an error that names it
    /// ([`StoreError::decode_error`]), and stays one: to go on without it, subscribe anew behind its position.
    pub async fn next(&mut self) -> Result<Option<Recorded<E>>, StoreError> {
        loop {
            match self.go_on().await {
                Err(error) if error.is_transient() && self.patience.allows(self.limit, &error) => {
                    count_retry();
                    self.doubt();
                }
                Err(error) => {
                    self.patience = Patience::new();
                    return Err(error);
                }
                Ok(next) => return Ok(next),
            }
        }
    }

    /// Behind the last event that was handed out, all parts of it. It also moves over events that the filters keep
    /// back, so that they need not be looked at again.
    pub fn cursor(&self) -> Cursor {
        self.live.as_ref().map_or(self.events.cursor(), Live::cursor)
    }

    /// The cursor as [`EventStore::save_checkpoint`] takes it. Save it when what [`next`](Self::next) returned is done.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(self.cursor(), self.events.store().identity())
    }

    /// The same as a stream, which ends behind the first error.
    pub fn into_stream(self) -> BoxStream<'static, Result<Recorded<E>, StoreError>> {
        let next = async |subscription: Option<Self>| {
            let mut subscription = subscription?;
            match subscription.next().await {
                Ok(event) => Some((Ok(event?), Some(subscription))),
                Err(error) => Some((Err(error), None)),
            }
        };
        stream::unfold(Some(self), next).boxed()
    }

    /// Whether the next event, if it is not there yet, is on its way: what is stored has not been read to its end.
    pub(super) fn has_more(&self) -> bool {
        self.live.is_none() && self.events.has_more()
    }

    async fn go_on(&mut self) -> Result<Option<Recorded<E>>, StoreError> {
        self.patience.pause().await;
        if self.events.read().names.is_empty() {
            return Err(StoreError::invalid("none of the names asked for is one of the subscription's events"));
        }
        loop {
            self.verify().await?;
            if let Some(live) = &mut self.live {
                match live.next(self.events.read()).await {
                    Ok(Next::Event(event)) => return Ok(Some(event)),
                    Ok(Next::End) => return Ok(None),
                    Ok(Next::Lost(cursor)) => {
                        self.doubt();
                        self.events.go_on_at(cursor);
                        self.live = None;
                    }
                    // The feed's place is gone. Whether this one's is must be seen.
                    Err(error) if error.is_rewound() => self.doubt(),
                    Err(error) => return Err(error),
                }
                continue;
            }
            match self.events.next_or_end().await? {
                Ok(event) => return Ok(Some(event)),
                Err(settled) if self.events.read().until.is_some_and(|until| until <= settled) => return Ok(None),
                Err(_) => self.go_live().await,
            }
        }
    }

    /// Before anything else is read, the store must prove that it holds the event at which this stands.
    fn doubt(&mut self) {
        self.unverified.get_or_insert(self.checkpoint());
    }

    async fn verify(&mut self) -> Result<(), StoreError> {
        if let Some(checkpoint) = self.unverified {
            let store = &**self.events.store();
            checkpoint.verify(store).await?;
            if checkpoint.cursor == Cursor::START {
                // There was nothing to look for, and it shall be known that the store answers.
                store.read(&Read::all().limit(1), &mut |_| Ok(())).await?;
            }
            self.unverified = None;
            self.patience.answered();
        }
        Ok(())
    }

    async fn go_live(&mut self) {
        let cursor = self.events.cursor();
        // A page of one's own may show less than the feed has, for as long as somebody's append is open.
        if self.left_behind.replace(cursor.position) == Some(cursor.position) {
            tokio::time::sleep(PAUSE).await;
        }
        self.live = Some(Live::new(self.events.store().clone(), cursor));
    }
}
