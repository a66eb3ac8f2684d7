//! What a program says of its events: the way from the compiled types to the command line.
//!
//! While `EVENTSOURCE_LOCK` names a folder, each derive emits a `#[test]` that writes one [`Report`] into it.

use std::collections::BTreeMap;
use std::fmt;

use crate::lock::{Lock, LockedVersion};

/// What one derive says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Of an event.
    Event(EventReport),
    /// Of an aggregate.
    Reader(ReaderReport),
}

/// What an event is stored as, and how it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventReport {
    /// Where the struct stands in its crate.
    pub module: String,
    /// The stored name.
    pub name: String,
    /// Older stored names.
    pub aliases: Vec<String>,
    /// The version of the struct.
    pub version: u32,
    /// The version that is stored: an older one while `write` says so.
    pub written: u32,
    /// The oldest that is read.
    pub oldest: u32,
    /// How each older version becomes the next.
    pub steps: Vec<Step>,
    /// The shape of the current version, and of those that the derive knows besides.
    pub shapes: BTreeMap<u32, LockedVersion>,
}

/// A step from a version to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The version it reads.
    pub from: u32,
    /// What takes it.
    pub kind: StepKind,
}

/// What takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A function on raw JSON: proven by nothing but recorded payloads.
    Raw,
    /// Attributes: proven against the lock.
    Declarative,
    /// A struct of its own, which reads this version and all before it.
    Previous,
}

/// What an aggregate reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReaderReport {
    /// Where the state stands in its crate.
    pub module: String,
    /// The category.
    pub name: String,
    /// Stored names.
    pub reads: Vec<String>,
    /// Stored names that mean nothing any more.
    pub retired: Vec<String>,
}

const KINDS: [(&str, StepKind); 3] =
    [("raw", StepKind::Raw), ("declarative", StepKind::Declarative), ("previous", StepKind::Previous)];

impl StepKind {
    /// The kind of this name: `raw`, `declarative`, `previous`.
    pub fn from_name(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// A step of this kind.
    pub fn step(self, from: u32) -> Step {
        Step { from, kind: self }
    }
}

impl Report {
    /// Leaves the report in the folder that the variable `EVENTSOURCE_LOCK` names, for the lock at this path.
    ///
    /// The file is called after the lock and the event, ends in `.report`, and begins with the path of the lock.
    pub fn leave(&self, lock: &str) -> Result<(), String> {
        let folder = std::env::var("EVENTSOURCE_LOCK").map_err(|_| {
            "EVENTSOURCE_LOCK was set while compiling and must be set now: it names a folder".to_owned()
        })?;
        let (module, name) = match self {
            Self::Event(event) => (&event.module, format!("{}.{}", event.name, event.version)),
            Self::Reader(reader) => (&reader.module, reader.name.clone()),
        };
        let number = fingerprint_of(&[lock, module]);
        let path = std::path::Path::new(&folder).join(format!("{name}.{number:016x}.report"));
        std::fs::write(&path, format!("lock {lock}\n{self}")).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads every report that was left in a folder, each with the path of the lock that it is for.
    pub fn collect(folder: &std::path::Path) -> Result<Vec<(std::path::PathBuf, Self)>, String> {
        let tell = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(tell)? {
            files.extend(
                Some(entry.map_err(tell)?.path()).filter(|path| path.extension().is_some_and(|e| e == "report")),
            );
        }
        files.sort();
        let read = |path: std::path::PathBuf| {
            let tell = |error: String| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(&path).map_err(|error| tell(error.to_string()))?;
            let (lock, report) = text.split_once('\n').ok_or_else(|| tell("it is cut off".to_owned()))?;
            let lock = lock.strip_prefix("lock ").ok_or_else(|| tell("it names no lock".to_owned()))?;
            Ok((lock.into(), Self::parse(report).map_err(tell)?))
        };
        files.into_iter().map(read).collect()
    }

    /// Whether it comes from a module that is named for tests, whose events are not stored.
    pub fn is_of_a_test(&self) -> bool {
        let module = match self {
            Self::Event(event) => &event.module,
            Self::Reader(reader) => &reader.module,
        };
        module.split("::").any(|part| part == "tests" || part == "test")
    }

    /// Reads what [`Display`](fmt::Display) wrote; an error says what was not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The shapes stand in the text of a lock, so that there is one way to write them.
        let (keys, lock) = text.split_once("shapes\n").ok_or("the report is cut off")?;
        let lock = Lock::parse(lock).map_err(|errors| errors[0].to_string())?;
        let mut event = EventReport::default();
        let mut reader = ReaderReport::default();
        for line in keys.lines() {
            let (key, value) = line.split_once(' ').ok_or_else(|| format!("`{line}` has no value"))?;
            let number = || value.parse::<u32>().map_err(|_| format!("`{line}` has no number"));
            match key {
                "event" => event.name = value.to_owned(),
                "aggregate" => reader.name = value.to_owned(),
                "module" => (event.module, reader.module) = (value.to_owned(), value.to_owned()),
                "alias" => event.aliases.push(value.to_owned()),
                "version" => event.version = number()?,
                "written" => event.written = number()?,
                "oldest" => event.oldest = number()?,
                "step" => event.steps.push(step(value).ok_or_else(|| format!("`{line}` is no step"))?),
                "reads" => reader.reads.push(value.to_owned()),
                "retired" => reader.retired.push(value.to_owned()),
                _ => return Err(format!("`{key}` is not known: the program and this tool are of different releases")),
            }
        }
        if !reader.name.is_empty() {
            return Ok(Self::Reader(reader));
        }
        event.shapes = lock.events.into_values().next().unwrap_or_default().versions;
        Ok(Self::Event(event))
    }
}

/// Tells files of one name apart.
pub(crate) fn fingerprint_of(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn step(value: &str) -> Option<Step> {
    let (from, kind) = value.split_once(' ')?;
    Some(StepKind::from_name(kind)?.step(from.parse().ok()?))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = Lock::default();
        match self {
            Self::Event(event) => {
                writeln!(f, "event {}\nmodule {}", event.name, event.module)?;
                event.aliases.iter().try_for_each(|alias| writeln!(f, "alias {alias}"))?;
                writeln!(f, "version {}\nwritten {}\noldest {}", event.version, event.written, event.oldest)?;
                for step in &event.steps {
                    writeln!(f, "step {} {}", step.from, step.kind.name())?;
                }
                lock.events.entry(event.name.clone()).or_default().versions = event.shapes.clone();
            }
            Self::Reader(reader) => {
                writeln!(f, "aggregate {}\nmodule {}", reader.name, reader.module)?;
                reader.reads.iter().try_for_each(|name| writeln!(f, "reads {name}"))?;
                reader.retired.iter().try_for_each(|name| writeln!(f, "retired {name}"))?;
            }
        }
        write!(f, "shapes\n{lock}")
    }
}
