//! What each projection does.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::contract::checkpoint::CheckpointKey;
use crate::contract::read::Read;
use crate::contract::store::EventStore;
use crate::folding::event_set::{EventSet, stored_names};
use crate::words::error::StoreError;
use crate::words::stream::Position;

use super::meter::Meter;
use super::rate::Rate;

/// What a projection does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It has not begun.
    Starting,
    /// Somebody else runs it; this process waits to take over.
    Waiting,
    /// It works on what was stored before.
    CatchingUp,
    /// It has handled everything, and waits for more.
    Live,
    /// It was shut down.
    Ended,
    /// It cannot go on.
    Stopped,
}

/// How a projection does, as far as this process knows without asking the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProjectionStatus {
    /// Its name and version.
    pub name: String,
    /// What it does.
    pub activity: Activity,
    /// Whose it is, this process's or another one's; none before that is known, and when it has ended here.
    pub owner: Option<Uuid>,
    /// How far it has come; 0 while somebody else runs it, see [`Statuses::progress`].
    pub position: Position,
    /// How many events it has handled since it was started here.
    pub handled: u64,
    /// How many events it has handled in a second, over the last ten of them.
    pub per_second: f64,
    /// How many events it has skipped since it was started here.
    pub skipped: u64,
    /// How many events it has parked, for each of the keys that they concern; 0 while somebody else runs it.
    pub parked: u64,
    /// The last error, which it may have got over.
    pub last_error: Option<String>,
    /// For a sink: since when all that it tries to deliver fails; none while it can deliver.
    pub failing_since: Option<DateTime<Utc>>,
}

/// How all projections of a process do; clones show the same.
///
/// [`all`](Self::all) says what this process knows and asks nobody. [`progress`](Self::progress) asks the store as well,
/// for the head and for what is not handled yet. Nothing of either is worked out while nobody asks.
///
/// # Metrics
///
/// With the feature `metrics`, these go to the recorder that is installed for the crate `metrics`. The label
/// `projection` is name and version, such as `balances v1`.
///
/// | name | kind | |
/// |---|---|---|
/// | `eventsource_projection_events_total` | counter | events that were handled |
/// | `eventsource_projection_batches_total` | counter | batches that were written |
/// | `eventsource_projection_batch_seconds` | histogram | what folding and writing a batch took |
/// | `eventsource_projection_retries_total` | counter | attempts that failed and are made again |
/// | `eventsource_projection_fenced_total` | counter | that it was taken over, and noticed |
/// | `eventsource_projection_stopped_total` | counter | that it stopped with an error |
/// | `eventsource_projection_skipped_total` | counter | events that were skipped |
/// | `eventsource_projection_parked_events` | gauge | events that are parked |
/// | `eventsource_projection_lag_events` | gauge | [`Progress::lag`](super::Progress::lag) |
/// | `eventsource_projection_lag_seconds` | gauge | [`Progress::lag_time`](super::Progress::lag_time) |
/// | `eventsource_store_held_back_seconds` | gauge, no label | [`Progress::held_back`](super::Progress::held_back) |
///
/// Gauges are set when somebody asks for [`progress`](Self::progress), also by
/// [`Projections::on_progress`](super::Projections::on_progress); that of parked events, by their owner, when they change.
///
/// # Spans
///
/// Spans of `tracing`: `projection`, on the level info, with the field `name`, around all that a projection does; and in it
/// `projection_batch`, on the level debug, with the field `events`, around the folding and writing of each batch.
#[derive(Clone)]
pub struct Statuses {
    pub(super) store: Arc<dyn EventStore>,
    lines: Arc<Mutex<Vec<Line>>>,
}

/// What is known of one projection.
pub(super) struct Line {
    status: ProjectionStatus,
    follows: Follows,
    /// Events, and positions, of which there are more: those of others, and those that nobody has.
    rates: [Rate; 2],
    meter: Meter,
}

/// Which events a projection reads, and where it keeps its place.
#[derive(Clone)]
pub(super) struct Follows {
    pub(super) key: CheckpointKey,
    pub(super) read: Read,
}

impl Follows {
    pub(super) fn events_of<E: EventSet>(key: CheckpointKey) -> Self {
        Self { key, read: Read::all().names(stored_names::<E>()) }
    }
}

/// What [`Statuses::progress`] begins with.
pub(super) struct Known {
    pub(super) status: ProjectionStatus,
    pub(super) follows: Follows,
    pub(super) positions_per_second: f64,
    pub(super) meter: Meter,
}

