//! Taking over another store's events.

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::contract::import::{Import, Positions, count_missing, import_rows};
use crate::words::error::StoreError;
use crate::words::event::RawEvent;

use super::MemoryStore;
use super::log::StoredEvent;

impl Import for MemoryStore {
    fn count_missing<'a>(&'a self, events: &'a [RawEvent<'a>]) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            let log = self.open_log()?;
            count_missing(events, |stream, version| Some(log.event(stream, version)?.id))
        }
        .boxed()
    }

    fn import<'a>(
        &'a self,
        events: &'a [RawEvent<'a>],
        positions: Positions,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        async move {
            let mut log = self.open_log_mut()?;
            let held = |stream: &_, version| Some(log.event(stream, version)?.id);
            let rows = import_rows(events, positions, log.head(), held)?;
            let count = rows.len() as u64;
            for row in rows {
                log.push(StoredEvent::imported(row));
            }
            drop(log);
            self.shared.changed.notify_waiters();
            Ok(count)
        }
        .boxed()
    }
}
