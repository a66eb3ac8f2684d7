//! Tables that views make of events, kept in the store beside the checkpoint of what is in them.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::words::column::{ColumnValue, Row};
use crate::words::error::StoreError;
use crate::words::view_table::{RowChanges, ViewTable};

use super::checkpoint::{Checkpoint, CheckpointKey};
use super::parking::ParkingStore;

/// The most rows that one scan gives.
const MOST_ROWS: usize = 10_000;

/// The most keys that are looked up at once.
pub(crate) const MOST_KEYS: usize = 65_536;

impl ViewTable {
    /// Fails if there are more keys than a store looks up at once.
    pub fn check_keys(&self, keys: &[ColumnValue]) -> Result<(), StoreError> {
        if keys.len() > MOST_KEYS {
            let message = format!("view {self}: {} keys at once, at most {MOST_KEYS}", keys.len());
            return Err(StoreError::invalid(message));
        }
        keys.iter().try_for_each(|key| self.check_value(&self.columns[self.key], key))
    }

    /// Under which its checkpoint is kept: that of another shape is another one.
    pub fn checkpoint_key(&self) -> CheckpointKey {
        checkpoint_key(self.name, self.version, self.fingerprint())
    }
}

fn checkpoint_key(name: &str, version: u32, fingerprint: u32) -> CheckpointKey {
    CheckpointKey::new(format!("{name}#{fingerprint:08x}")).view_version(version)
}

/// Which rows to look up, and in which order: that of the column, and of the key among equals.
///
/// The order is that of [`ColumnValue`]: rows that hold nothing come first, and last from the greatest down.
///
/// ```
/// use eventsource::{Column, ColumnType, Scan, ViewTable};
///
/// const COLUMNS: &[Column] = &[Column::of::<String>("account"), Column::of::<i64>("cents").indexed()];
/// const BALANCES: ViewTable = ViewTable::new("balances", 1, COLUMNS, 0);
/// let mut richest = Scan::by(1);
/// richest.from = Some(100_i64.into_column());
/// richest.descending = true;
/// assert!(richest.check(&BALANCES).is_ok());
/// assert!(Scan::by(2).check(&BALANCES).unwrap_err().is_invalid());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scan {
    /// The column: the key, or one with an index.
    pub column: usize,
    /// Only values of at least this, which is not nothing; rows that hold nothing are then left out.
    pub from: Option<ColumnValue>,
    /// Only values of at most this, which is not nothing; rows that hold nothing are then left out.
    pub to: Option<ColumnValue>,
    /// Only rows behind this one: its value in the column, which may be nothing, and its key.
    pub after: Option<(ColumnValue, ColumnValue)>,
    /// From the greatest down.
    pub descending: bool,
    /// At most so many rows, from 1 to 10,000.
    pub limit: usize,
}

impl Scan {
    /// Every row, in order of a column.
    pub fn by(column: usize) -> Self {
        Self { column, from: None, to: None, after: None, descending: false, limit: 100 }
    }

    /// Fails unless the table can be read so: what a store checks first.
    pub fn check(&self, table: &ViewTable) -> Result<(), StoreError> {
        let invalid = |message: String| Err(StoreError::invalid(format!("view {table}: {message}")));
        let Some(column) = table.columns.get(self.column) else {
            return invalid(format!("there is no column {}", self.column));
        };
        if self.column != table.key && !column.indexed {
            return invalid(format!("column {} has no index: write `#[view(index)]` above it", column.name));
        }
        if !(1..=MOST_ROWS).contains(&self.limit) {
            return invalid(format!("a scan gives 1 to {MOST_ROWS} rows, not {}", self.limit));
        }
        for bound in self.from.iter().chain(&self.to) {
            if *bound == ColumnValue::Null {
                return invalid(format!("nothing is no bound of column {}", column.name));
            }
            table.check_value(column, bound)?;
        }
        if let Some((value, key)) = &self.after {
            table.check_value(column, value)?;
            table.check_value(&table.columns[table.key], key)?;
        }
        Ok(())
    }
}

