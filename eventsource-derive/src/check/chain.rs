//! Every version that may be stored has exactly one way to the newest.

use crate::errors::Errors;
use crate::model::History;

pub(super) fn check(history: &History, errors: &Errors) {
    if history.doubtful || !versions_start_at_one(history, errors) {
        return;
    }
    if history.previous.is_some() {
        previous_has_a_version_to_read(history, errors);
        previous_stands_alone(history, errors);
    } else if oldest_is_not_newer(history, errors) {
        steps_read_versions_in_range(history, errors);
        steps_are_declared_once(history, errors);
        steps_leave_no_gap(history, errors);
    }
}

/// Stores keep a version with each event, and 0 is none; a chain counted from 0 has no beginning.
fn versions_start_at_one(history: &History, errors: &Errors) -> bool {
    let steps = history.upcasts.iter().map(|step| &step.from);
    let zeros = std::iter::once(&history.version).chain(&history.oldest).chain(steps);
    let mut valid = true;
    for zero in zeros.filter(|number| number.value == 0) {
        errors.at(zero.span, "versions start at 1");
        valid = false;
    }
    valid
}

/// Nothing came before version 1.
fn previous_has_a_version_to_read(history: &History, errors: &Errors) {
    if let (Some(previous), 1) = (&history.previous, history.version.value) {
        errors.on(previous, "version 1 has no predecessor: set `version = 2`, or remove `previous`");
    }
}

/// `previous` leaves every older version to that struct; a second way to read one could differ.
fn previous_stands_alone(history: &History, errors: &Errors) {
    for step in &history.upcasts {
        errors.at(step.from.span, "`previous` reads every older version: declare this step on that struct");
    }
    if let Some(oldest) = &history.oldest {
        errors.at(oldest.span, "`previous` reads every older version: declare `oldest` on that struct");
    }
}

/// The current version is always read.
fn oldest_is_not_newer(history: &History, errors: &Errors) -> bool {
    let version = history.version.value;
    match &history.oldest {
        Some(oldest) if oldest.value > version => {
            let text = format!("the oldest version is {}, but the event is at version {version}", oldest.value);
            errors.at(oldest.span, text);
            false
        }
        _ => true,
    }
}

/// A step that reads no stored version, or one that does not exist yet, is a slip of a number.
fn steps_read_versions_in_range(history: &History, errors: &Errors) {
    let (version, oldest) = (history.version.value, history.oldest());
    for step in &history.upcasts {
        let from = step.from.value;
        if from >= version {
            let text = format!(
                "this step reads version {from} and would produce version {}, but the event is at version {version}",
                u64::from(from) + 1
            );
            errors.at(step.from.span, text);
        } else if from < oldest {
            errors
                .at(step.from.span, format!("this step reads version {from}, but the oldest that is read is {oldest}"));
        }
    }
}

/// Of two steps from one version, only one would be taken.
fn steps_are_declared_once(history: &History, errors: &Errors) {
    for (at, step) in history.upcasts.iter().enumerate() {
        let from = step.from.value;
        if history.upcasts[..at].iter().any(|earlier| earlier.from.value == from) {
            errors.at(step.from.span, format!("the step {from} -> {} is declared twice", u64::from(from) + 1));
        }
    }
}

/// A version without a step is found by whoever meets the first old event, at run time.
fn steps_leave_no_gap(history: &History, errors: &Errors) {
    let version = history.version.value;
    let mut starts: Vec<u32> = history.upcasts.iter().map(|step| step.from.value).collect();
    starts.retain(|from| (history.oldest()..version).contains(from));
    starts.sort_unstable();
    starts.push(version);
    let mut expected = history.oldest();
    for from in starts {
        if expected < from {
            errors.at(history.version.span, gap(history, expected, from));
        }
        expected = expected.max(from.saturating_add(1));
    }
}

/// Says that versions `from` to just before `to` have no step, and what may be written.
fn gap(history: &History, from: u32, to: u32) -> String {
    let last = to - 1;
    let (versions, each) = if from == last {
        (format!("version {from} becomes"), "")
    } else {
        (format!("versions {from} to {last} become"), ", for each of them")
    };
    let mut ways = vec![(format!("upcast(from = {from}, with = ..)"), format!("a function on raw JSON{each}"))];
    if history.upcasts.is_empty() {
        let meaning = format!("the struct that was version {last}, with an `impl From` it");
        ways.insert(0, ("previous = ..".to_owned(), meaning));
    }
    if from == history.oldest() {
        ways.push((format!("oldest = {to}"), "if nothing older was ever stored".to_owned()));
    }
    let width = ways.iter().map(|(write, _)| write.len()).max().unwrap_or_default();
    let write = if ways.len() == 1 { "write" } else { "write one of" };
    let ways: String = ways.iter().map(|(write, meaning)| format!("\n  {write:width$}  {meaning}")).collect();
    format!("nothing says how {versions} version {to}; {write}:{ways}")
}
