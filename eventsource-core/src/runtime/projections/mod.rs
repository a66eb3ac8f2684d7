//! Projections that run: each has one owner among all processes, and its rows and its checkpoint are one write.

mod consumer;
pub(crate) mod custom;
mod holder;
mod meter;
mod outage;
pub(crate) mod parked_events;
mod parking;
pub(crate) mod process;
mod progress;
mod rate;
mod refold;
mod running;
pub(crate) mod sink;
mod status;
mod view;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{Semaphore, watch};
use tracing::Instrument;
use uuid::Uuid;

use crate::contract::task::Task;
use crate::contract::transaction::TransactionalStore;
use crate::contract::view::ViewStore;
use crate::folding::event_set::EventSet;
use crate::folding::view::View;
use crate::words::error::StoreError;

use consumer::{Consumer, assert_name};
use custom::{Custom, Projection};
use holder::Holder;
pub use parking::OnError;
use process::manager::ProcessManager;
use process::{Noting, Reacting};
pub use progress::Progress;
use progress::Telling;
use running::Running;
use sink::{Delivering, Sink};
pub use status::{Activity, ProjectionStatus, Statuses};
use view::{Folding, Serving};

/// How long a projection stays with an owner that is not heard of.
const LEASE: Duration = Duration::from_secs(15);
/// How long a store may be out of reach.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How long code of one's own may fail.
const RETRY: Duration = Duration::from_secs(30);
/// Events of one batch at most, unless it is filled.
const BATCH: usize = 1_000;

/// Runs projections: what is stored already, and then each event as it comes.
///
/// Any number of processes may run the same ones: each projection has one owner at a time, the others wait to take
/// over. Whoever was taken over and does not know it yet is refused when it writes, so nothing is counted twice.
///
/// ```
/// # use eventsource::{DomainEvent, Fold, Projections, Recorded, Repository, View, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// # #[derive(eventsource::Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Deposited))]
/// # struct Account;
/// # impl eventsource::Apply<Deposited> for Account { fn apply(&mut self, _: &Deposited) {} }
/// #[derive(View)]
/// #[view(name = "balances", version = 1, events(Deposited))]
/// struct Balance {
///     #[view(key = stream)]
///     account: String,
///     cents: i64,
/// }
///
/// impl Fold<Deposited> for Balance {
///     fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
///         let cents = row.map_or(0, |row| row.cents) + deposited.event.cents;
///         Some(Self { account: account.clone(), cents })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), eventsource::StoreError> {
/// # let store = MemoryStore::new();
/// let projections = Projections::new(&store).view::<Balance>();
/// let shutdown = async { /* tokio::signal::ctrl_c().await, for example */ };
/// projections.run(shutdown).await?;
/// # Ok(())
/// # }
/// ```
pub struct Projections<S> {
    store: S,
    projections: Vec<Box<dyn Run>>,
    statuses: Statuses,
    options: Options,
    /// What all do on errors, if that was said.
    on_error: Option<OnError>,
    /// What single ones do on errors, by name.
    on_error_of: Vec<(&'static str, OnError)>,
    telling: Option<Telling>,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    lease: Duration,
    patience: Duration,
    retry: Duration,
    on_error: OnError,
    batch: usize,
    /// Whether views fill their batches while they catch up.
    fill: bool,
    switch_by_hand: bool,
}

/// A projection that can be started.
trait Run: Send {
    fn run(self: Box<Self>, holder: Holder) -> BoxFuture<'static, Result<(), StoreError>>;
    /// Name and version.
    fn name(&self) -> String;
    /// What it does on errors, if nobody says so.
    fn on_error(&self) -> OnError;
    fn holder(&self, with: With, shutdown: &watch::Receiver<bool>) -> Holder;
}

/// What all projections of a process run with.
#[derive(Clone)]
struct With {
    store: Arc<dyn ViewStore>,
    options: Options,
    /// Whose turn it is to ask for a lease.
    asking: Arc<Semaphore>,
}

impl<S: ViewStore + Clone> Projections<S> {
    /// None yet.
    pub fn new(store: &S) -> Self {
        let options = Options {
            lease: LEASE,
            patience: PATIENCE,
            retry: RETRY,
            on_error: OnError::Stop,
            batch: BATCH,
            fill: true,
            switch_by_hand: false,
        };
        let statuses = Statuses::new(Arc::new(store.clone()));
        Self {
            store: store.clone(),
            projections: Vec::new(),
            statuses,
            options,
            on_error: None,
            on_error_of: Vec::new(),
            telling: None,
        }
    }

