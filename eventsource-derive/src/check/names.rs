//! Names that reach disk. The rules are those of the stores, told while compiling.

use crate::attr::Spanned;
use crate::errors::Errors;
use crate::model::{Aggregate, Event};

const MAX_EVENT_NAME: usize = 127;
const MAX_CATEGORY: usize = 63;

pub(super) fn of_event(event: &Event, errors: &Errors) {
    is_event_name(&event.name, errors);
    event.aliases.iter().for_each(|alias| is_event_name(alias, errors));
    event.splits.iter().for_each(|split| is_event_name(&split.source, errors));
    aliases_are_other_names(event, errors);
    sources_are_other_events(event, errors);
}

pub(super) fn of_aggregate(aggregate: &Aggregate, errors: &Errors) {
    is_category(&aggregate.name, errors);
}

/// A retired name was once an event's, so it has the form of one; twice says nothing more.
pub(super) fn of_retired(retired: &[Spanned<String>], errors: &Errors) {
    for (at, name) in retired.iter().enumerate() {
        is_event_name(name, errors);
        if retired[..at].iter().any(|earlier| earlier.value == name.value) {
            errors.at(name.span, format!("`{}` is retired twice", name.value));
        }
    }
}

/// An event's name stands in stores, files and filters of several programs, so its form is narrow.
fn is_event_name(name: &Spanned<String>, errors: &Errors) {
    let text = &name.value;
    let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
    if text.starts_with('$') {
        errors.at(name.span, "names that begin with `$` belong to the framework");
    } else if !starts_lower(text) || !text.bytes().all(body) {
        errors.at(
            name.span,
            format!("`{text}` is not an event name: lower-case letters, digits, `_`, `.` and `-`, a letter first"),
        );
    } else if text.len() > MAX_EVENT_NAME {
        errors.at(name.span, format!("an event name has at most {MAX_EVENT_NAME} bytes, this one has {}", text.len()));
    }
}

/// A stream's name is `category-id`, so the category must not hold the character that ends it.
fn is_category(name: &Spanned<String>, errors: &Errors) {
    let text = &name.value;
    let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if text.starts_with('$') {
        errors.at(name.span, "names that begin with `$` belong to the framework");
    } else if starts_lower(text) && text.contains('-') {
        let better = text.replace('-', "_");
        errors
            .at(name.span, format!("`-` separates the category from the id in the name of a stream: write `{better}`"));
    } else if !starts_lower(text) || !text.bytes().all(body) {
        errors.at(name.span, format!("`{text}` is not a category: lower-case letters, digits and `_`, a letter first"));
    } else if text.len() > MAX_CATEGORY {
        errors.at(name.span, format!("a category has at most {MAX_CATEGORY} bytes, this one has {}", text.len()));
    }
}

fn starts_lower(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

/// An alias that repeats a name was meant to be another one.
fn aliases_are_other_names(event: &Event, errors: &Errors) {
    for (at, alias) in event.aliases.iter().enumerate() {
        if alias.value == event.name.value {
            errors.at(alias.span, format!("`{}` is the event's name already: an alias is an older one", alias.value));
        } else if event.aliases[..at].iter().any(|earlier| earlier.value == alias.value) {
            errors.at(alias.span, format!("the alias `{}` is given twice", alias.value));
        }
    }
}

/// A stored event is either this one or has a part that is; both at once has no meaning.
fn sources_are_other_events(event: &Event, errors: &Errors) {
    for (at, split) in event.splits.iter().enumerate() {
        let source = &split.source;
        if source.value == event.name.value || event.aliases.iter().any(|alias| alias.value == source.value) {
            errors.at(source.span, format!("`{}` is this event itself: it cannot be a part of it", source.value));
        } else if event.splits[..at].iter().any(|earlier| earlier.source.value == source.value) {
            errors.at(source.span, format!("the split from `{}` is declared twice", source.value));
        }
    }
}
