//! What all projections have in common: batches of events, each done once before the next.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey};
use crate::contract::read::Read;
use crate::contract::transaction::Advance;
use crate::folding::event_set::EventSet;
use crate::runtime::subscription::{Subscribe, Subscription};
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::Position;

use super::holder::Holder;
use super::status::{Activity, Entry, Follows};
use super::{Run, With};

/// Between two looks whether it has caught up.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Where events never pause, whoever holds what was there so short a time ago has caught up.
const NEAR: Duration = Duration::from_secs(1);

/// What is done with events.
pub(super) trait Consumer: Send + Sync + 'static {
    type Event: EventSet;

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

    /// Does what is to be done with a batch, and moves the checkpoint.
    fn consume(
        &self,
        holder: &mut Holder,
        events: Vec<Recorded<Self::Event>>,
        advance: &Advance,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// When everything is done for the first time since it is one's own, and the checkpoint says so.
    fn caught_up(&self, _: &Holder) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }
}

/// A consumer as a projection.
pub(super) struct Running<C> {
    consumer: C,
    status: Entry,
}

impl<C: Consumer> Running<C> {
    pub(super) fn new(consumer: C, status: Entry) -> Self {
        Self { consumer, status }
    }

    /// Batch by batch, until it is time to end.
    async fn go_on(&self, holder: &mut Holder, checkpoint: Checkpoint) -> Result<(), StoreError> {
        self.consumer.begin(holder, checkpoint).await?;
        let mut batches = Batches::new(holder, self.consumer.key(), checkpoint);
        loop {
            let events = batches.next(holder, &self.consumer).await?;
            if events.is_empty() {
                return Ok(());
            }
            holder.renew().await?;
            let count = events.len();
            let (advance, began) = (batches.advance(), Instant::now());
            let span = tracing::debug_span!("projection_batch", events = count);
            self.consumer.consume(holder, events, &advance).instrument(span).await?;
            batches.saved = advance.to;
            holder.status.batch_took(began.elapsed());
            holder.status.handled(count, advance.to.cursor.position);
        }
    }
}

impl<C: Consumer> Run for Running<C> {
    fn holder(&self, with: With, shutdown: &watch::Receiver<bool>) -> Holder {
        Holder::new(with, self.consumer.key(), self.status.clone(), shutdown.clone())
    }

    fn run(self: Box<Self>, mut holder: Holder) -> BoxFuture<'static, Result<(), StoreError>> {
        async move {
            self.consumer.prepare(&holder).await?;
            while let Some(checkpoint) = holder.claim().await? {
                match self.go_on(&mut holder, checkpoint).await {
                    Err(error) if error.is_fenced() => {
                        holder.status.failed(&error);
                        tracing::info!(projection = %self.consumer.key().name, %error, "somebody else goes on with it");
                    }
                    // What was not written is done again by whoever comes next.
                    Err(error) if error.is_transient() && holder.is_shut_down() => {
                        holder.status.failed(&error);
                        holder.release().await;
                        return Ok(());
                    }
                    ended => {
                        holder.release().await;
                        return ended;
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }
}

/// The events of a projection that is one's own.
struct Batches<E> {
    key: CheckpointKey,
    events: Subscription<E>,
    owner_epoch: u64,
    /// What was saved last.
    saved: Checkpoint,
    live: bool,
    look_at: Instant,
    /// The head at an earlier look, and when that was.
    goal: Option<(Instant, Position)>,
}

impl<E: EventSet> Batches<E> {
    fn new(holder: &Holder, key: CheckpointKey, checkpoint: Checkpoint) -> Self {
        let events = holder.store.subscribe_from(Read::all().limit(holder.options.batch), checkpoint);
        let events = events.patience(holder.options.patience);
        Self {
            key,
            events,
            owner_epoch: checkpoint.owner_epoch,
            saved: checkpoint,
            live: false,
            look_at: Instant::now() + LOOK_EVERY,
            goal: None,
        }
    }

    /// What is there, and at least one event; none when it is time to end.
    async fn next(
        &mut self,
        holder: &mut Holder,
        consumer: &impl Consumer<Event = E>,
    ) -> Result<Vec<Recorded<E>>, StoreError> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            let look = tokio::time::sleep_until(self.look_at);
            // Events come last: where there is always one more, nothing behind them would ever have its turn.
            tokio::select! {
                biased;
                go_on = holder.called() => {
                    if !go_on {
                        // Whoever has done everything ends as one that has.
                        self.look_whether_live(holder, consumer).await?;
                        return Ok(batch);
                    }
                    holder.renew().await?;
                    self.save(holder).await?;
                }
                () = look, if !self.live => {
                    self.look_whether_live(holder, consumer).await?;
                    self.look_at = Instant::now() + LOOK_EVERY;
                }
                next = self.events.next() => batch.extend(next?),
            }
        }
        // What is ready comes along, and all parts of what was one event.
        while batch.len() < holder.options.batch || batch.last().is_some_and(|last| last.part < last.parts) {
            match self.events.next().now_or_never() {
                Some(Ok(Some(event))) => batch.push(event),
                // An error is told again when there is nothing else to do.
                _ => break,
            }
        }
        Ok(batch)
    }

    /// How the checkpoint moves when all that was handed out is done.
    fn advance(&self) -> Advance {
        let to = self.events.checkpoint().owner_epoch(self.owner_epoch);
        Advance::new(self.key.clone(), self.saved.cursor, to)
    }

    /// Notes how far it has come over events of others, so that they are not read again.
    async fn save(&mut self, holder: &Holder) -> Result<(), StoreError> {
        let Advance { key, from, to } = self.advance();
        if to.cursor != from {
            holder.steadily(|| holder.store.save_checkpoint(&key, to)).await?;
            self.saved = to;
            holder.status.handled(0, to.cursor.position);
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
        holder: &Holder,
        consumer: &impl Consumer<Event = E>,
    ) -> Result<(), StoreError> {
        if self.live {
            return Ok(());
        }
        let head = holder.steadily(|| holder.store.head()).await?.newest;
        if self.is_near(head) {
            self.save(holder).await?;
            consumer.caught_up(holder).await?;
            self.live = true;
            holder.status.doing(Activity::Live);
        }
        Ok(())
    }
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
