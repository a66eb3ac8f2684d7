//! Transactions: one at a time, on a copy that takes the place of what is kept when all went well.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::contract::transaction::{Advance, TransactionalStore, Work};
use crate::words::error::StoreError;

use super::MemoryStore;

/// What the transactions of a [`MemoryStore`] write into, for want of tables: JSON under names.
pub type Kept = BTreeMap<String, Value>;

/// What was committed, and whose turn it is.
#[derive(Default)]
pub(super) struct Transactions {
    turn: Mutex<()>,
    kept: std::sync::RwLock<Arc<Kept>>,
}

impl Transactions {
    fn kept(&self) -> Arc<Kept> {
        self.kept.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl MemoryStore {
    /// What was written in [transactions](TransactionalStore) so far.
    pub fn kept(&self) -> Arc<Kept> {
        self.shared.transactions.kept()
    }
}

/// Each works on a copy of everything that is kept, so keep little: this is for tests.
impl TransactionalStore for MemoryStore {
    type Connection = Kept;

    fn transact<'a>(
        &'a self,
        advance: &'a Advance,
        work: &'a mut dyn Work<Kept>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let transactions = &self.shared.transactions;
            let _turn = transactions.turn.lock().await;
            let mut copy = Kept::clone(&transactions.kept());
            work.run(&mut copy).await.map_err(|error| match error.downcast::<StoreError>() {
                Ok(error) => *error,
                Err(error) => advance.undone(error),
            })?;
            let mut log = self.open_log_mut()?;
            log.parking.check(&advance.key, &advance.unparked)?;
            log.checkpoints.advance(advance)?;
            log.parking.remove(&advance.key, &advance.unparked);
            // Nothing behind this can fail, so it is all or nothing.
            *transactions.kept.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(copy);
            Ok(())
        }
        .boxed()
    }
}
