//! Where a store ends.

use crate::contract::read::{Cursor, Read};
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::stream::Position;

/// The newest settled event. Asked from behind everything: a page that is full says only what is settled, and not how much
/// there is.
pub(super) async fn newest(store: &dyn EventStore) -> Result<Cursor, StoreError> {
    let behind = Read::all().after(Position(i64::MAX as u64)).limit(1);
    Ok(store.read(&behind, &mut |_| Ok(())).await?.next)
}
