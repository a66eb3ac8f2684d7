//! Snapshots: states that save a replay and are never needed.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::words::error::BoxError;
use crate::words::stream::{Position, StreamId, Version};

use super::batch_queue::Weight;

/// Which snapshots a caller can read. Any other is as if it were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotKey {
    /// What is kept, so that a stream may have snapshots of several kinds.
    pub kind: &'static str,
    /// The hash of the state's fields and their types.
    pub fingerprint: u64,
    /// The hand-raised number for changes that the shape does not show.
    pub revision: u32,
}

impl SnapshotKey {
    /// A key.
    pub fn new(kind: &'static str, fingerprint: u64, revision: u32) -> Self {
        Self { kind, fingerprint, revision }
    }
}

/// A snapshot to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// What it stands for.
    pub mark: SnapshotMark,
    /// How the state is encoded; 0 is JSON.
    pub encoding: i16,
    /// The state.
    pub data: Vec<u8>,
}

impl Snapshot {
    /// A snapshot in JSON.
    pub fn new(mark: SnapshotMark, data: Vec<u8>) -> Self {
        Self { mark, encoding: crate::words::event::ENCODING_JSON, data }
    }
}

/// What a snapshot stands for: a stream up to one of its events.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapshotMark {
    /// The stream.
    pub stream: StreamId,
    /// Who can read it.
    pub key: SnapshotKey,
    /// The version of the last event in it.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// The latest time at which an event in it occurred.
    pub max_occurred_at: DateTime<Utc>,
}

impl SnapshotMark {
    /// A mark at an event of a stream.
    pub fn new(
        stream: StreamId,
        key: SnapshotKey,
        (version, position): (Version, Position),
        max_occurred_at: DateTime<Utc>,
    ) -> Self {
        Self { stream, key, version, position, max_occurred_at }
    }
}

/// A snapshot that is encoded when the store has time to write it.
#[non_exhaustive]
pub struct PendingSnapshot {
    mark: SnapshotMark,
    encode: Box<dyn FnOnce() -> Result<Vec<u8>, BoxError> + Send>,
}

impl PendingSnapshot {
    /// A snapshot whose state is encoded later.
    pub fn new(mark: SnapshotMark, encode: impl FnOnce() -> Result<Vec<u8>, BoxError> + Send + 'static) -> Self {
        Self { mark, encode: Box::new(encode) }
    }

    /// Encodes it now. One that cannot be encoded is a warning in the log: a replay does without.
    pub fn encode(self) -> Option<Snapshot> {
        // A panic in somebody's `Serialize` must not end the store's task.
        let encoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(self.encode));
        match encoded.unwrap_or_else(|_| Err("encoding it panicked".into())) {
            Ok(data) => Some(Snapshot::new(self.mark, data)),
            Err(error) => {
                tracing::warn!(stream = %self.mark.stream, %error, "a snapshot could not be encoded and was dropped");
                None
            }
        }
    }
}

impl Weight for PendingSnapshot {
    fn rows(&self) -> usize {
        1
    }

    /// Not known before it is encoded.
    fn bytes(&self) -> usize {
        0
    }
}

impl fmt::Debug for PendingSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSnapshot").field("mark", &self.mark).finish_non_exhaustive()
    }
}

/// A snapshot as its bytes lie in the store.
#[derive(Clone, Copy, Debug)]
pub struct RawSnapshot<'r> {
    /// The version of the last event in it.
    pub version: Version,
    /// The position of that event.
    pub position: Position,
    /// How the state is encoded; 0 is JSON.
    pub encoding: i16,
    /// The state.
    pub data: &'r [u8],
    /// The latest time at which an event in it occurred.
    pub max_occurred_at: DateTime<Utc>,
}
