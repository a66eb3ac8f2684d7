//! A state on its way through a lane.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};

use crate::folding::aggregate::Aggregate;
use crate::runtime::fold::Folded;
use crate::words::stream::{Position, Version};

/// A state after an event, and where that is.
pub(crate) struct Known<A> {
    pub(crate) state: A,
    pub(crate) version: Version,
    /// Of those events that were given a time; recorded times come with the storing.
    pub(crate) max_occurred_at: DateTime<Utc>,
    /// 0 until it is stored.
    position: AtomicU64,
}

impl<A> Known<A> {
    pub(crate) fn new(state: A, version: Version, max_occurred_at: DateTime<Utc>) -> Self {
        Self { state, version, max_occurred_at, position: AtomicU64::new(0) }
    }

    /// The position of its last event, once that is stored.
    pub(crate) fn position(&self) -> Position {
        Position(self.position.load(Ordering::Relaxed))
    }

    /// Its events are stored there, the last of them at the last place.
    pub(super) fn stored_at(&self, positions: &[Position]) {
        if let Some(last) = positions.last() {
            self.position.store(last.0, Ordering::Relaxed);
        }
    }
}

impl<A: Aggregate> Known<A> {
    pub(super) fn of(folded: Folded<A>) -> Self {
        let known = Self::new(folded.state, folded.version, folded.max_occurred_at);
        known.stored_at(&[folded.position]);
        known
    }

    /// Without a copy, where nobody else has it.
    pub(crate) fn into_folded(known: Arc<Self>) -> Folded<A> {
        match Arc::try_unwrap(known) {
            Ok(known) => {
                let (version, position, time) = (known.version, known.position(), known.max_occurred_at);
                Folded { state: known.state, version, position, max_occurred_at: time }
            }
            Err(known) => known.folded(),
        }
    }

    pub(crate) fn folded(&self) -> Folded<A> {
        let mut folded = Folded::new();
        folded.state = self.state.clone();
        folded.advance(self.version, self.position(), self.max_occurred_at);
        folded
    }
}
