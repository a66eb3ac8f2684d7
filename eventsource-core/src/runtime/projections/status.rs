//! What each projection does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::words::error::StoreError;
use crate::words::stream::Position;

/// What a projection does at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It has not begun.
    Starting,
    /// Somebody else runs it; this process waits to take over.
    Waiting {
        /// Who has it.
        owner: Uuid,
    },
    /// It works on what was stored before.
    CatchingUp,
    /// It has handled everything, and waits for more.
    Live,
    /// It was shut down.
    Ended,
    /// It cannot go on.
    Stopped,
}

/// How a projection does, in this process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProjectionStatus {
    /// Its name and version.
    pub name: String,
    /// What it does.
    pub activity: Activity,
    /// How far it has come.
    pub position: Position,
    /// How many events it has handled since it was started here.
    pub handled: u64,
    /// The last error, which it may have got over.
    pub last_error: Option<String>,
}

/// How all projections of a process do; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Statuses {
    all: Arc<Mutex<Vec<ProjectionStatus>>>,
}

impl Statuses {
    /// One for each, in the order in which they were added.
    pub fn all(&self) -> Vec<ProjectionStatus> {
        self.lock().clone()
    }

    pub(super) fn enter(&self, name: String) -> Entry {
        let mut all = self.lock();
        let (activity, position) = (Activity::Starting, Position(0));
        all.push(ProjectionStatus { name, activity, position, handled: 0, last_error: None });
        Entry { statuses: self.clone(), at: all.len() - 1 }
    }

    /// No code that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Vec<ProjectionStatus>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line of one projection.
#[derive(Clone)]
pub(super) struct Entry {
    statuses: Statuses,
    at: usize,
}

impl Entry {
    pub(super) fn doing(&self, activity: Activity) {
        self.change(|status| status.activity = activity);
    }

    pub(super) fn at(&self, activity: Activity, position: Position) {
        self.change(|status| (status.activity, status.position) = (activity, position));
    }

    pub(super) fn handled(&self, events: usize, position: Position) {
        self.change(|status| {
            status.handled += events as u64;
            status.position = position;
        });
    }

    pub(super) fn failed(&self, error: &StoreError) {
        self.change(|status| status.last_error = Some(error.to_string()));
    }

    pub(super) fn ended(&self, ended: &Result<(), StoreError>) {
        self.change(|status| match ended {
            Ok(()) => status.activity = Activity::Ended,
            Err(error) => {
                tracing::error!(projection = %status.name, %error, "the projection has stopped");
                status.activity = Activity::Stopped;
                status.last_error = Some(error.to_string());
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut ProjectionStatus)) {
        if let Some(status) = self.statuses.lock().get_mut(self.at) {
            change(status);
        }
    }
}
