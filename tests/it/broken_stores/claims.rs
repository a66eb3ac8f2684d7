//! What goes wrong with whose work a consumer's is.

use std::time::Duration;

use eventsource::{CheckpointKey, Claim, Cursor, EventStore, StoreError};
use uuid::Uuid;

use super::broken::Broken;
use super::defect::Defect::*;

impl Broken {
    pub(super) async fn claim_broken(
        &self,
        key: &CheckpointKey,
        owner: Uuid,
        lease: Duration,
    ) -> Result<Claim, StoreError> {
        let before = self.shared().owners.insert(key.clone(), owner);
        let lease = match self.defect {
            ClaimsNeverEnd => Duration::from_secs(3600),
            ClaimsEndAtOnce => Duration::ZERO,
            _ => lease,
        };
        if self.defect == ClaimIsNotRenewed && before == Some(owner) {
            return Ok(self.inner.load_checkpoint(key).await?.map_or_else(|| unreachable!("claimed"), Claim::Owned));
        }
        let mut claim = self.inner.claim(key, owner, lease).await?;
        if let (Claim::Held { owner: held, .. }, ClaimsForEverybody) = (&claim, self.defect) {
            self.inner.release(key, *held).await?;
            claim = self.inner.claim(key, owner, lease).await?;
        }
        match (&mut claim, self.defect) {
            (Claim::Owned(checkpoint), ClaimForgetsTheCheckpoint) => checkpoint.cursor = Cursor::START,
            (Claim::Owned(checkpoint), ClaimHasNoNumber) => checkpoint.owner_epoch = 0,
            (Claim::Held { .. }, _) => drop(before.map(|before| self.shared().owners.insert(key.clone(), before))),
            _ => {}
        }
        Ok(claim)
    }

    pub(super) async fn release_broken(&self, key: &CheckpointKey, owner: Uuid) -> Result<(), StoreError> {
        let holder = self.shared().owners.get(key).copied();
        match (self.defect, holder) {
            (ReleasesNothing, _) => Ok(()),
            (AnybodyReleases, Some(holder)) => self.inner.release(key, holder).await,
            _ => self.inner.release(key, owner).await,
        }
    }
}
