//! A view as a projection: batches of events become rows, written with their checkpoint.

use std::marker::PhantomData;

use crate::contract::checkpoint::CheckpointKey;
use crate::contract::parking::key_of_row;
use crate::contract::transaction::Advance;
use crate::contract::view::MOST_KEYS;
use crate::folding::view::View;
use crate::folding::view_batch::ViewBatch;
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::view_table::ViewTable;

use super::consumer::Consumer;
use super::holder::Holder;
use super::parking::Sieve;

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
    type Batch = ViewBatch<V>;

    fn key(&self) -> CheckpointKey {
        self.table.checkpoint_key()
    }

    async fn prepare(&self, holder: &Holder) -> Result<(), StoreError> {
        holder.steadily(|| holder.store.create_view(&self.table)).await
    }

    fn gather(&self, events: Vec<Recorded<V::Event>>, sieve: &mut Sieve<'_>) -> ViewBatch<V> {
        let mut batch = ViewBatch::<V>::new();
        for event in events {
            let at = (event.position, event.id);
            batch.add_where(event, |key| sieve.takes(at, || key_of_row(&key.clone().into_column())));
        }
        batch
    }

    async fn consume(&self, holder: &mut Holder, batch: ViewBatch<V>, advance: &Advance) -> Result<(), StoreError> {
        let store = &holder.store;
        let keys = batch.columns_of_keys();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MOST_KEYS) {
            rows.extend(holder.steadily(|| store.rows(&self.table, keys)).await?);
        }
        let mut changes = batch.fold(rows)?;
        changes.unparked.clone_from(&advance.unparked);
        holder.steadily(|| store.write_rows(&self.table, &changes, advance.to)).await
    }

    /// A value that cannot be kept, or a row with another key. That the table is there was found out when rows were read;
    /// what else a store fails in is its own.
    fn is_of_events(&self, error: &StoreError) -> bool {
        error.is_invalid() || error.is_encode() || error.is_too_large()
    }

    /// It is what readers of the stable name see from now on.
    async fn caught_up(&self, holder: &Holder) -> Result<(), StoreError> {
        if self.serving == Serving::Nobody {
            return Ok(());
        }
        let store = &holder.store;
        let held = holder.steadily(|| store.held_views(self.table.name)).await?;
        let serving = held.iter().position(|held| held.serving);
        let this = held.iter().position(|held| held.is(&self.table));
        // A program of yesterday does not take the name from that of today.
        let stays = serving.is_some() && (holder.options.switch_by_hand || serving >= this);
        if !stays {
            holder.steadily(|| store.serve_view(&self.table)).await?;
        }
        Ok(())
    }
}