impl Statuses {
    pub(super) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, lines: Arc::default() }
    }

    /// One for each, in the order in which they were added.
    pub fn all(&self) -> Vec<ProjectionStatus> {
        self.known().into_iter().map(|known| known.status).collect()
    }

    /// Fails if two share a checkpoint: one of them would wait for ever for the other.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let mut keys = HashSet::new();
        match self.lock().iter().find(|line| !keys.insert(line.follows.key.clone())) {
            Some(Line { status, .. }) => {
                Err(StoreError::invalid(format!("projection {} was added twice", status.name)))
            }
            None => Ok(()),
        }
    }

    pub(super) fn known(&self) -> Vec<Known> {
        let known = |line: &mut Line| {
            let [per_second, positions_per_second] = line.rates.each_mut().map(Rate::per_second);
            let status = ProjectionStatus { per_second, ..line.status.clone() };
            Known { status, positions_per_second, follows: line.follows.clone(), meter: line.meter.clone() }
        };
        self.lock().iter_mut().map(known).collect()
    }

    pub(super) fn enter(&self, name: String, follows: Follows) -> Entry {
        let meter = Meter::new(&name);
        let status = ProjectionStatus {
            name,
            activity: Activity::Starting,
            owner: None,
            position: Position(0),
            handled: 0,
            per_second: 0.0,
            skipped: 0,
            parked: 0,
            last_error: None,
            failing_since: None,
        };
        let mut lines = self.lock();
        lines.push(Line { status, follows, rates: [Rate::new(), Rate::new()], meter: meter.clone() });
        Entry { statuses: self.clone(), at: lines.len() - 1, meter }
    }

    /// No code that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Statuses").field(&self.all()).finish()
    }
}

/// The line of one projection.
#[derive(Clone)]
pub(super) struct Entry {
    statuses: Statuses,
    at: usize,
    meter: Meter,
}

impl Entry {
    pub(super) fn doing(&self, activity: Activity) {
        self.change(|line| line.status.activity = activity);
    }

    /// It is this process's from here on.
    pub(super) fn owned(&self, owner: Uuid, position: Position) {
        self.change(|line| {
            line.status.activity = Activity::CatchingUp;
            line.status.owner = Some(owner);
            line.status.position = position;
            line.rates = [Rate::new(), Rate::new()];
        });
    }

    /// It is still this process's, under another name.
    pub(super) fn owner(&self, owner: Uuid) {
        self.change(|line| line.status.owner = Some(owner));
    }

    /// It is somebody else's, who will say no word of where it stands.
    pub(super) fn waits_for(&self, owner: Uuid) {
        self.change(|line| {
            line.status.activity = Activity::Waiting;
            line.status.owner = Some(owner);
            line.status.position = Position(0);
            line.status.parked = 0;
        });
    }

    pub(super) fn handled(&self, events: usize, position: Position) {
        self.meter.handled(events);
        self.change(|line| {
            let [of_events, of_positions] = &mut line.rates;
            of_events.add(events as u64);
            of_positions.add(position.0.saturating_sub(line.status.position.0));
            line.status.handled += events as u64;
            line.status.position = position;
        });
    }

    /// Folding and writing a batch took so long.
    pub(super) fn batch_took(&self, time: Duration) {
        self.meter.batch(time);
    }

    pub(super) fn skipped(&self) {
        self.meter.skipped();
        self.change(|line| line.status.skipped += 1);
    }

    /// So many are.
    pub(super) fn parked(&self, events: u64) {
        self.meter.parked(events);
        self.change(|line| line.status.parked = events);
    }

    pub(super) fn failed(&self, error: &StoreError) {
        if error.is_fenced() {
            self.meter.fenced()
        } else {
            self.meter.retried()
        }
        self.noted(error);
    }

    /// Nothing can be delivered since then, or it can again.
    pub(super) fn fails_since(&self, since: Option<DateTime<Utc>>) {
        self.change(|line| line.status.failing_since = since);
    }

    /// An error after which the same is not tried again.
    pub(super) fn noted(&self, error: &StoreError) {
        self.change(|line| line.status.last_error = Some(error.to_string()));
    }

    pub(super) fn ended(&self, ended: &Result<(), StoreError>) {
        if let Err(error) = ended {
            tracing::error!(%error, "the projection has stopped");
            self.meter.stopped();
        }
        self.change(|line| {
            line.status.owner = None;
            line.status.activity = Activity::Ended;
            if let Err(error) = ended {
                line.status.activity = Activity::Stopped;
                line.status.last_error = Some(error.to_string());
            }
        });
    }

    pub(super) fn name(&self) -> String {
        self.statuses.lock().get(self.at).map(|line| line.status.name.clone()).unwrap_or_default()
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.statuses.lock().get_mut(self.at) {
            change(line);
        }
    }
}
