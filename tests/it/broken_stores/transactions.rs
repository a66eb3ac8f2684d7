//! What goes wrong with transactions that are lent.

use eventsource::backend::not_parked;
use eventsource::memory::Kept;
use eventsource::{Advance, EventStore, ParkedAt, ParkingStore, ReadParked, StoreError, TransactionalStore, Work};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::broken::Broken;
use super::defect::Defect::*;

impl Broken {
    async fn transact_broken(&self, advance: &Advance, work: &mut dyn Work<Kept>) -> Result<(), StoreError> {
        let mut before = self.shared().kept.clone();
        if self.defect == LooksAtTheCheckpointBefore {
            self.look(advance).await?;
        }
        if self.defect == WritesThrough {
            self.work_through(work).await;
            return self.look(advance).await;
        }
        let worked = work.run(&mut before).await;
        let keeps = match self.defect {
            KeepsFailedWork => true,
            LooksAtTheCheckpointBefore | CommitsBeforeItLooks => worked.is_ok(),
            _ => false,
        };
        if keeps {
            self.shared().kept = before.clone();
        }
        worked.map_err(|error| advance.undone(error))?;
        match self.defect {
            LooksAtTheCheckpointBefore => drop(self.inner.save_checkpoint(&advance.key, advance.to).await),
            _ => self.look(advance).await?,
        }
        let Advance { key, unparked, .. } = advance;
        let parked = self.inner.parked(key, &ReadParked::all(usize::MAX)).await?;
        let is_there = |at: &ParkedAt| parked.iter().any(|parked| parked.at == *at);
        if self.defect != TransactionRetriesTwice && !unparked.iter().all(is_there) {
            return Err(not_parked(key));
        }
        if self.defect != TransactionKeepsTheParking && !unparked.is_empty() {
            self.inner.unpark(key, advance.to.owner_epoch, unparked).await?;
        }
        if !matches!(self.defect, LooksAtTheCheckpointBefore | TransactionMovesNothing) {
            self.inner.save_checkpoint(&advance.key, advance.to).await?;
        }
        self.shared().kept = before;
        Ok(())
    }

    /// Whether the checkpoint may be moved so.
    async fn look(&self, advance: &Advance) -> Result<(), StoreError> {
        let kept = self.inner.load_checkpoint(&advance.key).await?;
        let fits = match (self.defect, &kept) {
            (LendsToAnybody, None) => true,
            // A greater position, or the same one, is taken for what comes next.
            (MovesFromAnywhere, Some(kept)) => {
                kept.owner_epoch == advance.to.owner_epoch && kept.cursor.position <= advance.to.cursor.position
            }
            _ => advance.fits(kept.as_ref()),
        };
        if fits { Ok(()) } else { Err(advance.refused(kept.as_ref())) }
    }

    /// Each change is seen at once.
    async fn work_through(&self, work: &mut dyn Work<Kept>) {
        let mut kept = self.shared().kept.clone();
        let mut running = work.run(&mut kept);
        let first = futures::poll!(&mut running);
        drop(running);
        self.shared().kept = kept;
        if first.is_pending() {
            std::future::pending().await
        }
    }
}

impl TransactionalStore for Broken {
    type Connection = Kept;

    fn transact<'a>(
        &'a self,
        advance: &'a Advance,
        work: &'a mut dyn Work<Kept>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.open()?;
            self.transact_broken(advance, work).await
        }
        .boxed()
    }
}
