//! Whether snapshots still say what a replay says.

use crate::contract::load::{AsOf, Load};
use crate::folding::aggregate::Aggregate;
use crate::words::error::StoreError;
use crate::words::stream::StreamId;

use super::fold::{Folded, snapshot_key};
use super::repository::Repository;

/// What a check of snapshots found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotCheck {
    /// How many streams were replayed and compared.
    pub checked: usize,
    /// Streams whose state by snapshot and tail is not the state by replay: raise the aggregate's `revision`.
    pub different: Vec<StreamId>,
}

impl<A: Aggregate + PartialEq> Repository<A> {
    /// Replays up to `sample` streams that have a snapshot and compares the states.
    ///
    /// A changed `apply` that leaves the state's shape alone is not noticed by the fingerprint; this notices it.
    pub async fn check_snapshots(&self, sample: usize) -> Result<SnapshotCheck, StoreError> {
        let mut check = SnapshotCheck::default();
        let Some(key) = snapshot_key::<A>() else { return Ok(check) };
        for stream in self.store.snapshot_streams(A::NAME, key.kind, sample).await? {
            let by_snapshot = self.load_as_of(stream.clone(), None).await?;
            let mut by_replay = Folded::<A>::new();
            let same_moment = Load::new(stream.clone()).as_of(Some(AsOf::Version(by_snapshot.version)));
            by_replay.replay(&*self.store, same_moment).await?;
            check.checked += 1;
            if by_replay.state != by_snapshot.state {
                check.different.push(stream);
            }
        }
        Ok(check)
    }
}
