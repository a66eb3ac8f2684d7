//! What goes wrong with the tables of views.

use eventsource::{
    Checkpoint, ColumnValue, Cursor, EventStore, HeldView, ParkingStore, ReadParked, Row, RowChanges, Scan, StoreError,
    ViewStore, ViewTable,
};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::broken::Broken;
use super::defect::Defect::*;

/// More than a scan gives, and the memory store gives them all the same.
const EVERY_ROW: usize = 10_000;

impl Broken {
    fn open_views(&self) -> Result<(), StoreError> {
        if self.defect == ViewsAreNeverClosed { Ok(()) } else { self.open() }
    }

    /// The table that is meant, after whatever the defect does to it.
    async fn table(&self, table: &ViewTable) -> Result<ViewTable, StoreError> {
        self.open_views()?;
        let mut table = *table;
        match self.defect {
            VersionsShareATable => table.version = 1,
            MissingTablesAreEmpty => self.inner.create_view(&table).await?,
            _ => {}
        }
        Ok(table)
    }

    async fn held(&self, table: &ViewTable) -> Result<bool, StoreError> {
        Ok(self.inner.held_views(table.name).await?.iter().any(|held| held.is(table)))
    }

    async fn every_row(&self, table: &ViewTable, column: usize) -> Result<Vec<Row>, StoreError> {
        let mut scan = Scan::by(column);
        scan.limit = EVERY_ROW;
        self.inner.scan_rows(table, &scan).await
    }

    async fn create_broken(&self, table: &ViewTable) -> Result<(), StoreError> {
        let table = &self.table(table).await?;
        match self.defect {
            MakesTablesOnce if self.held(table).await? => {
                return Err(StoreError::failed("there is a table of that name already"));
            }
            MakesTablesAnew if self.held(table).await? => {
                let rows = self.every_row(table, table.key).await?;
                let keys = rows.iter().map(|row| table.key_of(row).clone()).collect();
                if let Some(checkpoint) = self.inner.load_checkpoint(&table.checkpoint_key()).await? {
                    self.inner.write_rows(table, &RowChanges::new(Vec::new(), keys), checkpoint).await?;
                }
            }
            _ => {}
        }
        match self.inner.create_view(table).await {
            Err(error) if error.is_invalid() && self.defect == AcceptsAnyKey => Ok(()),
            made => made,
        }
    }

    async fn rows_broken(&self, table: &ViewTable, keys: &[ColumnValue]) -> Result<Vec<Row>, StoreError> {
        let table = &self.table(table).await?;
        let mut rows = match self.inner.rows(table, keys).await {
            Err(error) if self.defect == MissingTablesFail => return Err(StoreError::failed(error.to_string())),
            rows => rows?,
        };
        match self.defect {
            FindsAThousand => rows.truncate(1000),
            KeysWithoutCase => {
                let folded = |value: &ColumnValue| format!("{value:?}").to_lowercase();
                let wanted: Vec<_> = keys.iter().map(folded).collect();
                rows = self.every_row(table, table.key).await?;
                rows.retain(|row| wanted.contains(&folded(table.key_of(row))));
            }
            MissingRowsAreNothing => {
                for key in keys {
                    if !rows.iter().any(|row| table.key_of(row) == key) {
                        let mut row = vec![ColumnValue::Null; table.columns.len()];
                        row[table.key] = key.clone();
                        rows.push(row);
                    }
                }
            }
            _ => {}
        }
        Ok(self.read_back(rows))
    }

    fn read_back(&self, mut rows: Vec<Row>) -> Vec<Row> {
        for value in rows.iter_mut().flatten() {
            match (self.defect, &value) {
                (NumbersAreFloats, ColumnValue::Int(number)) => *value = ColumnValue::Int(*number as f64 as i64),
                (NothingIsZero, ColumnValue::Null) => *value = ColumnValue::Int(0),
                _ => {}
            }
        }
        rows
    }

    async fn write_broken(
        &self,
        table: &ViewTable,
        changes: &RowChanges,
        mut checkpoint: Checkpoint,
    ) -> Result<(), StoreError> {
        let table = &self.table(table).await?;
        let before = self.inner.load_checkpoint(&table.checkpoint_key()).await?;
        let mut changes = changes.clone();
        match self.defect {
            DeletesNothing => changes.deleted.clear(),
            InsertsOnly => {
                let keys: Vec<_> = changes.written.iter().map(|row| table.key_of(row).clone()).collect();
                let there = self.inner.rows(table, &keys).await?;
                let there: std::collections::BTreeSet<_> = there.iter().map(|row| table.key_of(row)).collect();
                changes.written.retain(|row| !there.contains(table.key_of(row)));
            }
            RetryKeepsTheParking => changes.unparked.clear(),
            SkipsEmptyWrites if changes.is_empty() => return Ok(()),
            RowsWithoutCheckpoint => {
                checkpoint = before.unwrap_or(checkpoint);
                checkpoint.cursor = before.map_or(eventsource::Cursor::START, |before| before.cursor);
            }
            _ => {}
        }
        let written = self.inner.write_rows(table, &changes, checkpoint).await;
        match (&written, self.defect, before) {
            (Err(_), WritesRowsFirst, Some(before)) => {
                changes
                    .written
                    .retain(|row| table.check_changes(&RowChanges::new(vec![row.clone()], Vec::new())).is_ok());
                self.inner.write_rows(table, &changes, before).await?;
            }
            (Err(_), RetriesTwice, Some(before)) if before.owner_epoch == checkpoint.owner_epoch => {
                changes.unparked.clear();
                return self.inner.write_rows(table, &changes, checkpoint).await;
            }
            (Err(error), WritesLateRows, Some(before)) if error.is_fenced() => {
                let forward = checkpoint.owner_epoch(before.owner_epoch);
                self.inner.save_checkpoint(&table.checkpoint_key(), forward).await?;
                return self.inner.write_rows(table, &changes, forward).await;
            }
            _ => {}
        }
        written
    }

