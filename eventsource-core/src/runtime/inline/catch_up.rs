//! What happened before a view was kept inline, or was appended by somebody without it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::contract::checkpoint::{Checkpoint, Claim};
use crate::contract::inline::{INLINE_OWNER, InlineFold, InlineStore};
use crate::contract::view::HeldView;
use crate::words::column::{ColumnValue, Row};
use crate::words::error::StoreError;
use crate::words::stream::{StreamId, Version};
use crate::words::view_table::ViewTable;

/// So many streams are locked at a time.
const STREAMS: usize = 100;
/// For ever, in 100 years.
const LEASE: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// Brings every row to where its stream ends, in the one way in which rows of such a table are written.
pub(super) async fn catch_up(store: &impl InlineStore, view: &Arc<dyn InlineFold>) -> Result<(), StoreError> {
    let table = view.table();
    let key = table.checkpoint_key();
    store.create_view(table).await?;
    let checkpoint = claim(store, table).await?;
    checkpoint.verify(store).await?;
    let mut read = view.events().clone().after(checkpoint.cursor.position);
    loop {
        let mut ends = BTreeMap::new();
        let page = store
            .read(&read, &mut |event| {
                ends.insert(StreamId::parse(event.stream)?, event.version);
                Ok(())
            })
            .await?;
        let streams = behind(store, view, ends).await?;
        for streams in streams.chunks(STREAMS) {
            store.fold_streams(streams, std::slice::from_ref(view)).await?;
        }
        let reached = Checkpoint { cursor: page.next, ..checkpoint };
        store.save_checkpoint(&key, reached).await?;
        if page.at_end {
            break;
        }
        read.after = page.next.position;
    }
    serve(store, table).await
}

/// Of these streams, those whose rows do not have the events up to these versions in them. What others have folded since the
/// last start, which may be all of it, is found without a lock: no row goes back.
async fn behind(
    store: &impl InlineStore,
    view: &Arc<dyn InlineFold>,
    ends: BTreeMap<StreamId, Version>,
) -> Result<Vec<StreamId>, StoreError> {
    let table = view.table();
    let keys: Vec<_> = ends.keys().map(|stream| view.key_of(stream)).collect();
    let rows = store.rows(table, &keys).await?;
    let mut rows: BTreeMap<ColumnValue, Row> = rows.into_iter().map(|row| (table.key_of(&row).clone(), row)).collect();
    let mut behind = Vec::new();
    for (stream, end) in ends {
        let row = rows.remove(&view.key_of(&stream));
        if view.begin(&stream, row)?.version() < end {
            behind.push(stream);
        }
    }
    Ok(behind)
}

/// The same owner everywhere, so that any number of processes have it together, and no projection gets it.
async fn claim(store: &impl InlineStore, table: &ViewTable) -> Result<Checkpoint, StoreError> {
    match store.claim(&table.checkpoint_key(), INLINE_OWNER, LEASE).await? {
        Claim::Owned(checkpoint) => Ok(checkpoint),
        Claim::Held { owner, until } => Err(StoreError::transient(format!(
            "view {table} is projected by {owner}, who has it until {until}: stop that before it is kept inline"
        ))),
    }
}

/// As a projection does: a program of yesterday does not take the name from that of today.
async fn serve(store: &impl InlineStore, table: &ViewTable) -> Result<(), StoreError> {
    let held = store.held_views(table.name).await?;
    let stays = |held: &HeldView| held.serving && (held.is(table) || held.version > table.version);
    if held.iter().any(stays) { Ok(()) } else { store.serve_view(table).await }
}
