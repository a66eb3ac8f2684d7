//! By hand: a map of streams in shards, with the same encoding.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use eventsource::Apply;
use uuid::Uuid;

use crate::book::by_hand::{apply, encode};
use crate::book::domain::{Account, AccountEvent, nth};

/// An event with all that a store knows of it.
#[allow(dead_code)]
pub struct Stored {
    pub position: u64,
    pub id: Uuid,
    pub name: &'static str,
    pub data: Vec<u8>,
    pub recorded_at: DateTime<Utc>,
}

impl Stored {
    pub fn new(position: u64, event: &AccountEvent) -> Self {
        let (name, data) = encode(event);
        Self { position, id: Uuid::now_v7(), name, data, recorded_at: Utc::now() }
    }
}

#[derive(Default)]
struct Stream {
    events: Vec<Stored>,
    state: Account,
}

/// Something for each stream.
pub struct Shards<T> {
    shards: Vec<Mutex<HashMap<String, T>>>,
    hasher: RandomState,
}

impl<T: Default> Shards<T> {
    pub fn new() -> Self {
        const SHARDS: usize = 64;
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    pub fn with<R>(&self, stream: &str, work: impl FnOnce(&mut T) -> R) -> R {
        let shard = self.hasher.hash_one(stream) as usize % self.shards.len();
        let mut streams = self.shards[shard].lock().expect("a shard");
        if !streams.contains_key(stream) {
            streams.insert(stream.to_owned(), T::default());
        }
        work(streams.get_mut(stream).expect("a stream"))
    }

    /// All of them, one after the other.
    pub fn each(&self, mut look: impl FnMut(&T)) {
        self.shards.iter().for_each(|shard| shard.lock().expect("a shard").values().for_each(&mut look));
    }
}

pub struct Map {
    streams: Shards<Stream>,
    position: AtomicU64,
}

impl Map {
    pub fn new() -> Self {
        Self { streams: Shards::new(), position: AtomicU64::new(0) }
    }

    fn stored(&self, event: &AccountEvent) -> Stored {
        Stored::new(self.position.fetch_add(1, Ordering::Relaxed) + 1, event)
    }

    /// Stores events behind those that the stream must have.
    pub fn append(&self, stream: &str, version: u64, events: u64) {
        let events: Vec<Stored> = (version..version + events).map(|n| self.stored(&nth(n))).collect();
        self.streams.with(stream, |stream| {
            assert_eq!(stream.events.len() as u64, version);
            stream.events.extend(events);
        });
    }

    /// Decides on the state that is kept, and stores one event.
    pub fn command(&self, stream: &str, n: u64) {
        self.streams.with(stream, |stream| {
            std::hint::black_box(stream.state.cents);
            let event = nth(n);
            stream.events.push(self.stored(&event));
            stream.state.apply(&event);
        });
    }

    /// Decodes and applies the last of a stream's events.
    pub fn load(&self, stream: &str, last: usize) -> (Account, usize) {
        self.streams.with(stream, |stream| {
            let mut account = Account::default();
            let skipped = stream.events.len() - last;
            stream.events[skipped..].iter().for_each(|event| apply(&mut account, event.name, &event.data));
            (account, stream.events.len())
        })
    }

    /// How many events there are, and how many commands the states know of.
    pub fn counts(&self) -> (u64, u64) {
        let (mut events, mut commands) = (0, 0);
        self.streams.each(|stream| {
            events += stream.events.len() as u64;
            commands += stream.state.count;
        });
        (events, commands)
    }
}
