//! A command that was decided and waits to be stored.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::contract::append::{AppendRequest, Appended};
use crate::words::error::StoreError;
use crate::words::event::NewEvent;
use crate::words::stream::{Conflict, Position, StreamId, Version};

use super::known::Known;

/// Events of one append at most, unless one command has more.
const EVENTS: usize = 4_096;
/// Bytes of payloads of one append, unless one command has more: 4 MiB.
const BYTES: usize = 4 << 20;

/// A command that was decided.
pub(super) struct Waiting<A> {
    /// Until they are in a request.
    pub(super) events: Vec<NewEvent>,
    pub(super) count: usize,
    pub(super) command_key: Option<String>,
    /// It is sent in an append of its own.
    pub(super) alone: bool,
    /// The state with it.
    pub(super) after: Arc<Known<A>>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What has become of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Stored(Place),
    /// Its command key, or its first event, had been stored before.
    StoredBefore(Appended),
    /// What it was decided on did not come about, or it has to go alone: it is to be decided again.
    Undone {
        conflict: Option<Conflict>,
        alone: bool,
    },
    Failed(StoreError),
}

/// Where its events stand.
#[derive(Debug)]
pub(crate) struct Place {
    request: Arc<AppendRequest>,
    first: usize,
    pub(crate) positions: Vec<Position>,
    pub(crate) recorded_at: DateTime<Utc>,
}

impl Place {
    /// What was stored.
    pub(crate) fn events(&self) -> &[NewEvent] {
        &self.request.writes[0].events[self.first..self.first + self.positions.len()]
    }
}

impl<A> Waiting<A> {
    fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.data.len()).sum()
    }

    /// The version that it was decided on.
    fn before(&self) -> Version {
        Version(self.after.version.0 - self.count as u64)
    }

    pub(super) fn answer(self, answer: Answer) {
        // A caller that has gone away is no concern.
        let _ = self.answer.send(answer);
    }
}

/// How many of those that wait, from the first one on, go into one append: either none of them has a key, or each has its own.
/// If one of those was used before, nothing is stored, and each shows that when it is decided again; without a key it would
/// be stored again if only the answer was lost.
pub(super) fn together<'w, A: 'w>(waiting: impl IntoIterator<Item = &'w Waiting<A>>) -> usize {
    let (mut count, mut events, mut bytes) = (0, 0, 0);
    let mut is_keyed = false;
    let mut keys = HashSet::new();
    for one in waiting {
        events += one.events.len();
        bytes += one.bytes();
        let key = one.command_key.as_ref();
        let is_another_kind = key.is_some() != is_keyed || key.is_some_and(|key| keys.contains(key));
        if count > 0 && (one.alone || is_another_kind || events > EVENTS || bytes > BYTES) {
            break;
        }
        is_keyed = key.is_some();
        keys.extend(key);
        count += 1;
        if one.alone {
            break;
        }
    }
    count
}

/// One append of several commands, each decided on the one before it.
pub(crate) struct Batch<A> {
    pub(super) request: Arc<AppendRequest>,
    /// Their events are in the request.
    pub(super) waiting: Vec<Waiting<A>>,
}

impl<A> Batch<A> {
    /// There must be one, and they must go [`together`].
    pub(super) fn new(stream: &StreamId, mut waiting: Vec<Waiting<A>>) -> Self {
        let events = std::mem::take(&mut waiting[0].events);
        let mut request = AppendRequest::new(stream.clone(), waiting[0].before(), events);
        request.command_key = waiting[0].command_key.take();
        for one in &mut waiting[1..] {
            let events = std::mem::take(&mut one.events);
            match one.command_key.take() {
                Some(key) => request = request.and_command(key, events),
                None => request.writes[0].events.extend(events),
            }
        }
        Self { request: Arc::new(request), waiting }
    }

    /// The state with all of them, now that it is stored.
    pub(super) fn last(&self, appended: &Appended) -> Arc<Known<A>> {
        let last = &self.waiting[self.waiting.len() - 1].after;
        last.stored_at(&appended.streams[0].positions);
        last.clone()
    }

    /// Gives each its place, and each state its position.
    pub(super) fn answer(self, appended: &Appended) {
        let place = &appended.streams[0];
        let mut first = 0;
        for one in self.waiting {
            let positions = place.positions[first..first + one.count].to_vec();
            one.after.stored_at(&positions);
            let answer = Place { request: self.request.clone(), first, positions, recorded_at: place.recorded_at };
            first += one.count;
            one.answer(Answer::Stored(answer));
        }
    }
}
