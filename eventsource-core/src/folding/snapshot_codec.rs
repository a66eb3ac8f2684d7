//! How a state becomes a snapshot and back.

use eventsource_schema::{Shape, fingerprint};

use super::serde_bounds::Snapshotted;

/// How the snapshots of an aggregate are taken and read; a value that the derive makes.
#[doc(hidden)]
pub struct SnapshotCodec<A> {
    /// A snapshot is taken when the version passes a multiple of this.
    pub every: u64,
    /// The hand-raised number for changes of `apply` that leave the shape alone.
    pub revision: u32,
    /// The hash of the state's fields, their types, and whatever is inside of these; see [`fingerprint_of_state`].
    pub fingerprint: u64,
    /// State to bytes.
    pub encode: fn(&A) -> Result<Vec<u8>, serde_json::Error>,
    /// Bytes to state.
    pub decode: fn(&[u8]) -> Result<A, serde_json::Error>,
}

impl<A> SnapshotCodec<A> {
    /// Snapshots in JSON.
    pub fn json(every: u64, revision: u32) -> Self
    where
        A: Snapshotted,
    {
        Self {
            every,
            revision,
            fingerprint: 0,
            encode: |state| serde_json::to_vec(state),
            decode: |bytes| serde_json::from_slice(bytes),
        }
    }

    /// For states of this shape.
    pub fn with_fingerprint(mut self, fingerprint: u64) -> Self {
        self.fingerprint = fingerprint;
        self
    }
}

/// A number that changes with the shape of a state: with its tokens, and with the shapes of the types that they name,
/// as deep as these have an `EventSchema`. Of any other type the tokens are all that is known.
pub const fn fingerprint_of_state(tokens: u64, types: &[Option<&'static Shape>]) -> u64 {
    let mut hash = tokens;
    let mut i = 0;
    while i < types.len() {
        let shape = match types[i] {
            Some(shape) => fingerprint(shape),
            None => 0,
        };
        // One step of FNV-1a, with a word for a byte.
        hash = (hash ^ shape).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}