    /// Adds a view: its table is made when the projections run, and served once it has caught up.
    pub fn view<V: View>(self) -> Self {
        self.add(V::TABLE.to_string(), Folding::<V>::new(V::TABLE, Serving::WhenCaughtUp))
    }

    /// Adds a projection of your own, which works in the store's transactions.
    pub fn projection<P: Projection<S::Connection>>(self, projection: P) -> Self
    where
        S: TransactionalStore,
    {
        const { assert_name(P::NAME) };
        const { assert!(P::VERSION > 0, "versions of a projection begin with 1") };
        let consumer = Custom::new(self.store.clone(), projection);
        self.add(format!("{} v{}", P::NAME, P::VERSION), consumer)
    }

    /// Adds something outside the store that is told of events.
    pub fn sink<K: Sink>(self, sink: K) -> Self {
        const { assert_name(K::NAME) };
        self.add(K::NAME.to_owned(), Delivering(sink))
    }

    /// Adds a process manager: its commands are executed in this store, and so should be the inline views that are
    /// [around it](crate::InlineViews).
    ///
    /// Where it has an [input](ProcessManager::Input), it is two projections, each with its own status: `transfer` reacts to the
    /// events of transfers, `transfer inputs` notes what others do.
    pub fn manager<M: ProcessManager>(self) -> Self {
        let all = self.add(M::NAME.to_owned(), Reacting::<M>::new());
        if M::Input::EVENTS.is_empty() { all } else { all.add(format!("{} inputs", M::NAME), Noting::<M>::new()) }
    }

    fn add(mut self, name: String, consumer: impl Consumer) -> Self {
        let status = self.statuses.enter(name, consumer.follows());
        self.projections.push(Box::new(Running::new(consumer, status)));
        self
    }

    /// How long a projection stays with a process that is not heard of any more: 15 seconds if not set, 1 at least.
    ///
    /// A process that is shut down in order gives its projections back at once.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// For how long the store may be out of reach before a projection stops: 5 minutes if not set.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.options.patience = patience;
        self
    }

    /// For how long a [`Projection`] or [`Sink`] whose code fails is tried again, with the same events, before it
    /// does what [`on_error`](Self::on_error) says:
    /// 30 seconds if not set. The pauses grow from 10 ms to 2 seconds.
    ///
    /// A panic, a fold of a view and an event that cannot be decoded would fail again: they are not tried again.
    pub fn retry(mut self, limit: Duration) -> Self {
        self.options.retry = limit;
        self
    }

