//! Recorded payloads of an event, replayed: what each becomes must be what it became when it was recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use eventsource_schema::{Golden, Lock, Replayed, samples};
use serde_json::Value;

use crate::words::event::RawEvent;

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
    fn leave(&self) {}
}

impl<E> OnlyRead for GoldenOf<E> {}

impl<E: DomainEvent + Written> GoldenOf<E> {
    /// Fails unless each recorded payload becomes what is recorded beside it.
    pub fn replay(&self) {
        // The file was there while compiling. Whoever runs this elsewhere would be told that all is well.
        let text = fs::read_to_string(self.lock).unwrap_or_else(|error| panic!("{}: {error}", self.lock));
        let lock = Lock::parse(&text).unwrap_or_else(|errors| panic!("{}:{}", self.lock, errors[0]));
        let is_locked = lock.events.get(E::NAME).is_some_and(|event| event.versions.contains_key(&E::VERSION));
        let wrong = self.recorded(&lock).into_iter().filter_map(|Golden { event, file, outcome, .. }| match outcome {
            Replayed::Wrong(why) => Some(format!("{event}/{file}: {why}")),
            Replayed::New { result_file, .. } if is_locked => {
                Some(format!("{event}/{file}: {result_file} is missing: cargo eventsource lock"))
            }
            _ => None,
        });
        let wrong: Vec<_> = wrong.collect();
        let folder = Golden::folder(Path::new(self.lock));
        assert!(
            wrong.is_empty(),
            "payloads of event `{}` in {} are not read as they were recorded:\n{}",
            E::NAME,
            folder.display(),
            wrong.join("\n")
        );
    }

    /// Tells `cargo eventsource` of the recorded payloads, and of samples of the locked versions that have none.
    pub fn leave(&self) {
        // A package's first lock is not there yet; `cargo eventsource` reads all others before it asks.
        let lock = fs::read_to_string(self.lock).ok().and_then(|text| Lock::parse(&text).ok()).unwrap_or_default();
        let mut all = self.recorded(&lock);
        for (name, folder) in self.folders().filter(|_| self.is_newest(&lock)) {
            let recorded: BTreeSet<_> = payloads(&folder).into_values().collect();
            let versions = lock.events.get(name).map(|event| &event.versions).into_iter().flatten();
            let without = versions
                .filter(|(version, _)| (E::OLDEST..=E::VERSION).contains(*version) && !recorded.contains(*version));
            for (version, shape) in without {
                all.extend(samples(shape).into_iter().map(|(label, json)| self.sampled(name, *version, &label, json)));
            }
        }
        if let Err(error) = Golden::leave(&all, self.lock, &format!("{}.{}", E::NAME, E::VERSION)) {
            panic!("{error}");
        }
    }

    /// What became of every recorded payload that this struct reads.
    fn recorded(&self, lock: &Lock) -> Vec<Golden> {
        let of_folder = |(name, folder): (&'static str, PathBuf)| {
            let payloads = payloads(&folder).into_iter().filter(|(_, version)| *version <= E::VERSION);
            let replayed: Vec<_> =
                payloads.map(|(file, version)| self.replayed(name, version, &folder, &file)).collect();
            replayed.into_iter().chain(without_payload(name, &folder))
        };
        let all = self.folders().flat_map(of_folder);
        // A struct of before still makes of them what it made, and nothing that was not recorded of it.
        let is_newest = self.is_newest(lock);
        all.filter(|golden| is_newest || !matches!(golden.outcome, Replayed::New { .. })).collect()
    }

    fn is_newest(&self, lock: &Lock) -> bool {
        let newest = lock.events.get(E::NAME).and_then(|event| event.versions.keys().next_back());
        newest.is_none_or(|newest| *newest <= E::VERSION)
    }

    /// A folder for each name under which it may be stored.
    fn folders(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let golden = Golden::folder(Path::new(self.lock));
        std::iter::once(&E::NAME).chain(E::ALIASES).map(move |name| (*name, golden.join(name)))
    }

    /// What becomes of a recorded payload.
    fn replayed(&self, name: &str, version: u32, folder: &Path, file: &str) -> Golden {
        let result_file = Golden::result_file(file, E::VERSION);
        let outcome = match (fs::read_to_string(folder.join(file)), fs::read_to_string(folder.join(&result_file))) {
            (Err(error), _) => Replayed::Wrong(error.to_string()),
            (Ok(payload), recorded) => match (self.decoded(name, version, payload.as_bytes()), recorded) {
                (Err(why), _) => Replayed::Wrong(why),
                (Ok(result), Err(error)) if error.kind() == ErrorKind::NotFound => {
                    Replayed::New { payload, result_file, result: result.to_string() }
                }
                (Ok(_), Err(error)) => Replayed::Wrong(format!("{result_file}: {error}")),
                (Ok(result), Ok(recorded)) => self.compared(&result, &recorded),
            },
        };
        Golden { event: name.to_owned(), version, file: file.to_owned(), outcome }
    }

    /// Whether a payload has become what was recorded.
    fn compared(&self, result: &Value, recorded: &str) -> Replayed {
        let recorded: Value = match serde_json::from_str(recorded.trim()) {
            Ok(recorded) => recorded,
            Err(error) => return Replayed::Wrong(format!("what it became is no JSON: {error}")),
        };
        // Fields that may be absent may have come since. What was recorded is a payload itself: it is read as it is today.
        let today = || self.decoded(E::NAME, E::VERSION, recorded.to_string().as_bytes());
        if *result == recorded || today().is_ok_and(|today| *result == today) {
            Replayed::Same
        } else {
            Replayed::Wrong(format!("it was recorded to become {recorded}, and becomes {result}"))
        }
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
        let raw = RawEvent::new("golden-1", name, schema_version, data);
        let event = E::__decode(&Decoding::new(&raw), data).map_err(|fault| fault.to_string())?;
        serde_json::to_value(&event).map_err(|error| error.to_string())
    }
}

/// The files of payloads in a folder, each with its version.
fn payloads(folder: &Path) -> BTreeMap<String, u32> {
    let version = |file: String| Golden::parts(&file).map(|(version, _)| version).map(|version| (file, version));
    files(folder).into_iter().filter_map(version).collect()
}

/// What payloads have become of which nothing else is left.
fn without_payload(name: &str, folder: &Path) -> Vec<Golden> {
    let files = files(folder);
    let lost = files.iter().filter_map(|file| {
        let payload = format!("{}.json", file.split_once(".as-v")?.0);
        let (version, _) = Golden::parts(&payload)?;
        let outcome = Replayed::Wrong("the payload is gone that became this".to_owned());
        (!files.contains(&payload)).then(|| Golden { event: name.to_owned(), version, file: file.clone(), outcome })
    });
    lost.collect()
}

/// The files of a folder, which need not be there.
fn files(folder: &Path) -> BTreeSet<String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return BTreeSet::new(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}
