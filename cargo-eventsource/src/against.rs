//! A program beside one that is released: what was locked must still be, and what may run beside what.

use std::collections::BTreeSet;

use eventsource_schema::{EventReport, Lock, LockedEvent, Merged};
use serde_json::{Value, json};

use crate::change::{Change, Kind};
use crate::failure::Failure;
use crate::git::Revision;
use crate::lock_file::{LockFile, parse};

/// What is locked at the revision, and whether that still holds.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// What was locked there and is not as it was here.
    pub(crate) broken: Vec<(String, Vec<Change>)>,
    pub(crate) verdicts: Vec<Verdict>,
}

/// Whether the released program and this one can run on one store.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) event: String,
    /// This one reads what the other writes.
    pub(crate) backward: bool,
    /// The other reads what this one writes.
    pub(crate) forward: bool,
    /// What to do if it does not.
    pub(crate) advice: Option<String>,
}

impl Verdict {
    pub(crate) fn word(&self) -> &'static str {
        match (self.backward, self.forward) {
            (true, true) => "full",
            (true, false) => "backward",
            (false, true) => "forward",
            (false, false) => "none",
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "event": self.event, "compatible": self.word(), "twoDeploys": !self.forward, "advice": self.advice })
    }
}

/// Compares every lock, including those that are there and not here.
pub(crate) fn compare(files: &[LockFile], revision: &Revision) -> Result<Comparison, Failure> {
    let released = revision.locks()?;
    let mut comparison = Comparison { broken: Vec::new(), verdicts: Vec::new() };
    let mut seen = BTreeSet::new();
    for file in files {
        let path = revision.path(&file.path).filter(|path| released.contains(path));
        let base = match &path {
            Some(path) => at(revision, path)?,
            None => Lock::default(),
        };
        let mut broken = changes(&base, &file.before);
        comparison.verdicts.extend(verdicts(&base, file, &broken));
        if let Some(path) = &path {
            broken.extend(file.compare_with_released(path, revision)?);
        }
        seen.extend(path);
        if !broken.is_empty() {
            comparison.broken.push((file.shown.clone(), broken));
        }
    }
    for path in released.iter().filter(|path| !seen.contains(*path) && !revision.is_here(path)) {
        let base = at(revision, path)?;
        // A package that moved has taken its lock along.
        let broken = match files.iter().find(|file| changes(&base, &file.before).is_empty()) {
            Some(file) => file.compare_with_released(path, revision)?,
            None => base.events.keys().map(|name| Change::of_event(name, Kind::Gone)).collect(),
        };
        if !broken.is_empty() {
            comparison.broken.push((path.clone(), broken));
        }
    }
    Ok(comparison)
}

/// A lock as it is at a revision.
pub(crate) fn at(revision: &Revision, path: &str) -> Result<Lock, Failure> {
    parse(&revision.read(path)?, &format!("{}:{path}", revision.name))
}

/// What of a lock is not in another one. Fields that may be absent may have come.
fn changes(base: &Lock, now: &Lock) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, was) in &base.events {
        let Some(is) = now.events.get(name) else {
            changes.push(Change::of_event(name, Kind::Gone));
            continue;
        };
        let readers = was.readers.difference(&is.readers);
        changes.extend(readers.map(|reader| Change::of_event(name, Kind::ReaderGone(reader.clone()))));
        for (version, was) in &was.versions {
            let kind = match is.versions.get(version).map(|is| was.compare(is)) {
                None => Kind::Gone,
                Some(Merged::Stale(text)) => Kind::Changed(text),
                Some(_) => continue,
            };
            changes.push(Change::of_version(name, *version, kind));
        }
    }
    changes
}

fn verdicts(base: &Lock, file: &LockFile, broken: &[Change]) -> Vec<Verdict> {
    let is_whole = |name: &str| !broken.iter().any(|change| change.event == name);
    let current = file.events.iter().filter(|event| file.newest(&event.name) == Some(event));
    let mut verdicts: Vec<_> = current
        .map(|event| {
            let mut names = std::iter::once(&event.name).chain(&event.aliases);
            let backward = names.all(|name| is_whole(name));
            let advice = advice(base, event);
            // What is written has the released shape, or has grown by what may be absent, unless the lock is broken.
            Verdict { event: event.name.clone(), backward, forward: advice.is_none() && backward, advice }
        })
        .collect();
    // What is not written any more hinders no older program.
    let gone = base.events.keys().filter(|name| file.newest(name).is_none());
    verdicts.extend(gone.map(|name| Verdict {
        event: name.clone(),
        backward: is_whole(name),
        forward: true,
        advice: None,
    }));
    verdicts.sort_by(|a, b| a.event.cmp(&b.event));
    verdicts
}

/// Why the released program cannot read what this one writes, and what to do; nothing if it can.
fn advice(base: &Lock, event: &EventReport) -> Option<String> {
    let is_written = |locked: &LockedEvent| locked.versions.contains_key(&event.written);
    match base.events.get(&event.name) {
        Some(locked) if is_written(locked) => None,
        Some(locked) => {
            let released = locked.versions.keys().next_back().copied().unwrap_or_default();
            Some(format!(
                "two deploys: `write = {released}` now; when nothing older runs, leave it out and deploy again"
            ))
        }
        None if event.aliases.iter().any(|alias| base.events.contains_key(alias)) => {
            Some("older programs do not know the new name: stop them before this one writes".to_owned())
        }
        None => {
            Some("older programs do not know it: deploy this one everywhere before the first is written".to_owned())
        }
    }
}
