//! Whose work a projection is: claimed, renewed while it runs, given back.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use uuid::Uuid;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::inline::INLINE_OWNER;
use crate::contract::view::ViewStore;
use crate::runtime::retry::Patience;
use crate::words::error::StoreError;

use super::options::Options;
use super::status::Entry;
use super::{With, new_owner};

/// How long a question waits for those of other projections, one of which may hang.
const TURN: Duration = Duration::from_millis(100);

/// What a projection needs to be one's own, and the place where it says what it does.
pub(super) struct Holder {
    pub(super) store: Arc<dyn ViewStore>,
    pub(super) options: Options,
    pub(super) status: Entry,
    asking: Arc<Semaphore>,
    key: CheckpointKey,
    owner: Uuid,
    owner_epoch: u64,
    shutdown: watch::Receiver<bool>,
    renew_at: Instant,
}

impl Holder {
    pub(super) fn new(
        With { store, options, asking }: With,
        key: CheckpointKey,
        status: Entry,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let (owner, renew_at) = (new_owner(), Instant::now());
        Self { store, options, asking, status, key, owner, owner_epoch: 0, shutdown, renew_at }
    }

    /// Waits until the projection is one's own; `None` when it is time to end.
    pub(super) async fn claim(&mut self) -> Result<Option<Checkpoint>, StoreError> {
        loop {
            if self.is_shut_down() {
                return Ok(None);
            }
            match self.ask().await? {
                Claim::Owned(checkpoint) => {
                    self.status.owned(self.owner, checkpoint.cursor.position);
                    self.owner_epoch = checkpoint.owner_epoch;
                    return Ok(Some(checkpoint));
                }
                Claim::Held { owner: INLINE_OWNER, .. } => {
                    return Err(StoreError::invalid(format!(
                        "the table of {} is kept inline, by the appends: raise the view's version to project it otherwise",
                        self.key.name
                    )));
                }
                Claim::Held { owner, .. } => {
                    self.status.waits_for(owner);
                    // By one's own clock: that of the store may be another.
                    tokio::select! {
                        () = tokio::time::sleep(self.beat()) => {}
                        () = ended(&mut self.shutdown) => {}
                    }
                }
            }
        }
    }

    /// Renews the hold if it is time to; fails with [`is_fenced`](StoreError::is_fenced) if somebody else has it.
    pub(super) async fn renew(&mut self) -> Result<(), StoreError> {
        if Instant::now() < self.renew_at {
            return Ok(());
        }
        self.confirm().await.map(drop)
    }

    /// Renews the hold in any case; answers whose it is: one's own.
    pub(super) async fn confirm(&mut self) -> Result<Uuid, StoreError> {
        self.owned().await.map(|_| self.owner)
    }

    /// Takes it over from oneself: whatever was sent for it and has not arrived yet is refused from here on.
    pub(super) async fn claim_anew(&mut self) -> Result<(), StoreError> {
        self.steadily(|| self.store.release(&self.key, self.owner)).await?;
        self.owner = new_owner();
        let Checkpoint { owner_epoch, .. } = self.owned().await?;
        if owner_epoch != self.owner_epoch + 1 {
            let name = &self.key.name;
            return Err(StoreError::fenced(format!("projection {name} was somebody else's for a moment")));
        }
        self.owner_epoch = owner_epoch;
        self.status.owner(self.owner);
        Ok(())
    }

    /// Fails unless it is one's own.
    async fn owned(&mut self) -> Result<Checkpoint, StoreError> {
        match self.ask().await? {
            Claim::Owned(checkpoint) => Ok(checkpoint),
            Claim::Held { owner, .. } => {
                Err(StoreError::fenced(format!("projection {} was taken over by {owner}", self.key.name)))
            }
        }
    }

    /// The number of one's own hold, which is in whatever is written.
    pub(super) fn owner_epoch(&self) -> u64 {
        self.owner_epoch
    }

