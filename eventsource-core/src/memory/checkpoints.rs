//! How far consumers have come, and whose work they are.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::checkpoint::{Checkpoint, CheckpointKey, Claim};
use crate::contract::read::Cursor;
use crate::contract::store::StoreIdentity;
use crate::contract::transaction::Advance;
use crate::words::error::StoreError;

#[derive(Default)]
pub(super) struct Checkpoints {
    kept: HashMap<CheckpointKey, Kept>,
}

struct Kept {
    checkpoint: Checkpoint,
    owner: Option<Owner>,
}

#[derive(Clone, Copy)]
struct Owner {
    id: Uuid,
    until: DateTime<Utc>,
}

impl Checkpoints {
    pub(super) fn load(&self, key: &CheckpointKey) -> Option<Checkpoint> {
        self.kept.get(key).map(|kept| kept.checkpoint)
    }

    pub(super) fn save(&mut self, key: &CheckpointKey, checkpoint: Checkpoint) -> Result<(), StoreError> {
        match self.kept.get_mut(key) {
            Some(kept) if kept.checkpoint.owner_epoch > checkpoint.owner_epoch => {
                return Err(StoreError::fenced(format!(
                    "checkpoint {} belongs to owner {}, refused to owner {}",
                    key.name, kept.checkpoint.owner_epoch, checkpoint.owner_epoch
                )));
            }
            Some(kept) => kept.checkpoint = checkpoint,
            None => {
                self.kept.insert(key.clone(), Kept { checkpoint, owner: None });
            }
        }
        Ok(())
    }

    pub(super) fn advance(&mut self, advance: &Advance) -> Result<(), StoreError> {
        match self.kept.get_mut(&advance.key) {
            Some(kept) if advance.fits(Some(&kept.checkpoint)) => kept.checkpoint = advance.to,
            kept => return Err(advance.refused(kept.map(|kept| &kept.checkpoint))),
        }
        Ok(())
    }

    pub(super) fn claim(
        &mut self,
        key: &CheckpointKey,
        owner: Uuid,
        (now, lease): (DateTime<Utc>, Duration),
        store: StoreIdentity,
    ) -> Claim {
        let begin = || Kept { checkpoint: Checkpoint::new(Cursor::START, store), owner: None };
        let kept = self.kept.entry(key.clone()).or_insert_with(begin);
        let until = now.checked_add_signed(chrono::TimeDelta::from_std(lease).unwrap_or(chrono::TimeDelta::MAX));
        let until = until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        match kept.owner {
            Some(held) if held.id != owner && held.until > now => {
                return Claim::Held { owner: held.id, until: held.until };
            }
            Some(held) if held.id == owner => {}
            _ => kept.checkpoint.owner_epoch += 1,
        }
        kept.owner = Some(Owner { id: owner, until });
        Claim::Owned(kept.checkpoint)
    }

    pub(super) fn release(&mut self, key: &CheckpointKey, owner: Uuid) {
        if let Some(kept) = self.kept.get_mut(key)
            && kept.owner.is_some_and(|held| held.id == owner)
        {
            kept.owner = None;
        }
    }

    pub(super) fn forget(&mut self, key: &CheckpointKey) {
        self.kept.remove(key);
    }
}
