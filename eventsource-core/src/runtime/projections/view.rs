//! A view as a projection: batches of events become rows, written with their checkpoint.

use std::marker::PhantomData;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

use crate::contract::checkpoint::Checkpoint;
use crate::contract::read::Read;
use crate::contract::view::{HeldView, MOST_KEYS};
use crate::folding::view::View;
use crate::folding::view_batch::ViewBatch;
use crate::runtime::subscription::{Subscribe, Subscription};
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::Position;
use crate::words::view_table::ViewTable;

use super::holder::Holder;
use super::status::{Activity, Entry};
use super::{Run, With};

/// Between two looks whether it has caught up.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Where events never pause, whoever holds what was there so short a time ago has caught up.
const NEAR: Duration = Duration::from_secs(1);

pub(super) struct ViewProjection<V> {
    status: Entry,
    table: ViewTable,
    serving: Serving,
    view: PhantomData<fn() -> V>,
}

/// Whether readers of the stable name come to see the table.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Serving {
    WhenCaughtUp,
    Nobody,
}

impl<V: View> ViewProjection<V> {
    pub(super) fn new(status: Entry, table: ViewTable, serving: Serving) -> Self {
        Self { status, table, serving, view: PhantomData }
    }
}

impl<V: View> Run for ViewProjection<V> {
    fn holder(&self, with: With, shutdown: &watch::Receiver<bool>) -> Holder {
        Holder::new(with, self.table.checkpoint_key(), self.status.clone(), shutdown.clone())
    }

    fn run(self: Box<Self>, mut holder: Holder) -> BoxFuture<'static, Result<(), StoreError>> {
        async move {
            holder.steadily(|| holder.store.create_view(&self.table)).await?;
            while let Some(checkpoint) = holder.claim().await? {
                match Running::<V>::new(&holder, &self, checkpoint).run(&mut holder).await {
                    Err(error) if error.is_fenced() => {
                        holder.status.failed(&error);
                        tracing::info!(view = %V::TABLE, %error, "somebody else goes on with the view");
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

/// A view that is one's own.
struct Running<V: View> {
    events: Subscription<V::Event>,
    owner_epoch: u64,
    /// What was saved last.
    saved: Checkpoint,
    served: bool,
    look_at: Instant,
    /// The head at an earlier look, and when that was.
    goal: Option<(Instant, Position)>,
    table: ViewTable,
    serving: Serving,
}

impl<V: View> Running<V> {
    fn new(holder: &Holder, view: &ViewProjection<V>, checkpoint: Checkpoint) -> Self {
        let events = holder.store.subscribe_from(Read::all().limit(holder.options.batch), checkpoint);
        let events = events.patience(holder.options.patience);
        Self {
            events,
            owner_epoch: checkpoint.owner_epoch,
            saved: checkpoint,
            served: false,
            look_at: Instant::now() + LOOK_EVERY,
            goal: None,
            table: view.table,
            serving: view.serving,
        }
    }

    async fn run(mut self, holder: &mut Holder) -> Result<(), StoreError> {
        loop {
            let batch = self.next_batch(holder).await?;
            if batch.is_empty() {
                return Ok(());
            }
            holder.renew().await?;
            let (count, began) = (batch.len(), Instant::now());
            self.write(holder, batch).instrument(tracing::debug_span!("projection_batch", events = count)).await?;
            holder.status.batch_took(began.elapsed());
            holder.status.handled(count, self.saved.cursor.position);
        }
    }

    /// What is there, and at least one event; none when it is time to end.
    async fn next_batch(&mut self, holder: &mut Holder) -> Result<Vec<Recorded<V::Event>>, StoreError> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            let look = tokio::time::sleep_until(self.look_at);
            // Events come last: where there is always one more, nothing behind them would ever have its turn.
            tokio::select! {
                biased;
                go_on = holder.called() => {
                    if !go_on {
                        return Ok(batch);
                    }
                    holder.renew().await?;
                    self.save(holder).await?;
                }
                () = look, if !self.served => {
                    self.serve_if_caught_up(holder).await?;
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

    async fn write(&mut self, holder: &Holder, events: Vec<Recorded<V::Event>>) -> Result<(), StoreError> {
        let store = &holder.store;
        let mut batch = ViewBatch::<V>::new();
        events.into_iter().for_each(|event| batch.add(event));
        let keys = batch.columns_of_keys();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MOST_KEYS) {
            rows.extend(holder.steadily(|| store.rows(&self.table, keys)).await?);
        }
        let changes = batch.fold(rows)?;
        let checkpoint = self.events.checkpoint().owner_epoch(self.owner_epoch);
        holder.steadily(|| store.write_rows(&self.table, &changes, checkpoint)).await?;
        self.saved = checkpoint;
        Ok(())
    }

    /// Notes how far it has come over events of others, so that they are not read again.
    async fn save(&mut self, holder: &Holder) -> Result<(), StoreError> {
        let checkpoint = self.events.checkpoint().owner_epoch(self.owner_epoch);
        if checkpoint.cursor != self.saved.cursor {
            let key = self.table.checkpoint_key();
            holder.steadily(|| holder.store.save_checkpoint(&key, checkpoint)).await?;
            self.saved = checkpoint;
            holder.status.handled(0, checkpoint.cursor.position);
        }
        Ok(())
    }

    /// Whether all is in the table, or what was there a moment ago.
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

    /// From the first time on that everything is in the table, it is what readers of the stable name see.
    async fn serve_if_caught_up(&mut self, holder: &Holder) -> Result<(), StoreError> {
        let store = &holder.store;
        let head = holder.steadily(|| store.head()).await?.newest;
        if !self.is_near(head) {
            return Ok(());
        }
        self.save(holder).await?;
        if self.serving == Serving::WhenCaughtUp {
            let held = holder.steadily(|| store.held_views(self.table.name)).await?;
            // A program of yesterday does not take the name from that of today.
            let stays = |held: &HeldView| holder.options.switch_by_hand || held.version > self.table.version;
            if !held.iter().any(|held| held.serving && (held.is(&self.table) || stays(held))) {
                holder.steadily(|| store.serve_view(&self.table)).await?;
            }
        }
        self.served = true;
        holder.status.doing(Activity::Live);
        Ok(())
    }
}