/// A table of a view that a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldView {
    /// The view's stable name.
    pub name: String,
    /// The version of its folds.
    pub version: u32,
    /// The hash of its columns.
    pub fingerprint: u32,
    /// Whether readers of the stable name see this one.
    pub serving: bool,
}

impl HeldView {
    /// A table, as a store has noted it.
    pub fn new(name: impl Into<String>, version: u32, fingerprint: u32, serving: bool) -> Self {
        Self { name: name.into(), version, fingerprint, serving }
    }

    /// Under which its checkpoint is kept.
    pub fn checkpoint_key(&self) -> CheckpointKey {
        checkpoint_key(&self.name, self.version, self.fingerprint)
    }

    /// What a store answers that is to drop the table whose rows it serves.
    pub fn still_serves(&self) -> StoreError {
        let Self { name, version, .. } = self;
        StoreError::invalid(format!("view {name} v{version} is being served: serve another one before it is dropped"))
    }

    /// Whether it is this table.
    pub fn is(&self, table: &ViewTable) -> bool {
        self.name == table.name && self.version == table.version && self.fingerprint == table.fingerprint()
    }
}

/// A store that keeps views: typed tables, each written together with its checkpoint.
///
/// A table that is not held is neither read, written nor served: [`ViewTable::not_held`]. A request that does not fit
/// the table is refused before anything is done: [`Scan::check`], [`ViewTable::check_keys`], [`ViewTable::check_changes`].
/// No NaN, no negative zero and no U+0000 reaches a store, and times come in microseconds.
pub trait ViewStore: ParkingStore {
    /// Makes the table and its indexes, where they are missing; rows that are there stay. It serves nobody yet.
    fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The rows of these keys, in any order; keys that have none are left out. At most 65,536 keys, each once.
    fn rows<'a>(&'a self, table: &'a ViewTable, keys: &'a [ColumnValue])
    -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Writes and deletes rows and saves the checkpoint, all or nothing, in one transaction.
    ///
    /// Refused with [`is_fenced`](StoreError::is_fenced), and then no row has changed, if a newer owner has claimed the
    /// checkpoint, or if it stands behind the new one already: a write whose answer was lost may land late. The same if
    /// one of [`RowChanges::unparked`] is not parked; otherwise they are no longer.
    fn write_rows<'a>(
        &'a self,
        table: &'a ViewTable,
        changes: &'a RowChanges,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Rows in the order of a column.
    fn scan_rows<'a>(&'a self, table: &'a ViewTable, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Lets readers of the stable name see this table, in one step, and no longer the one that they saw before.
    fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Every table of a view, in order of version, those of one version in the order in which they were made.
    fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>>;

    /// Drops a table, its checkpoint and what is parked of it; refused for the one that is served. Nothing happens if it is not held.
    fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>>;
}

macro_rules! forward {
    ($pointer:ty) => {
        impl<S: ViewStore + ?Sized> ViewStore for $pointer {
            fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
                (**self).create_view(table)
            }

            fn rows<'a>(
                &'a self,
                table: &'a ViewTable,
                keys: &'a [ColumnValue],
            ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
                (**self).rows(table, keys)
            }

            fn write_rows<'a>(
                &'a self,
                table: &'a ViewTable,
                changes: &'a RowChanges,
                checkpoint: Checkpoint,
            ) -> BoxFuture<'a, Result<(), StoreError>> {
                (**self).write_rows(table, changes, checkpoint)
            }

            fn scan_rows<'a>(
                &'a self,
                table: &'a ViewTable,
                scan: &'a Scan,
            ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
                (**self).scan_rows(table, scan)
            }

            fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
                (**self).serve_view(table)
            }

            fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>> {
                (**self).held_views(name)
            }

            fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>> {
                (**self).drop_view(view)
            }
        }
    };
}

forward!(Arc<S>);
