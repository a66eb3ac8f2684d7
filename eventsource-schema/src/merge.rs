//! What a program reports into its lock: what is locked stays as it is.

use crate::diff::diff;
use crate::lock::{Lock, LockedVersion};
use crate::report::Report;

/// What became of one version of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// It is locked in this shape.
    Unchanged,
    /// It was not locked, and is now.
    Added,
    /// It was locked, and has got new fields that may be absent; these are the lines about them.
    Extended(String),
    /// It is locked in another shape, which stays; these are the changes.
    Stale(String),
}

impl Lock {
    /// Takes in a report: adds versions, and fields that may be absent; changes nothing that is locked.
    ///
    /// Newer structs of an event come before older ones, and aggregates behind the events that they read.
    pub fn merge(&mut self, report: &Report) -> Vec<(String, u32, Merged)> {
        let mut outcomes = Vec::new();
        match report {
            Report::Event(event) => {
                for (version, shape) in &event.shapes {
                    // How an older version is read was compared while compiling; what is stored of it cannot change.
                    let locked = self.events.get(&event.name).map(|locked| &locked.versions);
                    let newest = locked.and_then(|versions| versions.keys().next_back()).max(Some(&event.version));
                    if locked.is_some_and(|versions| versions.contains_key(version)) && Some(version) < newest {
                        continue;
                    }
                    let outcome = self.merge_version(&event.name, *version, shape);
                    outcomes.push((event.name.clone(), *version, outcome));
                }
            }
            Report::Reader(reader) => {
                for name in &reader.reads {
                    if let Some(event) = self.events.get_mut(name) {
                        event.readers.insert(reader.name.clone());
                    }
                }
            }
        }
        outcomes
    }

    fn merge_version(&mut self, name: &str, version: u32, shape: &LockedVersion) -> Merged {
        let versions = &mut self.events.entry(name.to_owned()).or_default().versions;
        let Some(locked) = versions.get_mut(&version) else {
            versions.insert(version, shape.clone());
            return Merged::Added;
        };
        if locked == shape {
            return Merged::Unchanged;
        }
        let outcome = locked.compare(shape);
        if matches!(outcome, Merged::Extended(_)) {
            *locked = shape.clone();
        }
        outcome
    }
}

impl LockedVersion {
    /// What [`Lock::merge`] would say of this version if a program reported `now`.
    pub fn compare(&self, now: &Self) -> Merged {
        compare(&self.shape(), &now.shape())
    }
}

fn compare(locked: &str, now: &str) -> Merged {
    // A change names a path and two quotes; a shape has fewer places than bytes.
    let mut buffer = vec![0; 4096 + 64 * (locked.len() + now.len())];
    let diff = diff(locked, now, "", &mut buffer);
    match (diff.is_change(), diff.is_addition()) {
        (true, _) => Merged::Stale(diff.text().to_owned()),
        (false, true) => Merged::Extended(diff.text().to_owned()),
        (false, false) => Merged::Unchanged,
    }
}
