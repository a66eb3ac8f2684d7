//! A batch of events folded into the rows that it touches.

use std::collections::{HashMap, HashSet};

use crate::words::column::{ColumnValue, Row};
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::event::Recorded;
use crate::words::stream::Version;
use crate::words::view_table::RowChanges;

use super::view::View;
use super::view_row::ColumnFault;

/// Events on their way into the rows of a view: add them, look up the rows of their keys, fold.
pub struct ViewBatch<V: View> {
    events: Vec<(Version, V::__Typed)>,
    /// Which event concerns which slot, in the order in which they are folded.
    touches: Vec<(usize, usize)>,
    slots: Vec<Slot<V>>,
    /// Which slot is that of a key.
    of_key: HashMap<V::Key, usize>,
}

/// A row before and while it is folded.
pub(crate) struct Slot<V: View> {
    pub(crate) key: V::Key,
    stored: bool,
    pub(crate) row: Option<V>,
}

impl<V: View> ViewBatch<V> {
    /// No event yet.
    pub fn new() -> Self {
        Self { events: Vec::new(), touches: Vec::new(), slots: Vec::new(), of_key: HashMap::new() }
    }

    /// Adds the event behind those that were added before it.
    pub fn add(&mut self, event: Recorded<V::Event>) {
        self.add_where(event, |_| true);
    }

    /// Adds the event for those of its rows that are wanted.
    pub(crate) fn add_where(&mut self, event: Recorded<V::Event>, mut wanted: impl FnMut(&V::Key) -> bool) {
        let version = event.version;
        let event = V::__typed(event);
        let mut keys = V::__keys(&event).keys;
        if keys.len() > 1 {
            let mut seen = HashSet::with_capacity(keys.len());
            keys.retain(|key| seen.insert(key.clone()));
        }
        let at = self.events.len();
        for key in keys.into_iter().map(V::Key::into_stored).filter(|key| wanted(key)) {
            let slot = self.slot(key);
            self.touches.push((at, slot));
        }
        if self.touches.last().is_some_and(|(last, _)| *last == at) {
            self.events.push((version, event));
        }
    }

    fn slot(&mut self, key: V::Key) -> usize {
        if let Some(slot) = self.of_key.get(&key) {
            return *slot;
        }
        self.slots.push(Slot { key: key.clone(), stored: false, row: None });
        self.of_key.insert(key, self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// The keys of all rows that are touched, each once.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &V::Key> {
        self.slots.iter().map(|slot| &slot.key)
    }

    /// The same as columns, for a store to look up.
    pub fn columns_of_keys(&self) -> Vec<ColumnValue> {
        self.keys().map(|key| key.clone().into_column()).collect()
    }

    /// Takes the rows as they are stored, folds all events into them, and says what has changed.
    pub fn fold(self, stored: Vec<Row>) -> Result<RowChanges, StoreError> {
        let stored = stored.into_iter().map(from_row::<V>).collect::<Result<Vec<V>, _>>()?;
        let mut changes = RowChanges::default();
        for slot in self.fold_rows(stored)? {
            match slot.row {
                Some(row) => changes.written.push(into_row(row)?),
                None if slot.stored => changes.deleted.push(slot.key.into_column()),
                None => {}
            }
        }
        Ok(changes)
    }

    /// The same without a store: every row that is touched, as it is then, in order of key.
    pub(crate) fn fold_rows(mut self, stored: Vec<V>) -> Result<Vec<Slot<V>>, StoreError> {
        for row in stored {
            if let Some(slot) = self.of_key.get(row.key()) {
                let slot = &mut self.slots[*slot];
                (slot.stored, slot.row) = (true, Some(row));
            }
        }
        for (event, slot) in self.touches {
            let Slot { key, row, .. } = &mut self.slots[slot];
            // As if the batch had ended here: a batch of one event and one of a thousand make the same rows.
            let (version, event) = &self.events[event];
            *row = V::__fold(key, row.take(), event).map(|mut row| {
                row.__set_version(*version);
                row.__into_stored()
            });
            if row.as_ref().is_some_and(|row| row.key() != key) {
                let message = "a fold returned a row with another key than the one it was given";
                return Err(StoreError::invalid(format!("view {}: {message}", V::TABLE)));
            }
        }
        self.slots.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(self.slots)
    }
}

impl<V: View> Default for ViewBatch<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The row of a struct as a store gave it back.
pub(crate) fn from_row<V: View>(row: Row) -> Result<V, StoreError> {
    V::__from_row(row).map_err(|ColumnFault { column, reason }| {
        let table = V::TABLE.table_name();
        StoreError::corrupt(format!("table {table}: column {column} is not what its field takes")).with_source(reason)
    })
}

pub(crate) fn into_row<V: View>(row: V) -> Result<Row, StoreError> {
    row.__into_row().map_err(|ColumnFault { column, reason }| {
        StoreError::encode(format!("view {}: column {column} cannot be stored", V::TABLE)).with_source(reason)
    })
}
