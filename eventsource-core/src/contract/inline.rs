//! Rows that are folded in the transaction of the append, and how a store goes about it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::words::column::{ColumnValue, Row};
use crate::words::error::StoreError;
use crate::words::event::{RawEvent, stored_precision};
use crate::words::stream::{StreamId, Version};
use crate::words::view_table::{RowChanges, ViewTable};

use super::append::{AppendOutcome, AppendRequest, Appended, AppendedStream};
use super::read::Read;
use super::view::ViewStore;

/// Who claims the checkpoint of a table that is kept inline, in all processes alike, and never gives it back.
pub(crate) const INLINE_OWNER: Uuid = Uuid::from_u128(0x696e_6c69_6e65_0000_8000_0000_0000_0001);

/// A store that folds rows in the transaction of the append.
///
/// A row of such a table is written in one way only: whoever holds its stream's lock brings it to where the stream ends
/// then. So no row ever goes back, and where a row is behind, because somebody has appended without it, the next
/// append to its stream finds that.
pub trait InlineStore: ViewStore {
    /// Appends as [`append`](super::store::EventStore::append) does, and in the same transaction brings the rows of the
    /// streams that it writes to their new ends: all or nothing.
    ///
    /// Only where it answers [`Stored`](AppendOutcome::Stored) are rows folded. An error of a fold is the append's, and then
    /// nothing is stored.
    fn append_inline<'a>(
        &'a self,
        request: Arc<AppendRequest>,
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<AppendOutcome, StoreError>>;

    /// Brings the rows of streams to where these end, in one transaction; no stream may stand twice in it.
    fn fold_streams<'a>(
        &'a self,
        streams: &'a [StreamId],
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

impl<S: InlineStore + ?Sized> InlineStore for Arc<S> {
    fn append_inline<'a>(
        &'a self,
        request: Arc<AppendRequest>,
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<AppendOutcome, StoreError>> {
        (**self).append_inline(request, views)
    }

    fn fold_streams<'a>(
        &'a self,
        streams: &'a [StreamId],
        views: &'a [Arc<dyn InlineFold>],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).fold_streams(streams, views)
    }
}

/// A table of one row for each stream, as a store sees it.
pub trait InlineFold: Send + Sync + 'static {
    /// Where the rows stand.
    fn table(&self) -> &ViewTable;

    /// The events that it is folded from; of this, scope and names count.
    fn events(&self) -> &Read;

    /// The key of a stream's row.
    fn key_of(&self, stream: &StreamId) -> ColumnValue;

    /// Goes on folding a stream where its row stands, or begins.
    fn begin(&self, stream: &StreamId, row: Option<Row>) -> Result<Box<dyn RowFold>, StoreError>;
}

/// The row of one stream while it is folded.
pub trait RowFold: Send {
    /// The version of the last event that the row had in it when the folding began.
    fn version(&self) -> Version;

    /// Folds the next event of its stream; those of no concern are passed over.
    fn fold(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError>;

    /// What has become of the row.
    fn finish(self: Box<Self>) -> Result<RowChanges, StoreError>;
}

/// The rows of one view that a transaction brings to the ends of their streams: what all stores do alike.
///
/// Look up the rows of [`keys`](Self::keys), [`begin`](Self::begin); after an append, [`fold_appended`](Self::fold_appended);
/// read the events of [`behind`](Self::behind), [`fold`](Self::fold) them; write what [`finish`](Self::finish) says.
pub struct InlineRows<'v> {
    view: &'v dyn InlineFold,
    rows: Vec<InlineRow<'v>>,
    places: HashMap<&'v str, usize>,
}

struct InlineRow<'v> {
    stream: &'v StreamId,
    /// Which write of the request is to this stream.
    write: Option<usize>,
    fold: Option<Box<dyn RowFold>>,
    /// There are events in the store that it has to read.
    behind: bool,
}

impl<'v> InlineRows<'v> {
    /// Of the streams that a request writes, those to which it adds an event of the view.
    pub fn written(view: &'v dyn InlineFold, request: &'v AppendRequest) -> Self {
        let concerned = request.writes.iter().enumerate().filter(|(_, write)| {
            view.events().scope.holds(write.stream.as_str())
                && write.events.iter().any(|event| has_name(view.events(), &event.name))
        });
        Self::new(view, concerned.map(|(at, write)| (&write.stream, Some(at))))
    }

    /// The same of each view of which there are any.
    pub fn all_written(views: &'v [Arc<dyn InlineFold>], request: &'v AppendRequest) -> Vec<Self> {
        views.iter().map(|view| Self::written(&**view, request)).filter(|rows| !rows.is_empty()).collect()
    }

    /// If all of it is one row: where that is. A store can look it up together with something else.
    pub fn only_row(all: &[Self]) -> Option<(&'v ViewTable, ColumnValue)> {
        let [Self { view, rows, .. }] = all else { return None };
        let [row] = &rows[..] else { return None };
        Some((view.table(), view.key_of(row.stream)))
    }