    /// What projections do with an event that they cannot handle, when it was [tried again](Self::retry) for long enough:
    /// [`OnError::Stop`] if not set, and [`OnError::Park`] for [process managers](Self::manager).
    ///
    /// A batch that fails is handled once more, event by event, so that the one that fails is found, and what
    /// is before it is handled as always. Each of them is tried for as long as a batch.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = Some(on_error);
        self
    }

    /// The same for the projection, view or sink of this name alone, in whichever version it was added. Without one,
    /// [`run`](Self::run) fails.
    ///
    /// ```
    /// # use eventsource::{OnError, Projections, memory::MemoryStore};
    /// # let store = MemoryStore::new();
    /// let projections = Projections::new(&store).on_error(OnError::Park).on_error_of("invoices", OnError::Stop);
    /// # drop(projections);
    /// ```
    pub fn on_error_of(mut self, name: &'static str, on_error: OnError) -> Self {
        self.on_error_of.push((name, on_error));
        self
    }

    /// At most this many events in one transaction, from 1 to 10,000. As long as fewer are there, a batch is what is there.
    ///
    /// If not set, it is 1,000; and while a view catches up, as many as come within a quarter of a second, at most 65,536:
    /// a row that many of them touch is written once.
    pub fn batch(mut self, events: usize) -> Self {
        (self.options.batch, self.options.fill) = (events.clamp(1, 10_000), false);
        self
    }

    /// Leaves it to you which table of a view is seen under its stable name: what is built beside a table that serves
    /// waits for [`serve_view`](ViewStore::serve_view), to be [compared](crate::compare_views) before, for example. A
    /// view of which no table serves yet is served when it has caught up.
    ///
    /// Without it, a view that has caught up takes the name from older versions, also from one to which somebody has
    /// switched back.
    pub fn switch_by_hand(mut self) -> Self {
        self.options.switch_by_hand = true;
        self
    }

    /// What each of them does; to be asked from elsewhere while they run.
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
    }

    /// Tells how far each is behind, at once and then whenever so much time has passed, as long as they run: for a bar that
    /// shows how a view is built, and to keep the gauges of [`Statuses`] up to date.
    ///
    /// Each time, the store is asked as by [`Statuses::progress`]; while it is out of reach, nothing is told.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use eventsource::{Projections, memory::MemoryStore};
    /// let projections = Projections::new(&MemoryStore::new()).on_progress(Duration::from_secs(1), |all| {
    ///     for progress in all {
    ///         let (name, left) = (&progress.status.name, progress.left);
    ///         println!("{name}: {} of {}, {left:?} to go", progress.status.position, progress.head);
    ///     }
    /// });
    /// # drop(projections);
    /// ```
    pub fn on_progress(mut self, every: Duration, tell: impl FnMut(&[Progress]) + Send + 'static) -> Self {
        self.telling = Some(Telling { every, tell: Box::new(tell) });
        self
    }

    /// Runs them until `shutdown` is ready: then each ends its batch and is given back to others.
    ///
    /// A projection that cannot go on stops, and the others go on: the error is in its [status](Self::statuses) and in
    /// the log. When all have stopped, or when it is shut down and one had stopped before, the first error is returned.
    ///
    /// Fails at once, with [`is_invalid`](StoreError::is_invalid), if one was added twice, or if none has a name for which
    /// [`on_error_of`](Self::on_error_of) says something.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), StoreError> {
        self.statuses.check()?;
        let (stop, stopping) = watch::channel(false);
        let projections = std::mem::take(&mut self.projections);
        let store: Arc<dyn ViewStore> = Arc::new(self.store.clone());
        let asking = Arc::new(Semaphore::new(1));
        let on_error = self.on_errors(&projections)?;
        let _telling = self.telling.take().map(|telling| Task::start(telling.go_on(self.statuses.clone())));
        let mut running: FuturesUnordered<_> = projections
            .into_iter()
            .zip(on_error)
            .map(|(projection, on_error)| {
                let options = Options { on_error, ..self.options };
                let with = With { store: store.clone(), options, asking: asking.clone() };
                let holder = projection.holder(with, &stopping);
                let status = holder.status.clone();
                let span = tracing::info_span!("projection", name = status.name());
                let task = Task::start(projection.run(holder).instrument(span.clone()));
                async move {
                    let ended = match task.await {
                        Ok(ended) => ended,
                        Err(ended) => Err(panicked(ended)),
                    };
                    status.ended(&ended);
                    ended
                }
                .instrument(span)
            })
            .collect();
        let mut first = Ok(());
        let mut shutdown = std::pin::pin!(shutdown);
        let mut stopped = false;
        while !running.is_empty() {
            tokio::select! {
                () = &mut shutdown, if !stopped => {
                    stopped = true;
                    stop.send_replace(true);
                }
                Some(ended) = running.next() => first = first.and(ended),
            }
        }
        first
    }
}

impl<S> Projections<S> {
    /// What each does on errors.
    fn on_errors(&self, projections: &[Box<dyn Run>]) -> Result<Vec<OnError>, StoreError> {
        let names: Vec<String> = projections.iter().map(|projection| projection.name()).collect();
        let is = |of: &str, name: &str| name.split(' ').next() == Some(of);
        if let Some((of, _)) = self.on_error_of.iter().find(|(of, _)| !names.iter().any(|name| is(of, name))) {
            let message = format!("no projection {of} was added, but it was said what it does on errors");
            return Err(StoreError::invalid(message));
        }
        let on_error = |name: &str, otherwise: OnError| {
            let said = self.on_error_of.iter().rev().find(|(of, _)| is(of, name)).map(|(_, on_error)| *on_error);
            said.or(self.on_error).unwrap_or(otherwise)
        };
        Ok(names.iter().zip(projections).map(|(name, projection)| on_error(name, projection.on_error())).collect())
    }
}

/// A projection's task ended before its time.
fn panicked(ended: tokio::task::JoinError) -> StoreError {
    match ended.try_into_panic() {
        Ok(panic) => panic_text(panic),
        Err(_) => StoreError::failed("the runtime was shut down while a projection ran"),
    }
}

/// Somebody's fold panicked.
fn panic_text(panic: Box<dyn Any + Send>) -> StoreError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".to_owned());
    StoreError::failed(format!("a projection panicked: {text}"))
}

impl<S> fmt::Debug for Projections<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projections").field("options", &self.options).finish_non_exhaustive()
    }
}

/// A name for this process's hold on a projection.
fn new_owner() -> Uuid {
    Uuid::now_v7()
}
