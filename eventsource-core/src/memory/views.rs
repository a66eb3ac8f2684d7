//! Tables of views.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::checkpoint::Checkpoint;
use crate::contract::view::{HeldView, Scan, ViewStore};
use crate::words::column::{ColumnValue, Row};
use crate::words::error::StoreError;
use crate::words::view_table::{RowChanges, ViewTable};

use super::MemoryStore;
use super::checkpoints::Checkpoints;
use super::parking::Parking;

/// Every table, by name, version and fingerprint.
#[derive(Default)]
pub(super) struct Views {
    held: BTreeMap<(String, u32, u32), Held>,
    made: u64,
}

#[derive(Default)]
struct Held {
    /// By key.
    rows: BTreeMap<ColumnValue, Row>,
    serving: bool,
    /// How many were made before it.
    number: u64,
}

impl Held {
    fn change(&mut self, table: &ViewTable, changes: &RowChanges) {
        self.rows.extend(changes.written.iter().map(|row| (table.key_of(row).clone(), row.clone())));
        for key in &changes.deleted {
            self.rows.remove(key);
        }
    }
}

fn id(table: &ViewTable) -> (String, u32, u32) {
    (table.name.to_owned(), table.version, table.fingerprint())
}

impl Views {
    fn create(&mut self, table: &ViewTable) -> Result<(), StoreError> {
        table.check_key()?;
        let number = self.made;
        self.made += 1;
        self.held.entry(id(table)).or_insert_with(|| Held { number, ..Held::default() });
        Ok(())
    }

    fn held(&self, table: &ViewTable) -> Result<&Held, StoreError> {
        self.held.get(&id(table)).ok_or_else(|| table.not_held())
    }

    fn write(
        &mut self,
        table: &ViewTable,
        changes: &RowChanges,
        (checkpoints, checkpoint): (&mut Checkpoints, Checkpoint),
        parking: &mut Parking,
    ) -> Result<(), StoreError> {
        table.check_changes(changes)?;
        let held = self.held.get_mut(&id(table)).ok_or_else(|| table.not_held())?;
        if let Some(stored) = checkpoints.load(&table.checkpoint_key()) {
            let (from, to) = (stored.cursor.position, checkpoint.cursor.position);
            if from > to {
                let message = format!("view {table} stands at position {from}: a write of position {to} came too late");
                return Err(StoreError::fenced(message));
            }
        }
        let key = table.checkpoint_key();
        parking.check(&key, &changes.unparked)?;
        // Nothing behind this can fail, so it is all or nothing.
        checkpoints.save(&key, checkpoint)?;
        parking.remove(&key, &changes.unparked);
        held.change(table, changes);
        Ok(())
    }

    /// The rows of these keys.
    pub(super) fn rows(&self, table: &ViewTable, keys: &[ColumnValue]) -> Result<Vec<Row>, StoreError> {
        let rows = &self.held(table)?.rows;
        Ok(keys.iter().filter_map(|key| rows.get(key).cloned()).collect())
    }

    /// Writes and deletes rows of a table that is held.
    pub(super) fn change(&mut self, table: &ViewTable, changes: &RowChanges) {
        if let Some(held) = self.held.get_mut(&id(table)) {
            held.change(table, changes);
        }
    }

    fn scan(&self, table: &ViewTable, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        scan.check(table)?;
        let place = |row: &&Row| (row[scan.column].clone(), table.key_of(row).clone());
        let bounded = |row: &&Row| {
            let value = &row[scan.column];
            let something = *value != ColumnValue::Null || (scan.from.is_none() && scan.to.is_none());
            something
                && scan.from.as_ref().is_none_or(|from| value >= from)
                && scan.to.as_ref().is_none_or(|to| value <= to)
        };
        let behind = |row: &&Row| match &scan.after {
            Some(after) if scan.descending => place(row) < *after,
            Some(after) => place(row) > *after,
            None => true,
        };
        let mut rows: Vec<&Row> = self.held(table)?.rows.values().filter(bounded).filter(behind).collect();
        // By key they are in order already.
        if scan.column != table.key {
            rows.sort_by_cached_key(place);
        }
        if scan.descending {
            rows.reverse();
        }
        Ok(rows.into_iter().take(scan.limit).cloned().collect())
    }

    fn serve(&mut self, table: &ViewTable) -> Result<(), StoreError> {
        self.held(table)?;
        for (of, held) in &mut self.held {
            if of.0 == table.name {
                held.serving = *of == id(table);
            }
        }
        Ok(())
    }

    fn all_of(&self, name: &str) -> Vec<HeldView> {
        let mut of_name: Vec<_> = self.held.iter().filter(|((of, ..), _)| of == name).collect();
        of_name.sort_by_key(|((_, version, _), held)| (*version, held.number));
        let view = |(name, version, print): &(String, u32, u32), held: &Held| {
            HeldView::new(name, *version, *print, held.serving)
        };
        of_name.into_iter().map(|(id, held)| view(id, held)).collect()
    }

    fn drop(
        &mut self,
        view: &HeldView,
        (checkpoints, parking): (&mut Checkpoints, &mut Parking),
    ) -> Result<(), StoreError> {
        let id = (view.name.clone(), view.version, view.fingerprint);
        if self.held.get(&id).is_some_and(|held| held.serving) {
            return Err(view.still_serves());
        }
        if self.held.remove(&id).is_some() {
            checkpoints.forget(&view.checkpoint_key());
            parking.forget(&view.checkpoint_key());
        }
        Ok(())
    }
}

impl ViewStore for MemoryStore {
    fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.open_log_mut()?.views.create(table) }.boxed()
    }

    fn rows<'a>(
        &'a self,
        table: &'a ViewTable,
        keys: &'a [ColumnValue],
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move {
            let log = self.open_log()?;
            table.check_keys(keys)?;
            log.views.rows(table, keys)
        }
        .boxed()
    }

    fn write_rows<'a>(
        &'a self,
        table: &'a ViewTable,
        changes: &'a RowChanges,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let log = &mut *self.open_log_mut()?;
            log.views.write(table, changes, (&mut log.checkpoints, checkpoint), &mut log.parking)
        }
        .boxed()
    }

    fn scan_rows<'a>(&'a self, table: &'a ViewTable, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        async move { self.open_log()?.views.scan(table, scan) }.boxed()
    }

    fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move { self.open_log_mut()?.views.serve(table) }.boxed()
    }

    fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>> {
        async move { Ok(self.open_log()?.views.all_of(name)) }.boxed()
    }

    fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let log = &mut *self.open_log_mut()?;
            log.views.drop(view, (&mut log.checkpoints, &mut log.parking))
        }
        .boxed()
    }
}
