//! Recorded payloads beside the lock: where they stand, and what a program says of them.
//!
//! `events/golden/account.opened/v1.full.json` is a payload of version 1, and `v1.full.as-v2.json` beside it is what it
//! becomes in version 2.
//!
//! While `cargo eventsource` asks, the test beside an event writes a line for each of them into the folder of the reports.

use std::path::{Path, PathBuf};

/// What a program says of one recorded payload, or of one that it would record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Golden {
    /// The stored name, which is the folder.
    pub event: String,
    /// The version of the payload.
    pub version: u32,
    /// The file of the payload in that folder.
    pub file: String,
    /// What became of it.
    pub outcome: Replayed,
}

/// What becomes of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// What is recorded comes out.
    Same,
    /// Nothing is recorded of it yet, or not what it becomes in this version.
    New {
        /// The payload.
        payload: String,
        /// The file beside it.
        result_file: String,
        /// What it becomes.
        result: String,
    },
    /// Something else comes out, or nothing.
    Wrong(String),
    /// A sample that the program refuses, so that it is no payload.
    Refused(String),
}

impl Golden {
    /// The folder of the payloads beside a lock: `events/golden` beside `events.lock`.
    pub fn folder(lock: &Path) -> PathBuf {
        lock.with_extension("").join("golden")
    }

    /// The version and the label of a payload's file; nothing for a result, or any other file.
    pub fn parts(file: &str) -> Option<(u32, &str)> {
        let (version, label) = file.strip_prefix('v')?.strip_suffix(".json")?.split_once('.')?;
        let is_payload = !label.is_empty() && !label.contains(".as-v") && !label.starts_with("as-v");
        Some((version.parse().ok()?, label)).filter(|_| is_payload)
    }

    /// The file of what a payload becomes in a version.
    pub fn result_file(file: &str, version: u32) -> String {
        format!("{}.as-v{version}.json", file.strip_suffix(".json").unwrap_or(file))
    }

    /// Leaves what a program says beside its reports, for the lock at this path.
    pub fn leave(all: &[Self], lock: &str, of: &str) -> Result<(), String> {
        let folder = std::env::var("EVENTSOURCE_LOCK").map_err(|error| format!("EVENTSOURCE_LOCK: {error}"))?;
        let mut text = format!("lock {lock}\n");
        for Self { event, version, file, outcome } in all {
            let (word, parts) = match outcome {
                Replayed::Same => ("same", vec![]),
                Replayed::New { payload, result_file, result } => ("new", vec![payload, result_file, result]),
                Replayed::Wrong(why) => ("wrong", vec![why]),
                Replayed::Refused(why) => ("refused", vec![why]),
            };
            // JSON that serde_json writes has neither of these two.
            let parts = parts.iter().map(|part| format!("\t{}", part.replace(['\t', '\n', '\r'], " ")));
            text.push_str(&format!("{word}\t{event}\t{version}\t{file}{}\n", parts.collect::<String>()));
        }
        let path = Path::new(&folder).join(format!("{of}.{:016x}.golden", crate::report::fingerprint_of(&[lock])));
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads everything that was left in a folder, each with the path of the lock that it is for.
    pub fn collect(folder: &Path) -> Result<Vec<(PathBuf, Self)>, String> {
        let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "golden"));
        files.sort();
        let mut all = Vec::new();
        for path in files {
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut lines = text.lines();
            let lock = lines.next().and_then(|line| line.strip_prefix("lock "));
            let lock = lock.ok_or_else(|| format!("{}: it names no lock", path.display()))?;
            for line in lines {
                let golden = Self::parse(line).ok_or_else(|| format!("{}: `{line}` is not understood", path.display()));
                all.push((PathBuf::from(lock), golden?));
            }
        }
        Ok(all)
    }

    fn parse(line: &str) -> Option<Self> {
        let parts: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [word, event, version, file, rest @ ..] = &parts[..] else { return None };
        let outcome = match (word.as_str(), rest) {
            ("same", []) => Replayed::Same,
            ("new", [payload, result_file, result]) => {
                Replayed::New { payload: payload.clone(), result_file: result_file.clone(), result: result.clone() }
            }
            ("wrong", [why]) => Replayed::Wrong(why.clone()),
            ("refused", [why]) => Replayed::Refused(why.clone()),
            _ => return None,
        };
        Some(Self { event: event.clone(), version: version.parse().ok()?, file: file.clone(), outcome })
    }
}
