//! What the workers say, in one file: a line before anything is asked for, and one when it is answered.
//!
//! Lines are added in one write each, so they stand in an order that was true: if an answer stands before a question,
//! whoever asked could have known it. The end of a process takes no line away. It may leave a part of one, between two line
//! ends, which says nothing: whoever was to write it has not gone on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::domain::Sums;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Line {
    Began(String),
    Ended(String, End),
    /// A worker has nothing more to do.
    Done(u64),
}

/// How something ended, as whoever asked was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum End {
    /// In each stream, the last of so many events.
    Stored {
        places: Vec<Place>,
        sums: Option<Sums>,
    },
    Refused(Sums),
    /// There was nothing to do.
    Nothing {
        version: u64,
        sums: Sums,
    },
    Seen {
        version: u64,
        sums: Sums,
    },
    /// Nothing was stored.
    Undone,
    /// It may have been stored, or be stored soon.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) stream: String,
    pub(super) events: u64,
    pub(super) version: u64,
    pub(super) position: u64,
}

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    pub(super) fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Self { path: path.to_owned(), file }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, line: &Line) {
        let line = format!("\n{}\n", serde_json::to_string(line).unwrap());
        (&self.file).write_all(line.as_bytes()).unwrap();
    }

    /// How many lines there are, about.
    pub(super) fn length(&self) -> u64 {
        std::fs::read(&self.path).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Whether something ended, of everything that has begun.
    pub(super) fn known(&self) -> HashMap<String, bool> {
        let mut known = HashMap::new();
        for line in self.lines() {
            match line {
                Line::Began(tag) => drop(known.entry(tag).or_insert(false)),
                Line::Ended(tag, _) => drop(known.insert(tag, true)),
                Line::Done(_) => {}
            }
        }
        known
    }

    pub(super) fn all_done(&self, workers: u64) -> bool {
        let done = |worker| self.lines().iter().any(|line| matches!(line, Line::Done(of) if *of == worker));
        (0..workers).all(done)
    }
}
