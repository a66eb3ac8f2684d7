//! Random requests, answered twice: by the store and by the memory store, which is the model.

use uuid::Uuid;

use crate::contract::append::{AppendOutcome, AppendRequest};
use crate::contract::load::{AsOf, Load};
use crate::contract::read::Read;
use crate::contract::snapshot::{Snapshot, SnapshotKey, SnapshotMark};
use crate::contract::store::EventStore;
use crate::memory::MemoryStore;
use crate::words::event::NewEvent;
use crate::words::stream::{ExpectedVersion, Position, StreamId, Version};

use super::asking::*;
use super::dice::Dice;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![random_requests_are_answered_as_by_the_model];

const HISTORIES: u64 = 12;
const STEPS: usize = 80;
const STREAMS: [(&str, &str); 4] = [("thing", "a"), ("thing", "b"), ("thing", "a-b"), ("other", "a")];
const NAMES: [&str; 3] = ["one", "two", "three"];

async fn random_requests_are_answered_as_by_the_model(fixture: &Fixture) -> Checked {
    for seed in 0..HISTORIES {
        // Each history has streams of its own, so that all of them fit in one store.
        let before = count(&*fixture.store).await?;
        let model = MemoryStore::new();
        let mut history = History { dice: Dice(seed), model, sent: Vec::new(), number: seed, before };
        for step in 0..STEPS {
            let place = |Broken(reason)| Broken(format!("history {seed}, step {step}: {reason}"));
            history.step(&*fixture.store).await.map_err(place)?;
        }
    }
    Ok(())
}

struct History {
    dice: Dice,
    model: MemoryStore,
    sent: Vec<AppendRequest>,
    number: u64,
    /// Events that the store had before this history.
    before: usize,
}

impl History {
    async fn step(&mut self, store: &dyn EventStore) -> Checked {
        match self.dice.roll(10) {
            0..6 => self.append(store).await,
            6 => self.snapshot(store).await,
            7 => self.load(store).await,
            _ => self.read(store).await,
        }
    }

    fn stream(&mut self) -> StreamId {
        let (category, id) = self.dice.pick(&STREAMS);
        stream(&format!("{category}-{}{id}", self.number))
    }

    async fn head(&self, stream: &StreamId) -> Checked<Version> {
        Ok(of(&self.model, stream).await?.last().map_or(Version(0), |last| last.version))
    }

    async fn append(&mut self, store: &dyn EventStore) -> Checked {
        let request = match (self.dice.roll(4), self.sent.len() as u64) {
            // The answer to one of those before was lost.
            (0, sent) if sent > 0 => self.sent[self.dice.roll(sent) as usize].clone(),
            _ => self.request().await?,
        };
        self.sent.push(request.clone());
        let (answer, model) = (append(store, &request).await?, append(&self.model, &request).await?);
        ensure_eq!(in_short(&answer), in_short(&model), "the answer to {request:?}");
        Ok(())
    }

    async fn request(&mut self) -> Checked<AppendRequest> {
        let mut request = AppendRequest::default();
        for _ in 0..self.dice.pick(&[1, 1, 2]) {
            let stream = self.stream();
            if request.writes.iter().all(|write| write.stream != stream) {
                let expected = self.expected(&stream).await?;
                let events = (0..=self.dice.roll(3)).map(|_| self.event()).collect();
                request = request.and(stream, expected, events);
            }
        }
        if self.dice.roll(4) == 0 {
            let stream = self.stream();
            if request.writes.iter().all(|write| write.stream != stream) {
                let version = self.dice.pick(&[self.head(&stream).await?, Version(1)]);
                request = request.on_condition(stream, version);
            }
        }
        // A key with other streams than the first time is a mistake of the caller, answered as each store likes.
        if request.writes.len() == 1 && self.dice.roll(3) == 0 {
            request = request.with_command_key(format!("key-{}", self.dice.roll(6)));
        }
        Ok(request)
    }

    async fn expected(&mut self, stream: &StreamId) -> Checked<ExpectedVersion> {
        let head = ExpectedVersion::Exact(self.head(stream).await?);
        let some = ExpectedVersion::Exact(Version(self.dice.roll(6)));
        let all =
            [head, head, head, some, ExpectedVersion::Any, ExpectedVersion::NoStream, ExpectedVersion::StreamExists];
        Ok(self.dice.pick(&all))
    }

    fn event(&mut self) -> NewEvent {
        let id = u128::from(self.dice.roll(u64::MAX)) << 64 | u128::from(self.dice.roll(u64::MAX));
        named(self.dice.pick(&NAMES)).with_id(Uuid::from_u128(id)).with_occurred_at(self.dice.hour())
    }

