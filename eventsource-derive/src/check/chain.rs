//! Every version that may be stored has exactly one way to the newest.

use crate::attr::event::Upcast;
use crate::errors::Errors;
use crate::model::{Change, History};

/// True if the numbers are in order, so that more may be said of what they stand for.
pub(super) fn check(history: &History, errors: &Errors) -> bool {
    if history.doubtful || !versions_start_at_one(history, errors) {
        return false;
    }
    if history.previous.is_some() {
        previous_has_a_version_to_read(history, errors);
        return previous_stands_alone(history, errors);
    }
    if !oldest_is_not_newer(history, errors) {
        return false;
    }
    let in_range = steps_read_versions_in_range(history, errors) & changes_are_in_range(history, errors);
    steps_are_declared_once(history, errors);
    let in_order = changes_follow_the_raw_steps(history, errors);
    steps_leave_no_gap(history, errors);
    in_range && in_order
}

/// Stores keep a version with each event, and 0 is none; a chain counted from 0 has no beginning.
fn versions_start_at_one(history: &History, errors: &Errors) -> bool {
    let steps = history.upcasts.iter().map(|step| &step.from);
    let changes = history.changes.iter().map(|change| &change.version);
    let own = std::iter::once(&history.version).chain(&history.oldest).chain(&history.write);
    let mut valid = true;
    for zero in own.chain(steps).chain(changes).filter(|number| number.value == 0) {
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
fn previous_stands_alone(history: &History, errors: &Errors) -> bool {
    for step in &history.upcasts {
        errors.at(step.from.span, "`previous` reads every older version: declare this step on that struct");
    }
    if let Some(oldest) = &history.oldest {
        errors.at(oldest.span, "`previous` reads every older version: declare `oldest` on that struct");
    }
    for change in first_of_each_version(&history.changes) {
        let text = format!("`previous` reads every older version: say on that struct what was {}", change.key);
        errors.at(change.version.span, text);
    }
    history.changes.is_empty()
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
fn steps_read_versions_in_range(history: &History, errors: &Errors) -> bool {
    let (version, oldest) = (history.version.value, history.oldest());
    let mut valid = true;
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
        } else {
            continue;
        }
        valid = false;
    }
    valid
}

/// An attribute names the first version with the new form: one that exists, and is not the oldest that is read.
fn changes_are_in_range(history: &History, errors: &Errors) -> bool {
    let (version, oldest) = (history.version.value, history.oldest());
    let mut valid = true;
    for Change { version: named, key, .. } in &history.changes {
        let at = named.value;
        let text = if at > version {
            format!("`{key}` names version {at}, but the event is at version {version}: set `version = {at}`")
        } else if at == 1 {
            format!("`{key}` names the first version that was so, and before version 1 was none: remove it")
        } else if at <= oldest {
            format!("`{key}` says how version {} was, but the oldest that is read is {oldest}: remove it", at - 1)
        } else {
            continue;
        };
        errors.at(named.span, text);
        valid = false;
    }
    valid
}

/// Of two ways from one version to the next, only one would be taken.
fn steps_are_declared_once(history: &History, errors: &Errors) {
    for (at, step) in history.upcasts.iter().enumerate() {
        let from = step.from.value;
        let to = u64::from(from) + 1;
        if history.upcasts[..at].iter().any(|earlier| earlier.from.value == from) {
            errors.at(step.from.span, format!("the step {from} -> {to} is declared twice"));
        } else if let Some(Change { key, field, .. }) = change_of(history, step) {
            let text = format!(
                "the step {from} -> {to} is declared twice: here, and by `{key}` of `{field}`; a step has one mechanism"
            );
            errors.at(step.from.span, text);
        }
    }
}

/// What an attribute says of the same step.
fn change_of<'a>(history: &'a History, step: &Upcast) -> Option<&'a Change> {
    history.changes.iter().find(|change| change.version.value - 1 == step.from.value)
}

/// Attributes tell what a version was by what it became; behind a function on JSON nothing is known of that.
fn changes_follow_the_raw_steps(history: &History, errors: &Errors) -> bool {
    let Some((raw, _)) = history.raw_steps().pop() else { return true };
    let mut valid = true;
    for change in first_of_each_version(&history.changes).filter(|change| change.version.value <= raw) {
        let from = change.version.value - 1;
        let text = format!(
            "version {raw} is read by a step on raw JSON, so nothing is known of the fields before it: \
             write upcast(from = {from}, with = ..) for this step too"
        );
        errors.at(change.version.span, text);
        valid = false;
    }
    valid
}

/// A version without a step is found by whoever meets the first old event, at run time.
fn steps_leave_no_gap(history: &History, errors: &Errors) {
    let version = history.version.value;
    let changed = history.changes.iter().map(|change| change.version.value - 1);
    let mut starts: Vec<u32> = history.upcasts.iter().map(|step| step.from.value).chain(changed).collect();
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
    let mut ways = Vec::new();
    if history.upcasts.is_empty() && history.changes.is_empty() {
        let meaning = format!("the struct that was version {last}, with an `impl From` it");
        ways.push(("previous = ..".to_owned(), meaning));
    }
    if history.raw_steps().last().is_none_or(|(raw, _)| *raw < from) {
        let meaning = "on a field, if it is new; or `renamed`, `changed`, and `removed` above the struct".to_owned();
        ways.push((format!("#[event(added = {})]", from + 1), format!("{meaning}{each}")));
    }
    ways.push((format!("upcast(from = {from}, with = ..)"), format!("a function on raw JSON{each}")));
    ways.push((format!("upcast(from = {from}, same)"), format!("if its payloads fit as they are{each}")));
    if from == history.oldest() {
        ways.push((format!("oldest = {to}"), "if nothing older was ever stored".to_owned()));
    }
    let width = ways.iter().map(|(write, _)| write.len()).max().unwrap_or_default();
    let ways: String = ways.iter().map(|(write, meaning)| format!("\n  {write:width$}  {meaning}")).collect();
    format!("nothing says how {versions} version {to}; write one of:{ways}")
}

/// Several attributes that make one step are one mistake.
fn first_of_each_version(changes: &[Change]) -> impl Iterator<Item = &Change> {
    let is_first = |at: usize| changes[..at].iter().all(|earlier| earlier.version.value != changes[at].version.value);
    changes.iter().enumerate().filter(move |(at, _)| is_first(*at)).map(|(_, change)| change)
}
