//! Recorded payloads beside a lock: what is not recorded yet, what does not come out, and which steps no payload proves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Error;
use std::path::Path;

use eventsource_schema::{Golden, Replayed, StepKind};

use crate::change::{Change, Kind};
use crate::failure::Failure;
use crate::git::Revision;
use crate::lock_file::LockFile;

impl LockFile {
    /// Takes what the program says of payloads.
    ///
    /// Whoever is told that the shape of an event differs is not told what follows from that, and nothing is recorded of it.
    pub(crate) fn compare_with_golden(&mut self, mut said: Vec<Golden>) {
        let differing = self.changes.iter().filter(|change| change.is_of_shape() && !self.is_done(change));
        let differing: BTreeSet<String> = differing.map(|change| self.today(&change.event)).collect();
        said.retain(|golden| !differing.contains(&self.today(&golden.event)));
        let unproven = self.unproven(&said, &differing);

        let gone = if said.iter().any(is_new) { self.gone() } else { BTreeSet::new() };
        let mut lines = Lines::default();
        for golden in &said {
            let Golden { event, version, file, outcome } = golden;
            match outcome {
                Replayed::New { result_file, .. } if lost(golden, &gone).is_empty() => {
                    lines.is_recorded(event, *version, format!("{file} becomes {result_file}"));
                }
                Replayed::New { .. } => {
                    for file in lost(golden, &gone) {
                        let line = format!("{file}: it is gone, and the last commit has it: git restore it");
                        lines.is_wrong(event, *version, line);
                    }
                }
                Replayed::Wrong(why) => lines.is_wrong(event, *version, format!("{file}: {why}")),
                Replayed::Same | Replayed::Refused(_) => {}
            }
        }
        said.retain(|golden| is_new(golden) && lost(golden, &gone).is_empty());
        self.golden = said;
        self.changes.extend(lines.into_changes());
        self.changes.extend(unproven);
    }

    /// Attributes and structs are proven by the compiler; a step on raw JSON by nothing but a payload.
    fn unproven(&self, said: &[Golden], differing: &BTreeSet<String>) -> Vec<Change> {
        let mut proven = BTreeSet::new();
        let mut refused = BTreeMap::new();
        for golden in said {
            let of = (self.today(&golden.event), golden.version);
            match &golden.outcome {
                Replayed::Refused(why) => drop(refused.insert(of, why)),
                _ => drop(proven.insert(of)),
            }
        }
        let steps = self.events.iter().flat_map(|event| event.steps.iter().map(|step| (&event.name, step)));
        let raw = steps.filter(|(_, step)| step.kind == StepKind::Raw).map(|(name, step)| (name.clone(), step.from));
        let raw: BTreeSet<_> = raw.filter(|of| !differing.contains(&of.0) && !proven.contains(of)).collect();
        let change = |of: (String, u32)| {
            let why = match refused.get(&of) {
                Some(why) => format!("what the lock allows is refused: {why}"),
                None => "nothing is locked that a payload could be made of".to_owned(),
            };
            Change::of_version(&of.0, of.1, Kind::Unproven(why))
        };
        raw.into_iter().map(change).collect()
    }

    /// Records payloads and what they become. What is there stays as it is.
    pub(crate) fn record(&self) -> Result<(), Failure> {
        for Golden { event, file, outcome, .. } in &self.golden {
            let Replayed::New { payload, result_file, result } = outcome else { continue };
            let folder = Golden::folder(&self.path).join(event);
            let tell = |error: Error| Failure::Input(format!("{}: {error}", folder.display()));
            fs::create_dir_all(&folder).map_err(tell)?;
            for (file, text) in [(file, payload), (result_file, result)] {
                let path = folder.join(file);
                if !path.exists() {
                    fs::write(path, format!("{}\n", text.trim_end())).map_err(tell)?;
                }
            }
        }
        Ok(())
    }

    /// What of the payloads recorded at a revision is not here, or not as it was.
    pub(crate) fn compare_with_released(&self, path: &str, revision: &Revision) -> Result<Vec<Change>, Failure> {
        let released = revision.golden(path)?;
        let here = revision.golden_here(&self.path, &released.keys().cloned().collect::<Vec<_>>())?;
        let mut lines = Lines::default();
        for (file, was) in &released {
            let what = match here.get(file) {
                Some(is) if is == was => continue,
                Some(_) => "changed",
                None => "gone",
            };
            let (event, file) = file.split_once('/').unwrap_or(("", file));
            let version = file.strip_prefix('v').and_then(|file| file.split('.').next()?.parse().ok());
            lines.is_wrong(event, version.unwrap_or_default(), format!("{file}: it is {what}"));
        }
        Ok(lines.into_changes())
    }

    /// What the last commit has of the recorded payloads, and is not here. Nothing where there is no git.
    fn gone(&self) -> BTreeSet<String> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let Ok(revision) = Revision::find(folder, "HEAD") else { return BTreeSet::new() };
        let committed = revision.path(&self.path).and_then(|path| revision.golden(&path).ok()).unwrap_or_default();
        let is_gone = |file: &String| !self.forgotten.contains(file) && !Golden::folder(&self.path).join(file).exists();
        committed.into_keys().filter(is_gone).collect()
    }

    /// Whether what is said of a change is done already.
    fn is_done(&self, change: &Change) -> bool {
        change.is_written() && self.before == self.after
    }

    /// The name under which an event is stored today.
    fn today(&self, name: &str) -> String {
        self.newest(name).map_or(name, |event| &event.name).to_owned()
    }
}

/// What is recorded of a version of an event: its payloads, and what others have become in it.
pub(crate) fn of_version(lock: &Path, event: &str, version: u32) -> Vec<String> {
    let entries = fs::read_dir(Golden::folder(lock).join(event)).into_iter().flatten();
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_of_it =
        |file: &String| file.starts_with(&format!("v{version}.")) || file.ends_with(&format!(".as-v{version}.json"));
    files.filter(is_of_it).map(|file| format!("{event}/{file}")).collect()
}

fn is_new(golden: &Golden) -> bool {
    matches!(golden.outcome, Replayed::New { .. })
}

/// Which of the files that it would write were there.
fn lost<'g>(golden: &'g Golden, gone: &BTreeSet<String>) -> Vec<&'g String> {
    let Replayed::New { result_file, .. } = &golden.outcome else { return Vec::new() };
    let files = [&golden.file, result_file].into_iter();
    files.filter(|file| gone.contains(&format!("{}/{file}", golden.event))).collect()
}

/// What is told of files, by event, version, and whether it is wrong: one change for all that share these.
#[derive(Default)]
struct Lines(BTreeMap<(String, u32, bool), BTreeSet<String>>);

impl Lines {
    fn is_recorded(&mut self, event: &str, version: u32, line: String) {
        self.0.entry((event.to_owned(), version, false)).or_default().insert(line);
    }

    fn is_wrong(&mut self, event: &str, version: u32, line: String) {
        self.0.entry((event.to_owned(), version, true)).or_default().insert(line);
    }

    fn into_changes(self) -> Vec<Change> {
        let change = |((event, version, is_wrong), lines): ((String, u32, bool), BTreeSet<String>)| {
            let text = lines.into_iter().collect::<Vec<_>>().join("\n");
            Change::of_version(&event, version, if is_wrong { Kind::Wrong(text) } else { Kind::Recorded(text) })
        };
        self.0.into_iter().map(change).collect()
    }
}
