//! A lock beside what its program says: what would be added, and what does not fit.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use eventsource_schema::{EventReport, Golden, Lock, LockedVersion, Merged, ReaderReport, Report};

use crate::change::{Change, Kind};
use crate::failure::Failure;
use crate::golden;
use crate::program::Said;
use crate::workspace::Workspace;

/// One lock, and the program whose events it holds.
#[derive(Debug)]
pub(crate) struct LockFile {
    pub(crate) path: PathBuf,
    /// The path as it is shown.
    pub(crate) shown: String,
    pub(crate) exists: bool,
    /// What the file holds.
    pub(crate) before: Lock,
    /// What it would hold.
    pub(crate) after: Lock,
    /// Newer structs of an event before older ones.
    pub(crate) events: Vec<EventReport>,
    pub(crate) readers: Vec<ReaderReport>,
    /// What the program says of recorded payloads, and of those that it would record.
    pub(crate) golden: Vec<Golden>,
    /// Recorded payloads of versions that are locked anew.
    pub(crate) forgotten: BTreeSet<String>,
    /// What is between the two, and what does not fit.
    pub(crate) changes: Vec<Change>,
}

/// Every lock of the chosen packages that is there or has something to hold.
pub(crate) fn find(workspace: &Workspace, mut said: BTreeMap<PathBuf, Said>) -> Result<Vec<LockFile>, Failure> {
    for path in present(workspace) {
        said.entry(path).or_default();
    }
    said.into_iter().map(|(path, said)| LockFile::new(workspace, path, said)).collect()
}

/// Fails for a lock that cannot be read, before anything is compiled for it.
pub(crate) fn read_all(workspace: &Workspace) -> Result<(), Failure> {
    present(workspace).iter().try_for_each(|path| read(path, &workspace.shown(path)).map(drop))
}

fn present(workspace: &Workspace) -> Vec<PathBuf> {
    let own = |package: &crate::workspace::Package| {
        let names = package.targets.iter().map(|target| target.own_lock());
        let names: Vec<_> = std::iter::once("events.lock".to_owned()).chain(names).collect();
        names.into_iter().map(|name| package.folder().join(name)).collect::<Vec<_>>()
    };
    workspace.packages.iter().flat_map(own).filter(|path| path.is_file()).collect()
}

fn read(path: &Path, shown: &str) -> Result<Lock, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::Input(format!("{shown}: {error}")))?;
    parse(&text, shown)
}

/// Reads the text of a lock that is called so.
pub(crate) fn parse(text: &str, shown: &str) -> Result<Lock, Failure> {
    Lock::parse(text).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(|error| format!("{shown}:{error}")).collect();
        Failure::Input(lines.join("\n"))
    })
}

impl LockFile {
    fn new(workspace: &Workspace, path: PathBuf, said: Said) -> Result<Self, Failure> {
        let shown = workspace.shown(&path);
        let exists = path.is_file();
        let before = if exists { read(&path, &shown)? } else { Lock::default() };
        let (mut events, mut readers) = (Vec::new(), Vec::new());
        for report in said.reports {
            match report {
                Report::Event(event) => events.push(event),
                Report::Reader(reader) => readers.push(reader),
            }
        }
        events.sort_by_key(|event| (event.name.clone(), Reverse(event.version), event.module.clone()));
        let after = before.clone();
        let mut file = Self {
            path,
            shown,
            exists,
            before,
            after,
            events,
            readers,
            golden: Vec::new(),
            forgotten: BTreeSet::new(),
            changes: Vec::new(),
        };
        file.merge();
        file.compare_with_program();
        file.compare_with_golden(said.golden);
        Ok(file)
    }