    /// Of these streams, those of the view.
    pub fn of(view: &'v dyn InlineFold, streams: &'v [StreamId]) -> Self {
        let concerned = streams.iter().filter(|stream| view.events().scope.holds(stream.as_str()));
        Self::new(view, concerned.map(|stream| (stream, None)))
    }

    fn new(view: &'v dyn InlineFold, streams: impl Iterator<Item = (&'v StreamId, Option<usize>)>) -> Self {
        let row = |(stream, write)| InlineRow { stream, write, fold: None, behind: true };
        let rows: Vec<_> = streams.map(row).collect();
        let places = rows.iter().enumerate().map(|(at, row)| (row.stream.as_str(), at)).collect();
        Self { view, rows, places }
    }

    /// Whether no row is concerned.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Where they stand.
    pub fn table(&self) -> &'v ViewTable {
        self.view.table()
    }

    /// The keys of all rows.
    pub fn keys(&self) -> Vec<ColumnValue> {
        self.rows.iter().map(|row| self.view.key_of(row.stream)).collect()
    }

    /// Takes the rows as they are stored, in any order.
    pub fn begin(&mut self, stored: Vec<Row>) -> Result<(), StoreError> {
        let (view, table) = (self.view, self.table());
        let mut stored: Vec<_> = stored.into_iter().map(Some).collect();
        for row in &mut self.rows {
            let key = view.key_of(row.stream);
            let found = stored.iter_mut().find(|row| row.as_ref().is_some_and(|row| *table.key_of(row) == key));
            row.fold = Some(view.begin(row.stream, found.and_then(Option::take))?);
        }
        Ok(())
    }

    /// Folds what was appended, where nothing is between the row and that.
    pub fn fold_appended(&mut self, request: &AppendRequest, appended: &Appended) -> Result<(), StoreError> {
        for row in &mut self.rows {
            let (Some(write), Some(fold)) = (row.write, &mut row.fold) else { continue };
            let Some(place) = appended.streams.get(write) else { continue };
            let before = Version(place.version.0 - place.positions.len() as u64);
            if fold.version() > before {
                let (table, stream) = (self.view.table(), row.stream);
                return Err(StoreError::corrupt(format!(
                    "view {table}: the row of {stream} has version {} in it, and the stream ended at {before}; \
                     delete the row, and it is folded anew",
                    fold.version()
                )));
            }
            if fold.version() == before {
                each_appended(request, write, place, |event| fold.fold(event))?;
                row.behind = false;
            }
        }
        Ok(())
    }

    /// The streams whose events behind a version are to be read, inside the transaction, in order of version.
    pub fn behind(&self) -> Vec<(&'v StreamId, Version)> {
        let behind = self.rows.iter().filter(|row| row.behind);
        behind.filter_map(|row| Some((row.stream, row.fold.as_ref()?.version()))).collect()
    }

    /// Takes an event of one of these streams.
    pub fn fold(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        match self.places.get(event.stream).and_then(|at| self.rows[*at].fold.as_mut()) {
            Some(fold) => fold.fold(event),
            None => Ok(()),
        }
    }

    /// What has become of the rows.
    pub fn finish(self) -> Result<RowChanges, StoreError> {
        let mut all = RowChanges::default();
        for fold in self.rows.into_iter().filter_map(|row| row.fold) {
            let changes = fold.finish()?;
            all.written.extend(changes.written);
            all.deleted.extend(changes.deleted);
        }
        self.view.table().check_changes(&all)?;
        // In one order for all, so that no two transactions wait for each other.
        let table = self.view.table();
        all.written.sort_unstable_by(|a, b| table.key_of(a).cmp(table.key_of(b)));
        all.deleted.sort_unstable();
        Ok(all)
    }
}

impl fmt::Debug for InlineRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineRows").field("view", self.view.table()).field("streams", &self.places).finish()
    }
}

fn has_name(events: &Read, name: &str) -> bool {
    events.names.is_empty() || events.names.iter().any(|known| known == name)
}

/// The events of one write as a reader will get them.
fn each_appended(
    request: &AppendRequest,
    write: usize,
    place: &AppendedStream,
    mut visit: impl FnMut(&RawEvent<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let before = place.version.0 - place.positions.len() as u64;
    for (row, position) in request.rows(write).zip(&place.positions) {
        let event = row.event;
        visit(&RawEvent {
            position: *position,
            stream: request.writes[write].stream.as_str(),
            version: Version(before + row.ordinal),
            id: event.id,
            name: &event.name,
            schema_version: event.schema_version,
            encoding: event.encoding,
            data: &event.data,
            meta: row.meta.as_deref(),
            correlation_id: event.metadata.correlation_id,
            causation_id: event.metadata.causation_id,
            occurred_at: event.occurred_at.map_or(place.recorded_at, stored_precision),
            recorded_at: place.recorded_at,
            command_key: row.command_key.as_deref(),
        })?;
    }
    Ok(())
}
