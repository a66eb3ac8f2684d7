//! The folds of a view, as a store runs them: a panic of theirs is an error, and never the store's.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::contract::inline::{InlineFold, RowFold};
use crate::contract::read::Read;
use crate::folding::aggregate::Aggregate;
use crate::folding::event_set::{decode_recorded, stored_names};
use crate::folding::view::{InlineView, View};
use crate::folding::view_batch::{ViewBatch, from_row, into_row};
use crate::words::column::{ColumnValue, Row};
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::event::RawEvent;
use crate::words::stream::{StreamId, Version};
use crate::words::view_table::{RowChanges, ViewTable};

/// So many events of a stream are folded at a time.
const BATCH: usize = 500;

/// A view of the streams of one aggregate.
pub(super) struct Inline<V> {
    table: ViewTable,
    events: Read,
    view: PhantomData<fn() -> V>,
}

impl<V: InlineView> Inline<V> {
    pub(super) fn of<A: Aggregate>() -> Self {
        let events = Read::category(A::NAME).names(stored_names::<V::Event>());
        Self { table: V::TABLE, events, view: PhantomData }
    }
}

impl<V: InlineView> InlineFold for Inline<V> {
    fn table(&self) -> &ViewTable {
        &self.table
    }

    fn events(&self) -> &Read {
        &self.events
    }

    fn key_of(&self, stream: &StreamId) -> ColumnValue {
        key_of::<V>(stream).map_or(ColumnValue::Null, ColumnType::into_column)
    }

    fn begin(&self, stream: &StreamId, row: Option<Row>) -> Result<Box<dyn RowFold>, StoreError> {
        let stored = row.map(from_row::<V>).transpose()?;
        let key = key_of::<V>(stream).ok_or_else(|| StoreError::invalid(format!("view {}: no key", V::TABLE)))?;
        Ok(Box::new(Folding::<V> {
            stream: stream.clone(),
            key,
            names: stored_names::<V::Event>(),
            version: stored.as_ref().map_or(Version(0), V::__version),
            was_stored: stored.is_some(),
            row: stored,
            batch: ViewBatch::new(),
            waiting: 0,
            is_touched: false,
        }))
    }
}

fn key_of<V: View>(stream: &StreamId) -> Option<V::Key> {
    V::__stream_key(stream.id()).map(ColumnType::into_stored)
}

/// A row on its way.
struct Folding<V: View> {
    stream: StreamId,
    key: V::Key,
    names: Vec<&'static str>,
    version: Version,
    was_stored: bool,
    row: Option<V>,
    batch: ViewBatch<V>,
    waiting: usize,
    is_touched: bool,
}

impl<V: View> Folding<V> {
    /// Runs code of the caller's.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // What is half done is thrown away with the error.
        catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|panic| Err(self.panicked(&*panic)))
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> StoreError {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words");
        StoreError::failed(format!("view {}: a fold of stream {} panicked: {text}", V::TABLE, self.stream))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        self.waiting = 0;
        if let Some(key) = batch.keys().find(|key| **key != self.key) {
            let key = key.clone().into_column();
            return Err(StoreError::invalid(format!(
                "view {}: `Fold::keys` says that an event of stream {} concerns the row {key:?}; inline it concerns \
                 that of its stream alone",
                V::TABLE,
                self.stream
            )));
        }
        if batch.keys().next().is_none() {
            return Ok(());
        }
        self.is_touched = true;
        let rows = batch.fold_rows(self.row.take().into_iter().collect())?;
        self.row = rows.into_iter().next().and_then(|slot| slot.row);
        Ok(())
    }
}

impl<V: View> RowFold for Folding<V> {
    fn version(&self) -> Version {
        self.version
    }

    fn fold(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        if !self.names.contains(&event.name) {
            return Ok(());
        }
        self.guarded(|folding| {
            decode_recorded(event, |event| folding.batch.add(event))?;
            folding.waiting += 1;
            if folding.waiting == BATCH { folding.flush() } else { Ok(()) }
        })
    }

    fn finish(mut self: Box<Self>) -> Result<RowChanges, StoreError> {
        self.guarded(Self::flush)?;
        let Self { key, row, was_stored, is_touched, .. } = *self;
        Ok(match row {
            _ if !is_touched => RowChanges::default(),
            Some(row) => RowChanges::new(vec![into_row(row)?], Vec::new()),
            None if was_stored => RowChanges::new(Vec::new(), vec![key.into_column()]),
            None => RowChanges::default(),
        })
    }
}
