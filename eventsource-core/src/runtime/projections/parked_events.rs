//! What projections have parked, and what shall become of it.

use std::fmt;
use std::sync::Arc;

use crate::contract::checkpoint::CheckpointKey;
use crate::contract::parking::{Ask, ParkedEvent, ParkingStore, ReadParked};
use crate::contract::transaction::TransactionalStore;
use crate::folding::view::View;
use crate::words::error::StoreError;
use crate::words::parked_at::ParkedAt;
use crate::words::stream::Position;

use super::custom::{self, Projection};
use super::process::manager::{self, ProcessManager};
use super::sink::{self, Sink};

/// The events that a projection has parked, each with its error; see [`OnError::Park`](crate::OnError::Park).
///
/// What is asked for here is noted in the store, and done by the process that runs the projection, whichever that is, within
/// a second if it is not busy; while none does, when the next one begins. A retry of a key handles its parked events in their
/// order, until one fails: that one stays, with its new error, and so do those behind it. In views and in projections of your own
/// what a retry writes and the end of its being parked are one transaction.
///
/// ```
/// # use eventsource::{DomainEvent, Fold, OnError, ParkedEvents, Projections, Recorded, StoreError, View, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// # #[derive(View)]
/// # #[view(name = "balances", version = 1, events(Deposited))]
/// # struct Balance { #[view(key = stream)] account: String, cents: i64 }
/// # impl Fold<Deposited> for Balance {
/// #     fn fold(_: &String, row: Option<Self>, _: &Recorded<Deposited>) -> Option<Self> { row }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// # let store = MemoryStore::new();
/// # let shutdown = async {};
/// Projections::new(&store).on_error(OnError::Park).view::<Balance>().run(shutdown).await?;
///
/// // from any process that has the store
/// let parked = ParkedEvents::of_view::<Balance>(store.clone());
/// for event in parked.list(None, 100).await? {
///     println!("{} of {}: {}", event.at.position, event.at.key, event.error);
///     parked.retry(&event.at.key).await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct ParkedEvents {
    store: Arc<dyn ParkingStore>,
    key: CheckpointKey,
}

impl ParkedEvents {
    /// Those of a view, in the version and shape with which this program was compiled. Their key is that of a row, as text.
    pub fn of_view<V: View>(store: impl ParkingStore) -> Self {
        Self { store: Arc::new(store), key: V::TABLE.checkpoint_key() }
    }

    /// Those of a projection of your own. Their key is the stream, such as `account-alice`.
    pub fn of_projection<P: Projection<S::Connection>, S: TransactionalStore + ParkingStore>(store: S) -> Self {
        Self { store: Arc::new(store), key: custom::key::<S::Connection, P>() }
    }

    /// Those of a sink. Their key is the stream, such as `account-alice`.
    pub fn of_sink<K: Sink>(store: impl ParkingStore) -> Self {
        Self { store: Arc::new(store), key: sink::key::<K>() }
    }

    /// Those of a process manager: events of its own of which a command was refused, and nothing says what that means, or which
    /// failed. Their key is the stream of the process, such as `transfer-4711`.
    ///
    /// A retry reacts anew, and gives a command another chance; discarded, the event is never reacted to.
    pub fn of_manager<M: ProcessManager>(store: impl ParkingStore) -> Self {
        Self { store: Arc::new(store), key: manager::key::<M>() }
    }

    /// Events of others that a process manager could not note. Their key is the stream of the process, too.
    pub fn of_inputs<M: ProcessManager>(store: impl ParkingStore) -> Self {
        Self { store: Arc::new(store), key: manager::inputs_key::<M>() }
    }

    /// At most so many of them, in order of key and position: the first, or those behind the one that is given.
    pub async fn list(&self, after: Option<&ParkedAt>, limit: usize) -> Result<Vec<ParkedEvent>, StoreError> {
        let mut read = ReadParked::all(limit);
        read.after = after.cloned();
        self.store.parked(&self.key, &read).await
    }

    /// Asks to handle the events of a key after all; answers how many there are.
    pub async fn retry(&self, key: &str) -> Result<u64, StoreError> {
        self.ask(key, None, Ask::Retry).await
    }

    /// Asks to forget the events of a key, for ever; answers how many there are. Later events of the key are handled again.
    pub async fn discard(&self, key: &str) -> Result<u64, StoreError> {
        self.ask(key, None, Ask::Discard).await
    }

    /// The same for one event; the others of its key stay, to be retried. Answers whether it is there.
    pub async fn discard_one(&self, at: &ParkedAt) -> Result<bool, StoreError> {
        Ok(self.ask(&at.key, Some(at.position), Ask::Discard).await? > 0)
    }

    async fn ask(&self, key: &str, position: Option<Position>, ask: Ask) -> Result<u64, StoreError> {
        self.store.ask_parked(&self.key, key, position, ask).await
    }
}

impl fmt::Debug for ParkedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkedEvents").field("key", &self.key).finish_non_exhaustive()
    }
}
