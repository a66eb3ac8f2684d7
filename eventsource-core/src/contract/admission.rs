//! Whether a request may be stored: one rule for every store that decides while it holds the write lock.

use crate::words::stream::{Conflict, ExpectedVersion, StreamId, Version};

use super::append::AppendRequest;

/// What a writer knows of the streams of a request while nobody else can write.
pub trait Heads {
    /// The version at which the stream stands.
    fn head(&self, stream: &StreamId) -> Version;
    /// The version of the event that carries this key.
    fn keyed(&self, stream: &StreamId, key: &str) -> Option<Version>;
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Every demand is met.
    Store,
    /// The event at this version of the first write's stream carries a key of the request: answer its command's first result.
    Done(Version),
    /// A write's stream is not where it was expected. If every write's events stand at their
    /// expected places with the same ids, the request was stored before; else it is this conflict.
    Elsewhere(Conflict),
    /// A condition does not hold.
    Conflict(Conflict),
}

/// Judges a request. The key comes first: a repeated command must not be refused by its own effect.
pub fn admit(request: &AppendRequest, heads: &impl Heads) -> Admission {
    if let Some(first) = request.writes.first()
        && let Some(version) = request.stored_keys().find_map(|(_, key)| heads.keyed(&first.stream, &key))
    {
        return Admission::Done(version);
    }
    for write in &request.writes {
        let head = heads.head(&write.stream);
        if !write.expected.accepts(head) {
            return Admission::Elsewhere(Conflict::new(write.stream.clone(), write.expected, head));
        }
    }
    for condition in &request.conditions {
        let head = heads.head(&condition.stream);
        if head != condition.version {
            let expected = ExpectedVersion::Exact(condition.version);
            return Admission::Conflict(Conflict::new(condition.stream.clone(), expected, head));
        }
    }
    Admission::Store
}
