//! What the promises leave: the least by hand that keeps what a store and a repository promise, and the map does not.
//!
//! These are one order of all events, with a version each that is what its writer expected; recorded times that never go back
//! within a stream; subscribers who are told; and an owner of each state, who decides in turn, whose answer holds what was
//! stored and where, and leaves when it is stored. Whoever decides keeps all others from the state until it is stored, as only
//! a store that answers at once allows: handing over to a sender, callers who go away, keys, and limits are not in it.
//!
//! Each stands beside a scenario of the same name without `limit-`, and has its bound. Where the limit misses it, the
//! promises do; what is between the two is the framework's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use eventsource::Apply;
use tokio::sync::Notify;
use uuid::Uuid;

use super::raw::{Shards, Stored};
use super::{by_hand, map_commands};
use crate::book::domain::{Account, AccountEvent, nth};
use crate::book::scenario::Bound::AtLeast;
use crate::book::scenario::{Scale, Scenario};
use crate::book::sides::Sides;
use crate::book::work::COMMANDS;

pub fn all() -> Vec<Scenario> {
    const PROMISES: &str = "a sharded map, with the same encoding; ours: the least by hand that keeps the promises";
    vec![
        Scenario::new("memory/limit-hot@8", COMMANDS, AtLeast(0.70), PROMISES, |scale| commands(scale, |_| 0)),
        Scenario::new("memory/limit-spread@8", COMMANDS, AtLeast(0.70), PROMISES, |scale| commands(scale, |task| task)),
    ]
}

async fn commands(scale: Scale, id: fn(usize) -> usize) -> Sides {
    const TASKS: usize = 8;
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        let (kept, before) = (Arc::new(Kept::new()), sides.ours.operations);
        let command = move |kept: &Kept, task, n| {
            std::hint::black_box(kept.command(&format!("account-{}", id(task)), n));
        };
        by_hand(&mut sides.ours, round, TASKS, &kept, command).await;
        assert_eq!(kept.count(), sides.ours.operations - before);
        drop(kept);
        map_commands(&mut sides.raw, round, (TASKS, id)).await;
    }
    sides
}

/// What a caller gets.
#[allow(dead_code)]
struct Answer {
    state: Account,
    event: AccountEvent,
    id: Uuid,
    stream: Arc<str>,
    version: usize,
    position: u64,
    recorded_at: DateTime<Utc>,
}

#[derive(Default)]
struct Owned {
    stream: Option<Arc<str>>,
    version: usize,
    state: Account,
}

struct Kept {
    owners: Shards<Arc<Mutex<Owned>>>,
    log: Mutex<Log>,
    changed: Notify,
}

impl Kept {
    fn new() -> Self {
        Self { owners: Shards::new(), log: Mutex::default(), changed: Notify::new() }
    }

    /// Decides on the state that is kept, and stores one event.
    fn command(&self, stream: &str, n: u64) -> Answer {
        let owner = self.owners.with(stream, |owner| owner.clone());
        let mut owned = owner.lock().expect("an owner");
        let stream = owned.stream.get_or_insert_with(|| stream.into()).clone();
        std::hint::black_box(owned.state.cents);
        let event = nth(n);
        let stored = Stored::new(0, &event);
        let id = stored.id;
        let (position, recorded_at) = self.log.lock().expect("the log").append(&stream, owned.version, stored);
        self.changed.notify_waiters();
        owned.version += 1;
        owned.state.apply(&event);
        Answer { state: owned.state.clone(), event, id, stream, version: owned.version, position, recorded_at }
    }

    fn count(&self) -> u64 {
        let mut commands = 0;
        self.owners.each(|owner| commands += owner.lock().expect("an owner").state.count);
        assert_eq!(self.log.lock().expect("the log").events.len() as u64, commands);
        commands
    }
}

/// All events in their order, and the places of each stream's.
#[derive(Default)]
struct Log {
    events: Vec<(Arc<str>, Stored)>,
    streams: HashMap<Arc<str>, Vec<usize>>,
}

impl Log {
    fn append(&mut self, stream: &Arc<str>, expected: usize, event: Stored) -> (u64, DateTime<Utc>) {
        if !self.streams.contains_key(stream) {
            self.streams.insert(stream.clone(), Vec::new());
        }
        let places = self.streams.get_mut(stream).expect("a stream");
        assert_eq!(places.len(), expected);
        let last = places.last().map_or(DateTime::<Utc>::MIN_UTC, |place| self.events[*place].1.recorded_at);
        let (position, recorded_at) = (self.events.len() as u64 + 1, event.recorded_at.max(last));
        places.push(self.events.len());
        self.events.push((stream.clone(), Stored { position, recorded_at, ..event }));
        (position, recorded_at)
    }
}
