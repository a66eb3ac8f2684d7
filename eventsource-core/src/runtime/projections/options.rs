//! How projections run: leases, patience, batches, and what they do on errors.

use std::time::Duration;

use crate::contract::view::ViewStore;
use crate::words::error::StoreError;

use super::parking::OnError;
use super::progress::{Progress, Telling};
use super::{Projections, Run};

/// How long a projection stays with an owner that is not heard of.
const LEASE: Duration = Duration::from_secs(15);
/// How long a store may be out of reach.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How long code of one's own may fail.
const RETRY: Duration = Duration::from_secs(30);
/// Events of one batch at most, unless it is filled.
const BATCH: usize = 1_000;

/// What a projection runs with, as far as somebody has a say in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) lease: Duration,
    pub(super) patience: Duration,
    pub(super) retry: Duration,
    pub(super) on_error: OnError,
    pub(super) batch: usize,
    /// Whether views fill their batches while they catch up.
    pub(super) fill: bool,
    pub(super) switch_by_hand: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lease: LEASE,
            patience: PATIENCE,
            retry: RETRY,
            on_error: OnError::Stop,
            batch: BATCH,
            fill: true,
            switch_by_hand: false,
        }
    }
}

impl<S: ViewStore + Clone> Projections<S> {
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

    /// For how long a [`Projection`](crate::Projection) or [`Sink`](crate::Sink) whose code fails is tried again, with the
    /// same events, before it does what [`on_error`](Self::on_error) says: 30 seconds if not set. The pauses grow from 10 ms to 2 seconds.
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

    /// Tells how far each is behind, at once and then whenever so much time has passed, as long as they run: for a bar that
    /// shows how a view is built, and to keep the gauges of [`Statuses`](crate::Statuses) up to date.
    ///
    /// Each time, the store is asked as by [`Statuses::progress`](crate::Statuses::progress); while it is out of reach,
    /// nothing is told.
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
}

impl<S> Projections<S> {
    /// What each does on errors.
    pub(super) fn on_errors(&self, projections: &[Box<dyn Run>]) -> Result<Vec<OnError>, StoreError> {
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
