//! A store whose appends keep views.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::feed::Feed;
use crate::contract::inline::{InlineFold, InlineRows, InlineStore};
use crate::contract::load::{Load, LoadEnd, VisitLoad};
use crate::contract::parking::{Ask, ParkedEvent, ParkingStore, ReadParked};
use crate::contract::read::{Page, Read, Visit};
use crate::contract::snapshot::{PendingSnapshot, Snapshot};
use crate::contract::store::{EventStore, HeldType, StoreHead, StoreIdentity};
use crate::contract::view::{HeldView, Scan, ViewStore};
use crate::words::column::{ColumnValue, Row};
use crate::words::error::StoreError;
use crate::words::parked_at::ParkedAt;
use crate::words::stream::{Position, StreamId};
use crate::words::view_table::{RowChanges, ViewTable};

/// The store that [`InlineViews`](super::InlineViews) gives: another one, whose appends keep views. Clones share it.
pub struct StoreWithViews<S> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    store: S,
    views: Vec<Arc<dyn InlineFold>>,
    /// Of its own: by its feed it is known as another store than the one beneath.
    feed: Feed,
}

impl<S> StoreWithViews<S> {
    pub(super) fn new(store: S, views: Vec<Arc<dyn InlineFold>>) -> Self {
        Self { shared: Arc::new(Shared { store, views, feed: Feed::new() }) }
    }

    /// The store beneath. What is appended there leaves the views behind.
    pub fn store(&self) -> &S {
        &self.shared.store
    }
}

impl<S> Clone for StoreWithViews<S> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for StoreWithViews<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let views: Vec<_> = self.shared.views.iter().map(|view| view.table().table_name()).collect();
        f.debug_struct("StoreWithViews").field("store", self.store()).field("views", &views).finish()
    }
}

impl<S: InlineStore> EventStore for StoreWithViews<S> {
    fn identity(&self) -> StoreIdentity {
        self.store().identity()
    }

    fn append(&self, request: Arc<AppendRequest>) -> BoxFuture<'_, Result<AppendOutcome, StoreError>> {
        let Shared { store, views, .. } = &*self.shared;
        // Of no concern to a view, it shares a commit as ever.
        if views.iter().all(|view| InlineRows::written(&**view, &request).is_empty()) {
            return store.append(request);
        }
        store.append_inline(request, views)
    }

    fn load<'a>(&'a self, load: &'a Load, visit: VisitLoad<'a>) -> BoxFuture<'a, Result<LoadEnd, StoreError>> {
        self.store().load(load, visit)
    }

    fn read<'a>(&'a self, read: &'a Read, visit: Visit<'a>) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.store().read(read, visit)
    }

    fn position_at(&self, time: DateTime<Utc>) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.store().position_at(time)
    }

    fn wait_past(&self, position: Position) -> BoxFuture<'_, Result<Position, StoreError>> {
        self.store().wait_past(position)
    }

    fn head(&self) -> BoxFuture<'_, Result<StoreHead, StoreError>> {
        self.store().head()
    }

    fn feed(&self) -> &Feed {
        &self.shared.feed
    }

    fn offer_snapshot(&self, snapshot: PendingSnapshot) {
        self.store().offer_snapshot(snapshot);
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store().save_snapshot(snapshot)
    }

    fn snapshot_streams<'a>(
        &'a self,
        category: &'a str,
        kind: &'a str,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, StoreError>> {
        self.store().snapshot_streams(category, kind, limit)
    }

    fn held_types(&self) -> BoxFuture<'_, Result<Vec<HeldType>, StoreError>> {
        self.store().held_types()
    }

    fn load_checkpoint<'a>(&'a self, key: &'a CheckpointKey) -> BoxFuture<'a, Result<Option<Checkpoint>, StoreError>> {
        self.store().load_checkpoint(key)
    }

    fn save_checkpoint<'a>(
        &'a self,
        key: &'a CheckpointKey,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().save_checkpoint(key, checkpoint)
    }

    fn claim<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.store().claim(key, owner, lease)
    }

    fn release<'a>(&'a self, key: &'a CheckpointKey, owner: Uuid) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().release(key, owner)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store().close()
    }
}

impl<S: InlineStore> ViewStore for StoreWithViews<S> {
    fn create_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().create_view(table)
    }

    fn rows<'a>(
        &'a self,
        table: &'a ViewTable,
        keys: &'a [ColumnValue],
    ) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.store().rows(table, keys)
    }

    fn write_rows<'a>(
        &'a self,
        table: &'a ViewTable,
        changes: &'a RowChanges,
        checkpoint: Checkpoint,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().write_rows(table, changes, checkpoint)
    }

    fn scan_rows<'a>(&'a self, table: &'a ViewTable, scan: &'a Scan) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.store().scan_rows(table, scan)
    }

    fn serve_view<'a>(&'a self, table: &'a ViewTable) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().serve_view(table)
    }

    fn held_views<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<HeldView>, StoreError>> {
        self.store().held_views(name)
    }

    fn drop_view<'a>(&'a self, view: &'a HeldView) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().drop_view(view)
    }
}

impl<S: InlineStore> ParkingStore for StoreWithViews<S> {
    fn park<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().park(key, owner_epoch, events)
    }

    fn unpark<'a>(
        &'a self,
        key: &'a CheckpointKey,
        owner_epoch: u64,
        events: &'a [ParkedAt],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.store().unpark(key, owner_epoch, events)
    }

    fn parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        read: &'a ReadParked,
    ) -> BoxFuture<'a, Result<Vec<ParkedEvent>, StoreError>> {
        self.store().parked(key, read)
    }

    fn ask_parked<'a>(
        &'a self,
        key: &'a CheckpointKey,
        of: &'a str,
        position: Option<Position>,
        ask: Ask,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.store().ask_parked(key, of, position, ask)
    }
}
