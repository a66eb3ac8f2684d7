//! How a state becomes a snapshot and back.

use super::serde_bounds::Snapshotted;

/// How the snapshots of an aggregate are taken and read; a value that the derive makes.
#[doc(hidden)]
pub struct SnapshotCodec<A> {
    /// A snapshot is taken when the version passes a multiple of this.
    pub every: u64,
    /// The hand-raised number for changes of `apply` that leave the shape alone.
    pub revision: u32,
    /// The hash of the state's fields and their types.
    pub fingerprint: u64,
    /// State to bytes.
    pub encode: fn(&A) -> Result<Vec<u8>, serde_json::Error>,
    /// Bytes to state.
    pub decode: fn(&[u8]) -> Result<A, serde_json::Error>,
}

impl<A> SnapshotCodec<A> {
    /// Snapshots in JSON.
    pub fn json(every: u64, revision: u32, fingerprint: u64) -> Self
    where
        A: Snapshotted,
    {
        Self {
            every,
            revision,
            fingerprint,
            encode: |state| serde_json::to_vec(state),
            decode: |bytes| serde_json::from_slice(bytes),
        }
    }
}
