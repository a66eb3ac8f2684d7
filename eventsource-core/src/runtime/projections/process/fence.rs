//! Who acts for a process manager: its owner writes into a stream of the framework's, and whatever it appends depends on that
//! stream's standing where it left it.
//!
//! So an owner that was taken over, and does not know it, appends nothing any more, whatever its clock says. And whoever
//! does not know what became of an append of its own moves the fence before it goes on: nothing that was under way can land
//! behind it.

use std::sync::Arc;

use futures::FutureExt;
use serde_json::json;

use crate::contract::append::{AppendOutcome, AppendRequest, Condition};
use crate::contract::load::{Load, LoadRow};
use crate::contract::store::EventStore;
use crate::runtime::projections::holder::Holder;
use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::stream::{StreamId, Version};

const CATEGORY: &str = "$process";
const OWNED: &str = "$process.owned";
/// A stream that is never written. To depend on it makes an append one that takes turns with those that depend on what it
/// writes.
const NEVER: &str = "-";
/// How often somebody else may be faster.
const ATTEMPTS: usize = 10;

/// Moves the fence of a process manager, and answers what all that is appended for it depends on from then on.
///
/// Fails with [`is_fenced`](StoreError::is_fenced) if it belongs to somebody else.
pub(super) async fn take(holder: &mut Holder, process: &str) -> Result<Condition, StoreError> {
    let stream = StreamId::new(CATEGORY, process)?;
    let never = StreamId::new(CATEGORY, NEVER)?;
    for _ in 0..ATTEMPTS {
        let version = version(&*holder.store, &stream).await?;
        // In this order: whoever takes over from here on finds the fence moved, or moves it first.
        let owner = holder.confirm().await?;
        let owned = NewEvent::new(OWNED, 1, json!({ "owner": owner }).to_string().into_bytes());
        let request = AppendRequest::new(stream.clone(), version, vec![owned]).on_condition(never.clone(), Version(0));
        let append = holder.store.append(Arc::new(request)).boxed();
        if let AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended) = append.await? {
            return Ok(Condition { stream, version: appended.streams[0].version });
        }
    }
    Err(StoreError::transient(format!("others take over process {process} all the time")))
}

async fn version(store: &dyn EventStore, stream: &StreamId) -> Result<Version, StoreError> {
    let mut version = Version(0);
    let load = Load::new(stream.clone()).bare(true);
    store
        .load(&load, &mut |row| {
            match row {
                LoadRow::Event(event) => version = event.version,
                LoadRow::Bare(event) => version = event.version,
                LoadRow::Snapshot(_) => {}
            }
            Ok(())
        })
        .await?;
    Ok(version)
}
