//! A view as a projection: batches of events become rows, written with their checkpoint.

use std::marker::PhantomData;

use crate::contract::checkpoint::CheckpointKey;
use crate::contract::transaction::Advance;
use crate::contract::view::{HeldView, MOST_KEYS};
use crate::folding::view::View;
use crate::folding::view_batch::ViewBatch;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::view_table::ViewTable;

use super::consumer::Consumer;
use super::holder::Holder;

/// A table into which a view is folded.
pub(super) struct Folding<V> {
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

impl<V: View> Folding<V> {
    pub(super) fn new(table: ViewTable, serving: Serving) -> Self {
        Self { table, serving, view: PhantomData }
    }
}

impl<V: View> Consumer for Folding<V> {
    type Event = V::Event;

    fn key(&self) -> CheckpointKey {
        self.table.checkpoint_key()
    }

    async fn prepare(&self, holder: &Holder) -> Result<(), StoreError> {
        holder.steadily(|| holder.store.create_view(&self.table)).await
    }

    async fn consume(
        &self,
        holder: &mut Holder,
        events: Vec<Recorded<V::Event>>,
        advance: &Advance,
    ) -> Result<(), StoreError> {
        let store = &holder.store;
        let mut batch = ViewBatch::<V>::new();
        events.into_iter().for_each(|event| batch.add(event));
        let keys = batch.columns_of_keys();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MOST_KEYS) {
            rows.extend(holder.steadily(|| store.rows(&self.table, keys)).await?);
        }
        let changes = batch.fold(rows)?;
        holder.steadily(|| store.write_rows(&self.table, &changes, advance.to)).await
    }

    /// It is what readers of the stable name see from now on.
    async fn caught_up(&self, holder: &Holder) -> Result<(), StoreError> {
        if self.serving == Serving::Nobody {
            return Ok(());
        }
        let store = &holder.store;
        let held = holder.steadily(|| store.held_views(self.table.name)).await?;
        // A program of yesterday does not take the name from that of today.
        let stays = |held: &HeldView| holder.options.switch_by_hand || held.version > self.table.version;
        if !held.iter().any(|held| held.serving && (held.is(&self.table) || stays(held))) {
            holder.steadily(|| store.serve_view(&self.table)).await?;
        }
        Ok(())
    }
}
