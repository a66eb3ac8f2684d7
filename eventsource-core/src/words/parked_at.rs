//! Where an event stands that a projection has parked.

use super::stream::Position;

/// Which parked event: there is one at most for a key and a position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ParkedAt {
    /// What the event concerns: the key of a view's row as text, or the stream for everything else.
    pub key: String,
    /// The event's.
    pub position: Position,
}

impl ParkedAt {
    /// A place.
    pub fn new(key: impl Into<String>, position: Position) -> Self {
        Self { key: key.into(), position }
    }
}
