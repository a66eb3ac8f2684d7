//! Rules of a lock that need no types: names and versions. Those that need them are constants in the generated code.

use eventsource_schema::Lock;

use crate::errors::Errors;
use crate::model::{Event, FieldCase, Locked, Reader, TypeShape};

/// Every rule of an event that is locked, or shall be.
pub(super) fn event(event: &Event, lock: &Lock, errors: &Errors) {
    every_locked_version_is_read(event, lock, errors);
    for stored in event.stored_versions() {
        for locked in Locked::find(lock, event.names(), &stored) {
            locked_fields_are_there(&locked, errors);
            unknown_fields_are_read_as_before(&locked, errors);
        }
    }
}

/// A lock compares field by field, so it must see the fields.
pub(super) fn fields_can_be_seen(shape: &TypeShape, errors: &Errors) {
    if let TypeShape::Object(object) = shape {
        for span in object.fields.iter().filter_map(|field| field.flatten) {
            errors.at(
                span,
                "`flatten` hides the names of an event's fields from the lock: write them here, or leave out `flatten` and nest them",
            );
        }
    }
}

/// A version that may be stored and that nothing reads is found by whoever meets the first such event.
fn every_locked_version_is_read(event: &Event, lock: &Lock, errors: &Errors) {
    let history = &event.history;
    if history.previous.is_some() {
        return; // that struct has its own check
    }
    let Some(oldest) = &history.oldest else { return };
    for (name, version) in event
        .names()
        .filter_map(|name| Some((name, lock.events.get(name)?)))
        .flat_map(|(name, locked)| locked.versions.keys().map(move |version| (name, *version)))
    {
        if version < oldest.value {
            errors.at(
                oldest.span,
                format!(
                    "version {version} of `{name}` is in events.lock, so it may be stored, but nothing says how to read it: \
                     set `oldest = {version}` and say how it becomes version {}",
                    version + 1
                ),
            );
        }
    }
}

/// An old event holds the field, and its value would be lost.
fn locked_fields_are_there(locked: &Locked<'_>, errors: &Errors) {
    let (event, version) = (locked.name, locked.version.value);
    for case in locked.cases() {
        let FieldCase::Gone(name) = case else { continue };
        let text = match locked.reader {
            Reader::Attributes => format!(
                "version {version} of `{event}` has a field `{name}` in events.lock, but no attribute says what became of it\n\
                 if it is gone: removed(field = \"{name}\", in = ..)\n\
                 if it has another name: #[event(renamed(from = \"{name}\", in = ..))] on its field"
            ),
            Reader::Older => format!(
                "field `{name}` of event `{event}` version {version} is locked, but the struct no longer has it\n\
                 version {version} is history: give the struct back the shape in which it was stored"
            ),
            Reader::Newest => {
                let next = version + 1;
                format!(
                    "field `{name}` of event `{event}` version {version} is locked, but the struct no longer has it\n\
                     if it may be stored already: set `version = {next}` and say what became of the field, \
                     such as removed(field = \"{name}\", in = {next})\n\
                     if it was never stored: cargo eventsource lock --amend {event}"
                )
            }
        };
        errors.at(locked.version.span, text);
    }
}

/// An event that an older program refuses, or that this one does, is a change.
fn unknown_fields_are_read_as_before(locked: &Locked<'_>, errors: &Errors) {
    let (event, version) = (locked.name, locked.version.value);
    // Who only reads may refuse less than who wrote.
    let may_differ = locked.reader != Reader::Newest && locked.entry.strict;
    if locked.entry.strict == locked.stored.strict || may_differ {
        return;
    }
    let (was, ways) = if locked.stored.strict { ("not ", "remove") } else { ("", "restore") };
    errors.at(
        locked.version.span,
        format!(
            "event `{event}` version {version} is locked with{} `deny_unknown_fields`: {ways} it, or raise the version",
            if was.is_empty() { "" } else { "out" },
        ),
    );
}
