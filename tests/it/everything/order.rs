//! Whether what was answered was so at some moment between question and answer.

use std::collections::HashMap;

use super::domain::Sums;
use super::journal::{End, Line, Place};
use super::model::Model;
use super::plan::{Operation, What};

/// What is known of each stream: a version at which it stood.
#[derive(Clone, Default)]
struct Known(HashMap<String, u64>);

impl Known {
    fn of(&self, stream: &str) -> u64 {
        self.0.get(stream).copied().unwrap_or(0)
    }

    fn note(&mut self, stream: &str, version: u64) {
        let known = self.0.entry(stream.to_owned()).or_default();
        *known = version.max(*known);
    }
}

/// What everybody may know, and what of that is in the rows of the inline view: not what was appended past it.
#[derive(Clone, Default)]
struct Answered {
    streams: Known,
    rows: Known,
}

/// Nobody is told less than what somebody was told before it asked.
pub(super) fn check_order(model: &Model, operations: &HashMap<String, Operation>, lines: &[Line]) {
    let mut answered = Answered::default();
    let mut before = HashMap::<&str, Answered>::new();
    for line in lines {
        match line {
            Line::Began(tag) => drop(before.entry(tag).or_insert_with(|| answered.clone())),
            Line::Ended(tag, end) => check_end(model, &operations[tag], end, &before[&**tag], &mut answered),
            Line::Done(_) => {}
        }
    }
}

fn check_end(model: &Model, operation: &Operation, end: &End, before: &Answered, answered: &mut Answered) {
    match end {
        End::Stored { places, .. } => {
            for Place { stream, version, events, .. } in places {
                let known = before.streams.of(stream);
                assert!(version - events >= known, "{operation:?} is at {version}, when {known} was known");
                answered.streams.note(stream, *version);
                if operation.is_kept() {
                    answered.rows.note(stream, *version);
                }
            }
        }
        End::Refused(sums) | End::Nothing { sums, .. } | End::Seen { sums, .. } => {
            let stream = operation.stream();
            let is_row = matches!(operation.what, What::Row);
            let same = |state: &Sums| match is_row {
                // It does not say whether the account is open.
                true => Sums { is_open: sums.is_open, ..*state } == *sums,
                false => state == sums,
            };
            // Facts are counted in it, so no two are the same.
            let version = model.states(&stream).iter().position(same);
            let version = version.unwrap_or_else(|| panic!("{operation:?} had {end:?}, which never was")) as u64;
            let known = match operation.what {
                // What others have stored, it need not know.
                What::LoadCached => 0,
                What::Row => before.rows.of(&stream),
                _ => before.streams.of(&stream),
            };
            assert!(version >= known, "{operation:?} had {end:?} of {version}, when {known} was known");
            if let End::Nothing { version: said, .. } | End::Seen { version: said, .. } = end {
                assert_eq!(version, *said, "{operation:?} had {end:?}");
            }
            if let End::Refused(_) | End::Nothing { .. } = end {
                assert!(!operation.is_allowed(*sums), "{operation:?} had {end:?}");
            }
            answered.streams.note(&stream, version);
            if is_row {
                answered.rows.note(&stream, version);
            }
        }
        End::Undone | End::Unknown => {}
    }
}