    /// The same snapshot to both; the mark's position is each store's own.
    async fn snapshot(&mut self, store: &dyn EventStore) -> Checked {
        let stream = self.stream();
        let (rows, model) = (of(store, &stream).await?, of(&self.model, &stream).await?);
        ensure_eq!(ids(&rows), ids(&model), "the ids in {stream}");
        if rows.is_empty() {
            return Ok(());
        }
        let taken = self.dice.roll(rows.len() as u64) as usize;
        for (store, rows) in [(store, &rows), (&self.model, &model)] {
            let latest = rows[..=taken].iter().map(|row| row.occurred_at).max().unwrap_or_default();
            let mark = SnapshotMark::new(stream.clone(), key(), (rows[taken].version, rows[taken].position), latest);
            store.save_snapshot(Snapshot::new(mark, taken.to_string().into_bytes())).await?;
        }
        Ok(())
    }

    /// The position of an event in both stores.
    async fn position(&mut self, store: &dyn EventStore) -> Checked<(Position, Position)> {
        let (rows, model) = (pages(store, Read::all()).await?, pages(&self.model, Read::all()).await?);
        ensure_eq!(ids(&rows[self.before..]), ids(&model), "the ids of all events");
        if model.is_empty() {
            return Ok((Position(rows.last().map_or(0, |row| row.position.0)), Position(0)));
        }
        let place = self.dice.roll(model.len() as u64) as usize;
        Ok((rows[self.before + place].position, model[place].position))
    }

    async fn load(&mut self, store: &dyn EventStore) -> Checked {
        let (here, there) = self.position(store).await?;
        let (version, time) = (Version(self.dice.roll(9)), self.dice.hour());
        let moments = match self.dice.roll(4) {
            0 => (None, None),
            1 => (Some(AsOf::Version(version)), Some(AsOf::Version(version))),
            2 => (Some(AsOf::Position(here)), Some(AsOf::Position(there))),
            _ => (Some(AsOf::OccurredAt(time)), Some(AsOf::OccurredAt(time))),
        };
        let command = format!("key-{}", self.dice.roll(6));
        let wanted = Load::new(self.stream())
            .after(Version(self.dice.pick(&[0, 0, 2, 4])))
            .with_snapshot(self.dice.pick(&[true, false]).then(key))
            .with_command_key(Some(command));
        let answer = load(store, wanted.clone().as_of(moments.0)).await?;
        let model = load(&self.model, wanted.clone().as_of(moments.1)).await?;
        ensure_eq!(answer.end, model.end, "the end of {wanted:?} as of {:?}", moments.0);
        // Which snapshot serves is the store's choice, what is in it and behind it is not.
        let after = wanted.after.0;
        ensure_eq!(
            unfolded(&answer, after),
            unfolded(&model, after),
            "the versions of {wanted:?} as of {:?}",
            moments.0
        );
        Ok(())
    }

    async fn read(&mut self, store: &dyn EventStore) -> Checked {
        let (after, until) = (self.position(store).await?, self.position(store).await?);
        let mut read = match self.dice.roll(3) {
            0 => Read::stream(&self.stream()),
            1 => Read::category("thing"),
            _ => Read::all(),
        };
        if self.dice.roll(2) == 0 {
            read = read.names([self.dice.pick(&NAMES), self.dice.pick(&NAMES)]);
        }
        if self.dice.roll(3) == 0 {
            read = read.occurred(self.dice.hour()..self.dice.hour());
        }
        read = read.after_version(Version(self.dice.pick(&[0, 0, 2, 4]))).limit(self.dice.pick(&[1, 3, 1_000]));
        let rows = pages(store, read.clone().after(after.0).until(until.0)).await?;
        let model = pages(&self.model, read.clone().after(after.1).until(until.1)).await?;
        ensure_eq!(ids(&rows), ids(&model), "the ids of {read:?} behind {} up to {}", after.0, until.0);
        Ok(())
    }
}

fn key() -> SnapshotKey {
    SnapshotKey::new("state", 1, 1)
}

/// Without positions and times, which are each store's own; nor which of several conflicts is named.
fn in_short(outcome: &AppendOutcome) -> (&'static str, Vec<(Version, usize)>) {
    let (kind, appended) = match outcome {
        AppendOutcome::Stored(appended) => ("stored", appended),
        AppendOutcome::AlreadyStored(appended) => ("already stored", appended),
        AppendOutcome::Conflict(_) => return ("conflict", Vec::new()),
    };
    (kind, appended.streams.iter().map(|stream| (stream.version, stream.positions.len())).collect())
}

fn unfolded(loaded: &Loaded, after: u64) -> Vec<u64> {
    let in_snapshot = loaded.snapshot.iter().flat_map(|(version, _)| after + 1..=version.0);
    in_snapshot.chain(loaded.versions()).collect()
}
