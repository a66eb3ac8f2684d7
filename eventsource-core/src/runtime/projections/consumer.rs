//! What all projections have in common: batches of events, each done once before the next.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::read::Read;
use crate::contract::transaction::Advance;
use crate::folding::event_set::EventSet;
use crate::runtime::subscription::{Subscribe, Subscription};
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::Position;

use super::holder::Holder;
use super::parking::{OnError, Sieve};
use super::status::{Activity, Follows};

/// Between two looks whether it has caught up.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Where events never pause, whoever holds what was there so short a time ago has caught up.
const NEAR: Duration = Duration::from_secs(1);
/// For so long a batch is filled, and with so many events at most.
const FILLING: Duration = Duration::from_millis(250);
const FILLED: usize = 65_536;

/// What is done with events.
pub(super) trait Consumer: Send + Sync + 'static {
    type Event: EventSet;
    /// Nothing to do, by default.
    type Batch: Default + Send;
    /// Whether it gains by large batches while it catches up.
    const FILLS: bool = false;

    fn key(&self) -> CheckpointKey;

    /// What its status looks for.
    fn follows(&self) -> Follows {
        Follows::events_of::<Self::Event>(self.key())
    }

    /// Before it is claimed; it may have been claimed often before.
    fn prepare(&self, _: &Holder) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// When it is claimed, before the first batch.
    fn begin(&self, _: &mut Holder, _: Checkpoint) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Makes a batch of events, of what the sieve takes.
    fn gather(&self, events: Vec<Recorded<Self::Event>>, sieve: &mut Sieve<'_>) -> Self::Batch;

    /// Does what is to be done with a batch, which may be nothing, and moves the checkpoint; what was parked and is handled by
    /// it is not parked any more.
    fn consume(
        &self,
        holder: &mut Holder,
        batch: Self::Batch,
        advance: &Advance,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether it failed because of the events, so that others may be handled all the same.
    fn is_of_events(&self, error: &StoreError) -> bool {
        error.is_failed() || error.is_encode() || error.is_too_large()
    }

    /// When it wants to be woken, whatever events come; never, if it does not.
    fn wakes_at(&self) -> Option<Instant> {
        None
    }

    /// Does what it was woken for. The checkpoint stands where it was saved last.
    fn wake(&self, _: &mut Holder, _: Checkpoint) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// What it does on errors, if nobody says so.
    fn on_error(&self) -> OnError {
        OnError::Stop
    }

    /// When everything is done for the first time since it is one's own, and the checkpoint says so.
    fn caught_up(&self, _: &Holder) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }
}

/// The events of a projection that is one's own.
pub(super) struct Batches<E> {
    key: CheckpointKey,
    events: Subscription<E>,
    /// What was saved last.
    pub(super) saved: Checkpoint,
    /// Up to here, each event is a batch of its own.
    alone_until: Position,
    /// Up to here, no batch is filled.
    unfilled_until: Position,
    live: bool,
    look_at: Instant,
    /// The head at an earlier look, and when that was.
    goal: Option<(Instant, Position)>,
}

impl<E: EventSet> Batches<E> {
    pub(super) fn new(holder: &Holder, key: CheckpointKey, checkpoint: Checkpoint) -> Self {
        Self {
            key,
            events: subscription(holder, checkpoint),
            saved: checkpoint,
            alone_until: Position(0),
            unfilled_until: Position(0),
            live: false,
            look_at: Instant::now() + LOOK_EVERY,
            goal: None,
        }
    }

    /// Goes back to what was saved before a batch of so many, and from there in smaller ones, until it has come as far as
    /// it was: after a filled one in those of always, then event by event.
    pub(super) fn smaller(&mut self, holder: &Holder, events: usize, until: Position) {
        self.events = subscription(holder, self.saved);
        match events > holder.options.batch && until > self.unfilled_until {
            true => self.unfilled_until = until,
            false => self.alone_until = until,
        }
    }

