//! The table of a view, and what a batch of events changes in it.

use std::fmt;

use super::column::{Column, ColumnKind, ColumnValue, Row};
use super::error::StoreError;
use super::parked_at::ParkedAt;

/// The table of one version and shape of a view.
///
/// ```
/// use eventsource::{Column, ViewTable};
///
/// const COLUMNS: &[Column] = &[Column::of::<String>("account"), Column::of::<i64>("cents").indexed()];
/// const BALANCES: ViewTable = ViewTable::new("balances", 1, COLUMNS, 0);
/// assert_eq!(BALANCES.to_string(), "balances v1");
/// assert!(BALANCES.table_name().starts_with("balances_v1_"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ViewTable {
    /// The stable name under which the rows are served: `[a-z][a-z0-9_]*`, at most 40 bytes.
    pub name: &'static str,
    /// Raised by hand when the folds change their meaning.
    pub version: u32,
    /// The columns, in the order of the fields.
    pub columns: &'static [Column],
    /// Which of them is the key.
    pub key: usize,
}

impl ViewTable {
    /// A table.
    pub const fn new(name: &'static str, version: u32, columns: &'static [Column], key: usize) -> Self {
        Self { name, version, columns, key }
    }

    /// The hash of the columns (FNV-1a of 32 bits): another shape is another table.
    pub fn fingerprint(&self) -> u32 {
        let of_byte = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        self.columns.iter().enumerate().fold(0x811c_9dc5, |hash, (at, column)| {
            // No letter of a name is so small, so no two tables have the same bytes.
            let flags = [column.kind.code(), column.nullable.into(), column.indexed.into(), (at == self.key).into()];
            column.name.bytes().chain(flags).fold(hash, of_byte)
        })
    }

    /// The name of the table itself, such as `balances_v1_9c41d3a0`: at most 62 bytes.
    pub fn table_name(&self) -> String {
        format!("{}_v{}_{:08x}", self.name, self.version, self.fingerprint())
    }
}

impl ViewTable {
    /// What a row of the table holds as its key.
    pub fn key_of<'r>(&self, row: &'r Row) -> &'r ColumnValue {
        row.get(self.key).unwrap_or(&ColumnValue::Null)
    }

    /// Fails unless rows can be told apart by its key: what a store checks before it makes the table.
    pub fn check_key(&self) -> Result<(), StoreError> {
        use ColumnKind::{Bool, Int, Text, Time, Uuid};
        let key = &self.columns[self.key];
        if key.nullable || !matches!(key.kind, Bool | Int | Text | Time | Uuid) {
            let message = format!("view {self}: column {} cannot be the key, being {:?}", key.name, key.kind);
            return Err(StoreError::invalid(message));
        }
        Ok(())
    }

    /// Fails unless every value fits into its column: what a store checks before it writes.
    pub fn check_changes(&self, changes: &RowChanges) -> Result<(), StoreError> {
        for row in &changes.written {
            if row.len() != self.columns.len() {
                let columns = self.columns.len();
                return Err(StoreError::invalid(format!(
                    "view {self}: a row of {} values for {columns} columns",
                    row.len()
                )));
            }
            self.columns.iter().zip(row).try_for_each(|(column, value)| self.check_value(column, value))?;
        }
        changes.deleted.iter().try_for_each(|key| self.check_value(&self.columns[self.key], key))
    }

    pub(crate) fn check_value(&self, column: &Column, value: &ColumnValue) -> Result<(), StoreError> {
        if column.takes(value) {
            return Ok(());
        }
        let found = value.kind().map_or("nothing".to_owned(), |kind| format!("a value of {kind:?}"));
        Err(StoreError::invalid(format!("view {self}: column {} takes {:?}, not {found}", column.name, column.kind)))
    }

    /// What a store answers that does not hold the table.
    pub fn not_held(&self) -> StoreError {
        let table = self.table_name();
        StoreError::invalid(format!("view {self}: this store does not hold its table {table}; run the view first"))
    }
}

impl fmt::Display for ViewTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

/// What a batch of events made of the rows that it touched: one entry at most for each key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowChanges {
    /// Rows as they are now, in order of key.
    pub written: Vec<Row>,
    /// The keys of rows that are no more, in order.
    pub deleted: Vec<ColumnValue>,
    /// Events that were parked, and are folded now: see [`ParkingStore`](crate::ParkingStore).
    pub unparked: Vec<ParkedAt>,
}

impl RowChanges {
    /// Rows to write, and keys of rows to delete.
    pub fn new(written: Vec<Row>, deleted: Vec<ColumnValue>) -> Self {
        Self { written, deleted, unparked: Vec::new() }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.deleted.is_empty() && self.unparked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::column_type::ColumnType;
    use super::*;

    const A: Column = Column::of::<i64>("a");
    const B: Column = Column::of::<i64>("b");

    fn table(columns: &'static [Column], key: usize) -> ViewTable {
        ViewTable::new("things", 3, columns, key)
    }

    #[test]
    fn every_part_of_a_shape_changes_the_fingerprint() {
        const SHAPES: &[&[Column]] = &[
            &[A, B],
            &[B, A],
            &[A],
            &[A, Column::of::<f64>("b")],
            &[A, Column::of::<Option<i64>>("b")],
            &[A, B.indexed()],
            &[A, Column::of::<i64>("bb")],
            &[A, B, Column::of::<i64>("c")],
        ];
        let mut fingerprints: Vec<u32> = SHAPES.iter().map(|columns| table(columns, 0).fingerprint()).collect();
        fingerprints.push(table(SHAPES[0], 1).fingerprint());
        let all = fingerprints.len();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), all);
    }

    // Tables are found by it again, so it never changes.
    #[test]
    fn the_name_of_a_table_is_pinned() {
        assert_eq!(table(&[A, B], 0).table_name(), "things_v3_184394ab");
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused() {
        let table = table(&[A, B], 0);
        let written = |row: Row| table.check_changes(&RowChanges::new(vec![row], Vec::new()));
        assert!(written(vec![1_i64.into_column(), 2_i64.into_column()]).is_ok());
        let refused = [
            (vec![1_i64.into_column()], "view things v3: a row of 1 values for 2 columns"),
            (vec![1_i64.into_column(), ColumnValue::Null], "view things v3: column b takes Int, not nothing"),
            (vec![true.into_column(), 2_i64.into_column()], "view things v3: column a takes Int, not a value of Bool"),
        ];
        for (row, message) in refused {
            assert_eq!(written(row).unwrap_err().to_string(), message);
        }
        assert!(table.check_changes(&RowChanges::new(Vec::new(), vec![ColumnValue::Null])).is_err());
    }
}
