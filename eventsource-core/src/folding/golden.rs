//! Recorded payloads of an event, replayed: what each becomes must be what it became when it was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use eventsource_schema::{Golden, Lock, LockedVersion, Replayed, Shape, samples};
use serde_json::Value;
use uuid::Uuid;

use crate::words::event::{ENCODING_JSON, RawEvent};
use crate::words::stream::{Position, Version};

use super::decoding::Decoding;
use super::domain_event::DomainEvent;
use super::serde_bounds::Written;

/// The recorded payloads of an event; what an emitted test replays.
#[derive(Debug)]
pub struct GoldenOf<E> {
    lock: &'static str,
    event: PhantomData<E>,
}

impl<E> GoldenOf<E> {
    /// Those beside the lock at this path.
    pub fn beside(lock: &'static str) -> Self {
        Self { lock, event: PhantomData }
    }
}

/// What is done for an event that is only read: nothing, because nobody can write down what comes out.
pub trait OnlyRead {
    /// Replays nothing.
    fn replay(&self) {}
    /// Leaves nothing.
    fn leave(&self, _older: &[(u32, &'static Shape)]) {}
}

impl<E> OnlyRead for GoldenOf<E> {}

impl<E: DomainEvent + Written> GoldenOf<E> {
    /// Fails unless each recorded payload becomes what is recorded beside it.
    pub fn replay(&self) {
        let wrong = |(name, folder): (&str, PathBuf)| {
            let of_payloads = payloads(&folder).into_iter().filter_map(move |(file, _)| {
                match self.replayed(name, &folder, &file)?.outcome {
                    Replayed::Wrong(why) => Some(format!("{}: {why}", folder.join(file).display())),
                    _ => None,
                }
            });
            of_payloads.collect::<Vec<_>>()
        };
        let all: Vec<_> =
            self.folders().flat_map(wrong).chain(self.folders().flat_map(|(_, folder)| lost(&folder))).collect();
        assert!(all.is_empty(), "recorded payloads of event `{}` are not read as before:\n{}", E::NAME, all.join("\n"));
    }

    /// Tells `cargo eventsource` of the recorded payloads, and of samples where there are none yet.
    pub fn leave(&self, older: &[(u32, &'static Shape)]) {
        let lock = fs::read_to_string(self.lock).ok().and_then(|text| Lock::parse(&text).ok()).unwrap_or_default();
        let mut all = Vec::new();
        for (name, folder) in self.folders() {
            let payloads = payloads(&folder);
            all.extend(payloads.keys().filter_map(|file| self.replayed(name, &folder, file)));
            all.extend(lost(&folder).into_iter().map(|why| Golden {
                event: name.to_owned(),
                version: E::VERSION,
                file: String::new(),
                outcome: Replayed::Wrong(why),
            }));
            let mut versions = lock.events.get(name).map(|event| event.versions.clone()).unwrap_or_default();
            if versions.keys().any(|version| *version > E::VERSION) {
                continue; // A struct of before: the newest one is asked.
            }
            if name == E::NAME {
                let current = older.iter().copied().chain([(E::VERSION, E::__SHAPE)]);
                let current = current.filter_map(|(version, shape)| Some((version, LockedVersion::of(shape).ok()?)));
                current.for_each(|(version, shape)| {
                    versions.entry(version).or_insert(shape);
                });
            }
            let recorded: BTreeSet<_> = payloads.values().copied().collect();
            for (version, shape) in
                versions.iter().filter(|(version, _)| Self::reads(**version) && !recorded.contains(version))
            {
                all.extend(samples(shape).into_iter().map(|(label, json)| self.sampled(name, *version, &label, json)));
            }
        }
        if let Err(error) = Golden::leave(&all, self.lock, &format!("{}.{}", E::NAME, E::VERSION)) {
            panic!("{error}");
        }
    }

    fn reads(version: u32) -> bool {
        (E::OLDEST..=E::VERSION).contains(&version)
    }

    /// A folder for each name under which it may be stored.
    fn folders(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let golden = Golden::folder(Path::new(self.lock));
        std::iter::once(&E::NAME).chain(E::ALIASES).map(move |name| (*name, golden.join(name)))
    }

    /// What becomes of a recorded payload, unless it is of a version that this struct has nothing to do with.
    fn replayed(&self, name: &str, folder: &Path, file: &str) -> Option<Golden> {
        let (version, _) = Golden::parts(file)?;
        if version > E::VERSION {
            return None;
        }
        let result_file = Golden::result_file(file, E::VERSION);
        let outcome = match (fs::read_to_string(folder.join(file)), fs::read_to_string(folder.join(&result_file))) {
            (Err(error), _) => Replayed::Wrong(error.to_string()),
            (Ok(payload), recorded) => match (self.decoded(name, version, payload.as_bytes()), recorded) {
                (Err(why), _) => Replayed::Wrong(why),
                (Ok(result), Err(_)) => Replayed::New { payload, result_file, result: result.to_string() },
                (Ok(result), Ok(recorded)) => match serde_json::from_str::<Value>(&recorded) {
                    Ok(recorded) if holds(&result, &recorded) => Replayed::Same,
                    Ok(recorded) => Replayed::Wrong(format!("was recorded to become {recorded}, and becomes {result}")),
                    Err(error) => Replayed::Wrong(format!("{result_file}: {error}")),
                },
            },
        };
        Some(Golden { event: name.to_owned(), version, file: file.to_owned(), outcome })
    }

    fn sampled(&self, name: &str, version: u32, label: &str, payload: String) -> Golden {
        let file = format!("v{version}.{label}.json");
        let outcome = match self.decoded(name, version, payload.as_bytes()) {
            Ok(result) => Replayed::New {
                result_file: Golden::result_file(&file, E::VERSION),
                payload,
                result: result.to_string(),
            },
            Err(why) => Replayed::Refused(why),
        };
        Golden { event: name.to_owned(), version, file, outcome }
    }

    /// What a payload becomes, as the JSON of the struct.
    fn decoded(&self, name: &str, schema_version: u32, data: &[u8]) -> Result<Value, String> {
        let raw = RawEvent {
            position: Position(1),
            stream: "golden-1",
            version: Version(1),
            id: Uuid::nil(),
            name,
            schema_version,
            encoding: ENCODING_JSON,
            data,
            meta: None,
            correlation_id: None,
            causation_id: None,
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
            command_key: None,
        };
        let event = E::__decode(&Decoding::new(&raw), data).map_err(|fault| fault.to_string())?;
        serde_json::to_value(&event).map_err(|error| error.to_string())
    }
}

/// The files of payloads in a folder, each with its version.
fn payloads(folder: &Path) -> BTreeMap<String, u32> {
    files(folder)
        .into_iter()
        .filter_map(|file| Golden::parts(&file).map(|(version, _)| version).map(|v| (file, v)))
        .collect()
}

/// Results whose payload is gone.
fn lost(folder: &Path) -> Vec<String> {
    let files = files(folder);
    let is_lost = |file: &&String| {
        file.split_once(".as-v").is_some_and(|(payload, _)| !files.contains(&format!("{payload}.json")))
    };
    files.iter().filter(is_lost).map(|file| format!("{}: its payload is gone", folder.join(file).display())).collect()
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Whether a value is what was recorded, but for fields that have come since.
fn holds(now: &Value, recorded: &Value) -> bool {
    match (now, recorded) {
        (Value::Object(now), Value::Object(recorded)) => {
            recorded.iter().all(|(key, recorded)| now.get(key).is_some_and(|now| holds(now, recorded)))
        }
        (Value::Array(now), Value::Array(recorded)) => {
            now.len() == recorded.len() && now.iter().zip(recorded).all(|(now, recorded)| holds(now, recorded))
        }
        _ => now == recorded,
    }
}