    fn merge(&mut self) {
        for event in &self.events {
            for (name, version, merged) in self.after.merge(&Report::Event(event.clone())) {
                let kind = match merged {
                    Merged::Unchanged => continue,
                    Merged::Added => Kind::New,
                    Merged::Extended(text) => Kind::Extended(text),
                    Merged::Stale(text) => Kind::Changed(text),
                };
                self.changes.push(Change::of_version(&name, version, kind));
            }
        }
        for reader in &self.readers {
            let new = |name: &&String| self.after.events.get(*name).is_some_and(|e| !e.readers.contains(&reader.name));
            let news = reader.reads.iter().filter(new);
            self.changes.extend(news.map(|name| Change::of_event(name, Kind::Reader(reader.name.clone()))));
            self.after.merge(&Report::Reader(reader.clone()));
        }
    }

    /// What only the whole program can say: whether something locked is read by nobody any more, or by too old a struct.
    fn compare_with_program(&mut self) {
        for (name, locked) in &self.before.events {
            let newest = locked.versions.keys().next_back().copied().unwrap_or_default();
            match self.newest(name) {
                Some(event) if event.name == *name && event.version < newest => {
                    self.changes.push(Change::of_version(name, newest, Kind::Ahead(event.version)));
                }
                Some(_) => {}
                None if self.is_read(name) => {}
                None => self.changes.push(Change::of_event(name, Kind::Unread)),
            }
        }
    }

    /// The newest struct of an event, by any of its names.
    pub(crate) fn newest(&self, name: &str) -> Option<&EventReport> {
        let by_name = self.events.iter().find(|event| event.name == name);
        by_name.or_else(|| self.events.iter().find(|event| event.aliases.iter().any(|alias| alias == name)))
    }

    fn is_read(&self, name: &str) -> bool {
        self.readers.iter().any(|reader| reader.reads.iter().chain(&reader.retired).any(|each| each == name))
    }

    /// How each version of an event becomes the next: from which, and by what.
    pub(crate) fn steps(&self, name: &str) -> Vec<(u32, &'static str)> {
        let Some(newest) = self.newest(name) else { return Vec::new() };
        let structs = self.events.iter().filter(|event| event.name == newest.name);
        let mut steps: Vec<_> =
            structs.flat_map(|event| &event.steps).map(|step| (step.from, step.kind.name())).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// Whether nothing is stored here and nothing is locked.
    pub(crate) fn is_empty(&self) -> bool {
        !self.exists && self.after.events.is_empty()
    }

    /// Locks the current version of an event anew, and forgets what was recorded of it unless that is released; says what
    /// it was and is.
    pub(crate) fn amend(&mut self, name: &str, released: &BTreeMap<String, String>) -> Option<(u32, String)> {
        let report = self.events.iter().find(|event| event.name == name)?;
        let (version, now) = (report.version, report.shapes.get(&report.version)?.clone());
        let was = self.after.events.get_mut(name)?.versions.insert(version, now.clone())?;
        let names = std::iter::once(&report.name).chain(&report.aliases);
        let recorded = names.flat_map(|name| golden::of_version(&self.path, name, version));
        self.forgotten.extend(recorded.filter(|file| !released.contains_key(file)));
        self.changes.retain(|change| change.event != name || change.version != Some(version));
        Some((version, describe(&was, &now)))
    }

    /// Whether there is anything to write.
    pub(crate) fn is_news(&self) -> bool {
        self.after != self.before || (!self.exists && !self.is_empty()) || !self.forgotten.is_empty()
    }

    /// Writes the file as a whole: who reads meanwhile finds the old one or the new one.
    pub(crate) fn write(&mut self) -> Result<(), Failure> {
        let tell = |error: std::io::Error| Failure::Input(format!("{}: {error}", self.shown));
        for file in &self.forgotten {
            fs::remove_file(Golden::folder(&self.path).join(file)).map_err(tell)?;
        }
        let new = self.path.with_extension("lock.new");
        fs::write(&new, self.after.to_string()).map_err(tell)?;
        fs::rename(&new, &self.path).map_err(tell)?;
        self.before = self.after.clone();
        Ok(())
    }
}

fn describe(was: &LockedVersion, now: &LockedVersion) -> String {
    match was.compare(now) {
        Merged::Unchanged | Merged::Added => String::new(),
        Merged::Extended(text) | Merged::Stale(text) => text,
    }
}