    async fn scan_broken(&self, table: &ViewTable, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        let table = &self.table(table).await?;
        let column = scan.column;
        let mut asked = scan.clone();
        if let (LooksForTheRowBehind, Some((_, key))) = (self.defect, &scan.after)
            && self.inner.rows(table, std::slice::from_ref(key)).await?.is_empty()
        {
            asked.after = None;
        }
        if self.defect == BoundsTakeNothing && scan.to.is_some() && scan.from.is_none() {
            // Nothing is less than everything.
            let mut rows = self.every_row(table, column).await?;
            let behind = |row: &Row| {
                let place = (&row[column], table.key_of(row));
                scan.after.as_ref().is_none_or(|(value, key)| (place > (value, key)) != scan.descending)
            };
            rows.retain(|row| Some(&row[column]) <= scan.to.as_ref() && behind(row));
            if scan.descending {
                rows.reverse();
            }
            rows.truncate(scan.limit);
            return Ok(rows);
        }
        let mut rows = match self.inner.scan_rows(table, &asked).await {
            Err(error) if error.is_invalid() && self.defect == ScansAnything => Vec::new(),
            rows => rows?,
        };
        match self.defect {
            EqualsInAnyOrder if column != table.key => {
                rows.sort_by(|a, b| a[column].cmp(&b[column]));
                rows.reverse();
                if !scan.descending {
                    rows.reverse();
                    rows.chunk_by_mut(|a, b| a[column] == b[column]).for_each(<[Row]>::reverse);
                }
            }
            NothingComesLast => rows.sort_by_key(|row| row[column] == ColumnValue::Null),
            SkipsEquals => rows.retain(|row| scan.after.as_ref().is_none_or(|(value, _)| row[column] != *value)),
            TextInOrderOfTheAlphabet => rows.sort_by_key(|row| format!("{:?}", row[column]).to_lowercase()),
            _ => {}
        }
        Ok(self.read_back(rows))
    }

    async fn drop_broken(&self, view: &HeldView) -> Result<(), StoreError> {
        self.open_views()?;
        let key = view.checkpoint_key();
        let saved = self.inner.load_checkpoint(&key).await?;
        let parked = self.inner.parked(&key, &ReadParked::all(usize::MAX)).await?;
        match self.inner.drop_view(view).await {
            Err(error) if error.is_invalid() && self.defect == DropsTheServed => return Ok(()),
            dropped => dropped?,
        }
        match (saved, self.defect) {
            (Some(saved), DropKeepsTheCheckpoint) => self.inner.save_checkpoint(&key, saved).await,
            (Some(saved), DropKeepsTheParked) => {
                let mut start = saved;
                start.cursor = Cursor::START;
                self.inner.save_checkpoint(&key, start).await?;
                self.inner.park(&key, saved.owner_epoch, &parked).await
            }
            _ => Ok(()),
        }
    }
}

impl ViewStore for Broken {
    fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        self.create_broken(table).boxed()
    }

    fn rows<'a>(
        &'a self,
        table: &'a ViewTable,
        keys: &'a [ColumnValue],
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.rows_broken(table, keys).boxed()
    }

    fn write_rows<'a>(
        &'a self,
        table: &'a ViewTable,
        changes: &'a RowChanges,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.write_broken(table, changes, checkpoint).boxed()
    }

    fn scan_rows<'a>(&'a self, table: &'a ViewTable, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.scan_broken(table, scan).boxed()
    }

    fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let table = self.table(table).await?;
            let served = self.inner.held_views(table.name).await?.iter().any(|held| held.serving);
            if served && self.defect == ServesTheFirst {
                return Ok(());
            }
            self.inner.serve_view(&table).await
        }
        .boxed()
    }

    fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>> {
        async move {
            self.open_views()?;
            let mut held = self.inner.held_views(name).await?;
            match self.defect {
                ServesEveryTable => held.iter_mut().for_each(|held| held.serving = true),
                HoldsBackwards => held.reverse(),
                HoldsByFingerprint => held.sort_by_key(|held| (held.version, held.fingerprint)),
                _ => {}
            }
            Ok(held)
        }
        .boxed()
    }

    fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>> {
        self.drop_broken(view).boxed()
    }
}
