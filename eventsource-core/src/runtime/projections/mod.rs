//! Projections that run: each has one owner among all processes, and its rows and its checkpoint are one write.

mod consumer;
pub(crate) mod custom;
mod holder;
mod meter;
mod options;
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
use options::Options;
pub use parking::OnError;
use process::manager::ProcessManager;
use process::{Noting, Reacting};
pub use progress::Progress;
use progress::Telling;
use running::Running;
use sink::{Delivering, Sink};
pub use status::{Activity, ProjectionStatus, Statuses};
use view::{Folding, Serving};

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
        let statuses = Statuses::new(Arc::new(store.clone()));
        Self {
            store: store.clone(),
            projections: Vec::new(),
            statuses,
            options: Options::default(),
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

    /// What each of them does; to be asked from elsewhere while they run.
    pub fn statuses(&self) -> Statuses {
        self.statuses.clone()
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
