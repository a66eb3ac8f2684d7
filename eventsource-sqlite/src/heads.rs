//! Where streams stand, remembered from batch to batch as long as nobody else has written.

use std::collections::HashMap;

use eventsource_core::backend::Heads;
use eventsource_core::{StreamId, Version};

/// Streams to remember at most; about 200 bytes each.
const STREAMS: usize = 16_384;

/// The streams that the writer knows, and the keys that the requests of one batch ask for.
#[derive(Default)]
pub(crate) struct Known {
    heads: HashMap<StreamId, (Version, i64)>,
    pub(crate) keys: HashMap<(StreamId, String), Version>,
    /// SQLite's number for what other connections have committed, and ours for maintenance and imports.
    state: (i64, u64),
}

impl Known {
    /// Forgets everything unless the file is still in the state in which it was learnt; true if it is.
    pub(crate) fn valid_in(&mut self, state: (i64, u64)) -> bool {
        self.keys.clear();
        if self.state == state {
            return true;
        }
        self.heads.clear();
        self.state = state;
        false
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Makes room for the streams of one batch.
    pub(crate) fn make_room(&mut self, streams: usize) {
        if self.heads.len() + streams > STREAMS {
            self.heads.clear();
        }
    }

    pub(crate) fn knows(&self, stream: &StreamId) -> bool {
        self.heads.contains_key(stream)
    }

    /// The version and the recorded time of a stream's last event.
    pub(crate) fn last(&self, stream: &StreamId) -> (Version, i64) {
        self.heads.get(stream).copied().unwrap_or((Version(0), i64::MIN))
    }

    pub(crate) fn learn(&mut self, stream: &StreamId, version: Version, recorded_at: i64) {
        match self.heads.get_mut(stream) {
            Some(head) => *head = (version, recorded_at),
            None => drop(self.heads.insert(stream.clone(), (version, recorded_at))),
        }
    }

    /// Before something happens to a stream whose end may stay unknown.
    pub(crate) fn forget(&mut self, stream: &StreamId) {
        self.heads.remove(stream);
    }

    pub(crate) fn forget_all(&mut self) {
        self.heads.clear();
    }
}

impl Heads for Known {
    fn head(&self, stream: &StreamId) -> Version {
        self.last(stream).0
    }

    fn keyed(&self, stream: &StreamId, key: &str) -> Option<Version> {
        if self.keys.is_empty() {
            return None;
        }
        self.keys.get(&(stream.clone(), key.to_owned())).copied()
    }
}