    /// What is there, unless it is time to end, or to look for something else.
    pub(super) async fn next<C: Consumer<Event = E>>(
        &mut self,
        holder: &mut Holder,
        consumer: &C,
        look_at: Option<Instant>,
    ) -> Result<Next<E>, StoreError> {
        let mut batch: Vec<Recorded<E>> = Vec::new();
        let else_at = look_at.unwrap_or_else(Instant::now);
        while batch.is_empty() {
            let look = tokio::time::sleep_until(self.look_at);
            // Events come last: where there is always one more, nothing behind them would ever have its turn.
            tokio::select! {
                biased;
                go_on = holder.called() => {
                    if !go_on {
                        // Whoever has done everything ends as one that has.
                        self.look_whether_live(holder, consumer).await?;
                        return Ok(Next::End);
                    }
                    holder.renew().await?;
                    self.save(holder, consumer).await?;
                }
                () = look, if !self.live => {
                    self.look_whether_live(holder, consumer).await?;
                    self.look_at = Instant::now() + LOOK_EVERY;
                }
                () = tokio::time::sleep_until(else_at), if look_at.is_some() => return Ok(Next::Look),
                next = self.events.next() => batch.extend(next?),
            }
        }
        // What is ready comes along, and all parts of what was one event.
        let first = batch.first().map_or(Position(0), |first| first.position);
        let fills = C::FILLS && holder.options.fill && !self.live && first > self.alone_until.max(self.unfilled_until);
        let most = match first <= self.alone_until {
            true => 1,
            false if fills => FILLED,
            false => holder.options.batch,
        };
        let filled_at = Instant::now() + FILLING;
        while batch.len() < most || batch.last().is_some_and(|last| last.part < last.parts) {
            let next = match fills && self.events.has_more() {
                true => tokio::time::timeout_at(filled_at, self.events.next()).await.ok(),
                false => self.events.next().now_or_never(),
            };
            match next {
                Some(Ok(Some(event))) => batch.push(event),
                // An error is told again when there is nothing else to do.
                _ => break,
            }
        }
        Ok(Next::Events(batch))
    }

    /// How the checkpoint moves when all that was handed out is done.
    pub(super) fn advance(&self, holder: &Holder) -> Advance {
        let to = self.events.checkpoint().owner_epoch(holder.owner_epoch());
        Advance::new(self.key.clone(), self.saved.cursor, to)
    }

    /// Notes how far it has come over events of others, so that they are not read again: as a batch, because a save that
    /// lands late must not move the checkpoint back behind what was handled since.
    async fn save(&mut self, holder: &mut Holder, consumer: &impl Consumer<Event = E>) -> Result<(), StoreError> {
        let advance = self.advance(holder);
        if advance.to.cursor != advance.from {
            consumer.consume(holder, Default::default(), &advance).await?;
            self.saved = advance.to;
            holder.status.handled(0, advance.to.cursor.position);
        }
        Ok(())
    }

    /// Whether all is done, or what was there a moment ago.
    fn is_near(&mut self, head: Position) -> bool {
        let position = self.events.cursor().position;
        let (since, goal) = *self.goal.get_or_insert((Instant::now(), head));
        if position >= head {
            return true;
        }
        if position >= goal {
            self.goal = None;
        }
        position >= goal && since.elapsed() <= NEAR
    }

    async fn look_whether_live(
        &mut self,
        holder: &mut Holder,
        consumer: &impl Consumer<Event = E>,
    ) -> Result<(), StoreError> {
        if self.live {
            return Ok(());
        }
        let head = holder.steadily(|| holder.store.head()).await?.newest;
        if self.is_near(head) {
            self.save(holder, consumer).await?;
            consumer.caught_up(holder).await?;
            self.live = true;
            holder.status.doing(Activity::Live);
        }
        Ok(())
    }
}

/// What comes next for a projection.
pub(super) enum Next<E> {
    /// At least one event, with all its parts.
    Events(Vec<Recorded<E>>),
    /// It is time to look for something else.
    Look,
    /// It is time to end.
    End,
}

fn subscription<E: EventSet>(holder: &Holder, from: Checkpoint) -> Subscription<E> {
    let events = holder.store.subscribe_from(Read::all().limit(holder.options.batch), from);
    events.patience(holder.options.patience)
}

/// Refuses, while compiling, what is no name of a projection.
pub(super) const fn assert_name(name: &str) {
    const RULE: &str =
        "the name of a projection or sink is lower-case letters, digits and `_`, a letter first, at most 63 bytes";
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty() && bytes.len() <= 63 && bytes[0].is_ascii_lowercase(), "{}", RULE);
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        assert!(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_', "{}", RULE);
        at += 1;
    }
}
