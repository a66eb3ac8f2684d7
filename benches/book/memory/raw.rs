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
struct Stored {
    position: u64,
    id: Uuid,
    name: &'static str,
    data: Vec<u8>,
    recorded_at: DateTime<Utc>,
}

#[derive(Default)]
struct Stream {
    events: Vec<Stored>,
    state: Account,
}

pub struct Map {
    shards: Vec<Mutex<HashMap<String, Stream>>>,
    hasher: RandomState,
    position: AtomicU64,
}

impl Map {
    pub fn new() -> Self {
        const SHARDS: usize = 64;
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), position: AtomicU64::new(0) }
    }

    fn with<T>(&self, stream: &str, work: impl FnOnce(&mut Stream) -> T) -> T {
        let shard = self.hasher.hash_one(stream) as usize % self.shards.len();
        let mut streams = self.shards[shard].lock().expect("a shard");
        if !streams.contains_key(stream) {
            streams.insert(stream.to_owned(), Stream::default());
        }
        work(streams.get_mut(stream).expect("a stream"))
    }

    fn stored(&self, event: &AccountEvent) -> Stored {
        let (name, data) = encode(event);
        let position = self.position.fetch_add(1, Ordering::Relaxed) + 1;
        Stored { position, id: Uuid::now_v7(), name, data, recorded_at: Utc::now() }
    }

    /// Stores events behind those that the stream must have.
    pub fn append(&self, stream: &str, version: u64, events: u64) {
        let events: Vec<Stored> = (version..version + events).map(|n| self.stored(&nth(n))).collect();
        self.with(stream, |stream| {
            assert_eq!(stream.events.len() as u64, version);
            stream.events.extend(events);
        });
    }

    /// Decides on the state that is kept, and stores one event.
    pub fn command(&self, stream: &str, n: u64) {
        self.with(stream, |stream| {
            std::hint::black_box(stream.state.cents);
            let event = nth(n);
            stream.events.push(self.stored(&event));
            stream.state.apply(&event);
        });
    }

    /// Decodes and applies the last of a stream's events.
    pub fn load(&self, stream: &str, last: usize) -> (Account, usize) {
        self.with(stream, |stream| {
            let mut account = Account::default();
            let skipped = stream.events.len() - last;
            stream.events[skipped..].iter().for_each(|event| apply(&mut account, event.name, &event.data));
            (account, stream.events.len())
        })
    }

    /// How many events there are, and how many commands the states know of.
    pub fn counts(&self) -> (u64, u64) {
        let (mut events, mut commands) = (0, 0);
        for shard in &self.shards {
            for stream in shard.lock().expect("a shard").values() {
                events += stream.events.len() as u64;
                commands += stream.state.count;
            }
        }
        (events, commands)
    }
}
