//! Whether a table is what its folds make of the events today.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::contract::checkpoint::Claim;
use crate::contract::task::Task;
use crate::contract::view::{HeldView, ViewStore};
use crate::folding::view::View;
use crate::runtime::comparing::{Compared, RowDifference, Side, compare};
use crate::words::error::StoreError;
use crate::words::view_table::ViewTable;

use super::status::{Activity, Statuses};
use super::view::{Folding, Serving};
use super::{OnError, Projections, new_owner};

/// Added to a version, it names the table into which that version is folded for a comparison. No version is so great.
const SCRATCH: u32 = 1 << 30;
/// Between two looks whether everything is folded.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl<S: ViewStore + Clone> Projections<S> {
    /// Folds a view anew from all events, into a table that nobody sees, compares it with the view's own table, and drops it.
    ///
    /// It finds what no version tells: folds that were changed without raising it, and rows that somebody else has
    /// written. The first table of each [`RowDifference`] is the view's own, which serves and is written meanwhile.
    ///
    /// It takes as long as building the view; see [`on_progress`](Self::on_progress). Other projections that were added
    /// are not run. Fails if the store does not hold the view's table, and while somebody else does the same; what a process
    /// that was killed has left behind is dropped by the next one, when its [lease](Self::lease) has ended.
    ///
    /// ```
    /// # use eventsource::{DomainEvent, Fold, Projections, Recorded, StoreError, View, ViewStore, memory::MemoryStore};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.opened", version = 1)]
    /// # struct Opened { owner: String }
    /// # #[derive(View)]
    /// # #[view(name = "balances", version = 1, events(Opened))]
    /// # struct Balance { #[view(key = stream)] account: String }
    /// # impl Fold<Opened> for Balance {
    /// #     fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> { row }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), StoreError> {
    /// # let store = MemoryStore::new();
    /// # store.create_view(&Balance::TABLE).await?;
    /// let compared = Projections::new(&store).refold::<Balance>(|difference| println!("{difference:?}")).await?;
    /// assert!(compared.is_equal(), "raise the version: the folds have changed");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn refold<V: View>(
        mut self,
        mut on_difference: impl FnMut(&RowDifference) + Send,
    ) -> Result<Compared, StoreError> {
        let store = self.store.clone();
        if !store.held_views(V::TABLE.name).await?.iter().any(|held| held.is(&V::TABLE)) {
            return Err(V::TABLE.not_held());
        }
        let scratch = ViewTable { version: V::TABLE.version | SCRATCH, ..V::TABLE };
        clear(&store, &scratch, self.options.lease).await?;

        self.statuses = Statuses::new(Arc::new(store.clone()));
        self.projections.clear();
        self.on_error_of.clear();
        // What it leaves out would be a difference.
        self.options.on_error = OnError::Stop;
        self = self.add(format!("{} anew", V::TABLE), Folding::<V>::new(scratch, Serving::Nobody));
        let statuses = self.statuses.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let mut folding = Task::start(self.run(async {
            let _ = stopped.await;
        }));
        let caught_up = async {
            while statuses.all().iter().any(|status| status.activity != Activity::Live) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let sides = [Side::of::<V>(V::TABLE), Side::of::<V>(scratch)];
            compare(&store, sides, &mut on_difference).await
        };
        let compared = tokio::select! {
            compared = caught_up => compared,
            ended = &mut folding => {
                ended.unwrap_or_else(|ended| Err(super::panicked(ended)))?;
                return Err(StoreError::failed(format!("view {}: its folding ended by itself", V::TABLE)));
            }
        };
        let _ = stop.send(());
        let ended = folding.await.unwrap_or_else(|ended| Err(super::panicked(ended)));
        store.drop_view(&held(&scratch)).await?;
        ended.and(compared)
    }
}

/// Begins with nothing: what somebody has left behind was made by other folds.
async fn clear(store: &dyn ViewStore, scratch: &ViewTable, lease: Duration) -> Result<(), StoreError> {
    if let Claim::Held { owner, until } = store.claim(&scratch.checkpoint_key(), new_owner(), lease).await? {
        let message = format!("view {}: {owner} folds it anew already, and has it until {until}", scratch.name);
        return Err(StoreError::invalid(message));
    }
    store.create_view(scratch).await?;
    store.drop_view(&held(scratch)).await
}

fn held(table: &ViewTable) -> HeldView {
    HeldView::new(table.name, table.version, table.fingerprint(), false)
}
