//! What follows from an event of a process: commands and timers, as plain values.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::folding::aggregate::{Aggregate, Handle};
use crate::folding::decision::IntoEvents;
use crate::words::error::StoreError;

use super::order::{Command, Order};

/// The longest name of a timer, in bytes: it is a part of a command key.
const LONGEST_NAME: usize = 64;
/// Commands and timers that follow from one event, at most.
const MOST: usize = 1_000;

/// What follows from an event of a [process](crate::ProcessManager): commands to other aggregates, and timers.
///
/// Commands of one event are executed in order, each whatever became of those before it. Where one depends on another,
/// send it when the event has come that [`Sending::and`] records.
///
/// A process does not send a command to itself: what it has decided is an event of its own.
pub struct Reaction<M: Aggregate> {
    /// When the event was recorded.
    recorded_at: DateTime<Utc>,
    pub(crate) orders: Vec<Order<M>>,
    /// Names, and when they run out; never, if they do not run any more.
    pub(crate) timers: Vec<(Cow<'static, str>, Option<DateTime<Utc>>)>,
}

impl<M: Aggregate> Reaction<M> {
    /// To an event that was recorded then.
    pub(crate) fn new(recorded_at: DateTime<Utc>) -> Self {
        Self { recorded_at, orders: Vec::new(), timers: Vec::new() }
    }

    /// The aggregate to which a command is [sent](Target::send).
    pub fn to<A: Aggregate>(&mut self, id: impl Into<String>) -> Target<'_, M, A> {
        Target { reaction: self, id: id.into(), aggregate: PhantomData }
    }

    /// Asks [`on_timer`](crate::ProcessManager::on_timer) when so much time has passed since the event was recorded, by the
    /// store's clock.
    ///
    /// A process has one timer of each name: a second one takes the place of the first. Timers survive restarts, and
    /// run out within a second of their time while the manager runs, at once when it runs again.
    /// A name has 1 to 64 bytes, no `/` and no control characters; otherwise the process is stuck.
    pub fn after(&mut self, time: Duration, timer: impl Into<Cow<'static, str>>) {
        let at = chrono::Duration::from_std(time).ok().and_then(|time| self.recorded_at.checked_add_signed(time));
        self.at(at.unwrap_or(DateTime::<Utc>::MAX_UTC), timer);
    }

    /// The same at a point in time, which may have passed; at the end of the year 9999 at the latest.
    pub fn at(&mut self, time: DateTime<Utc>, timer: impl Into<Cow<'static, str>>) {
        // What every store can keep.
        let latest = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(time);
        self.timers.push((timer.into(), Some(time.clamp(DateTime::UNIX_EPOCH, latest))));
    }

    /// Lets the timer of this name run no longer, if there is one.
    pub fn cancel(&mut self, timer: impl Into<Cow<'static, str>>) {
        self.timers.push((timer.into(), None));
    }

    /// Fails where something cannot be done, before anything is.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.orders.len() + self.timers.len() > MOST {
            let count = self.orders.len() + self.timers.len();
            let message = format!("{count} commands and timers follow from one event of {}, at most {MOST}", M::NAME);
            return Err(StoreError::too_large(message));
        }
        let is_name = |name: &str| {
            (1..=LONGEST_NAME).contains(&name.len()) && !name.contains('/') && !name.chars().any(char::is_control)
        };
        match self.timers.iter().find(|(name, _)| !is_name(name)) {
            Some((name, _)) => Err(StoreError::invalid(format!(
                "{name:?} names no timer of {}: 1 to {LONGEST_NAME} bytes, no `/` and no control characters",
                M::NAME
            ))),
            None => Ok(()),
        }
    }
}

impl<M: Aggregate> fmt::Debug for Reaction<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let orders: Vec<_> = self.orders.iter().map(|order| (order.command.names(), &order.id)).collect();
        f.debug_struct("Reaction").field("commands", &orders).field("timers", &self.timers).finish()
    }
}

/// An aggregate to which a process sends a command.
#[must_use = "nothing is sent before `send`"]
pub struct Target<'r, M: Aggregate, A> {
    reaction: &'r mut Reaction<M>,
    id: String,
    aggregate: PhantomData<fn() -> A>,
}

impl<'r, M: Aggregate, A: Aggregate> Target<'r, M, A> {
    /// Sends a command that is a value. It is executed once, and decided anew only as long as it has neither stored an event nor
    /// become an event of the process.
    ///
    /// Without [`or`](Sending::or), a refusal leaves the process stuck: the event is parked, with the refusal's text, and
    /// later events of the same process wait behind it; see [`ParkedEvents::of_manager`](crate::ParkedEvents::of_manager).
    pub fn send<C, D, R>(self, command: C) -> Sending<'r, M, R>
    where
        A: Handle<C, Decision = D>,
        D: IntoEvents<A, Refusal = R>,
        C: Send + Sync + 'static,
        R: fmt::Display + Send + 'static,
    {
        let Self { reaction, id, .. } = self;
        let command = Box::new(Command::<A, C>::new(command));
        let at = reaction.orders.len();
        reaction.orders.push(Order { id, command, done: None, refused: None });
        Sending { order: &mut reaction.orders[at], refusal: PhantomData }
    }
}

impl<M: Aggregate, A> fmt::Debug for Target<'_, M, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A command that will be sent, and what becomes of it.
pub struct Sending<'r, M: Aggregate, R> {
    order: &'r mut Order<M>,
    refusal: PhantomData<fn(R)>,
}

impl<M: Aggregate, R: 'static> Sending<'_, M, R> {
    /// The event of the process that says that it was done.
    pub fn and(self, event: impl Into<M::Event>) -> Self {
        self.order.done = Some(event.into());
        self
    }

    /// The event of the process that says that it was refused. What has to be undone then is undone in reaction to it.
    pub fn or<E: Into<M::Event>>(self, event: impl FnOnce(R) -> E + Send + Sync + 'static) -> Self {
        self.order.refused = Some(Box::new(|refusal| refusal.downcast::<R>().ok().map(|said| event(*said).into())));
        self
    }
}

impl<M: Aggregate, R> fmt::Debug for Sending<'_, M, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(&self.order.command.names()).finish()
    }
}