    /// Ready when it is time to renew (`true`), or to end (`false`).
    pub(super) async fn called(&mut self) -> bool {
        tokio::select! {
            () = tokio::time::sleep_until(self.renew_at) => true,
            () = ended(&mut self.shutdown) => false,
        }
    }

    /// Gives it back. If that fails, others wait for the end of the lease.
    pub(super) async fn release(&self) {
        if let Err(error) = self.store.release(&self.key, self.owner).await {
            tracing::debug!(projection = %self.key.name, %error, "the lease was not given back");
        }
    }

    /// Does what may be done twice, again while the store is out of reach.
    pub(super) async fn steadily<'a, T>(
        &self,
        mut work: impl FnMut() -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut patience = Patience::new();
        loop {
            patience.pause().await;
            match work().await {
                Err(error) if self.try_again(&mut patience, &error) => {}
                done => return done,
            }
        }
    }

    /// Does what may take long, and renews the hold meanwhile; fails with [`is_fenced`](StoreError::is_fenced), and lets the
    /// work go, if somebody else has it.
    pub(super) async fn hold_while<T>(
        &mut self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut work = std::pin::pin!(work);
        loop {
            let (renew_at, at_most) = (self.renew_at, self.beat());
            // Both go on at the same time: in SQLite the renewal waits for a transaction of the work.
            let renewal = async {
                tokio::time::sleep_until(renew_at).await;
                self.renew().await
            };
            let mut renewal = std::pin::pin!(renewal);
            tokio::select! {
                biased;
                done = &mut work => {
                    if Instant::now() >= renew_at {
                        // Whoever waits to take over stands behind it in line, and would have its place. What it says
                        // is asked again before anything else is done.
                        let _ = tokio::time::timeout(at_most, renewal).await;
                    }
                    return done;
                }
                renewed = &mut renewal => renewed?,
            }
        }
    }

    /// Whether what the store failed in is to be tried again, after a pause: not when it is time to end.
    pub(super) fn try_again(&self, patience: &mut Patience, error: &StoreError) -> bool {
        self.try_again_for(patience, self.options.patience, error)
    }

    fn try_again_for(&self, patience: &mut Patience, limit: Duration, error: &StoreError) -> bool {
        let again = error.is_transient() && !self.is_shut_down() && patience.allows(limit, error);
        if again {
            self.status.failed(error);
        }
        again
    }

    /// The same for what code of somebody else's failed in: the world beyond it may be better soon.
    pub(super) fn try_work_again(&self, patience: &mut Patience, error: &StoreError) -> bool {
        self.try_work_again_for(patience, self.options.patience, error)
    }

    /// The same, where what is out of reach is not the store and may be so for another time.
    pub(super) fn try_work_again_for(&self, patience: &mut Patience, limit: Duration, error: &StoreError) -> bool {
        if error.is_transient() {
            return self.try_again_for(patience, limit, error);
        }
        let is_final = error.is_fenced() || error.is_closed() || error.is_invalid();
        let again = !is_final && !self.is_shut_down() && patience.allows(self.options.retry, error);
        if again {
            self.status.failed(error);
        }
        again
    }

    pub(super) fn is_shut_down(&self) -> bool {
        *self.shutdown.borrow()
    }

    async fn ask(&mut self) -> Result<Claim, StoreError> {
        // A hundred that began together need not be a hundred questions at a time.
        let _turn = tokio::time::timeout(TURN, self.asking.acquire()).await;
        // Counted from before the question: the store counts from a later moment.
        let asked = Instant::now();
        let claim = self.steadily(|| self.store.claim(&self.key, self.owner, self.options.lease)).await?;
        self.renew_at = asked + self.beat();
        Ok(claim)
    }

    /// A third of the lease, so that one renewal may fail.
    fn beat(&self) -> Duration {
        self.options.lease / 3
    }
}

async fn ended(shutdown: &mut watch::Receiver<bool>) {
    // An error says that nobody can call any more, which is the same.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
