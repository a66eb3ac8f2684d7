//! The checks that derived code runs while it is compiled.

use eventsource_schema::Out;

use super::event_set::EventDescriptor;

/// Fails unless `old` is the version before `new` of the same event.
#[track_caller]
pub const fn assert_previous(old: &EventDescriptor, new: &EventDescriptor) {
    if old.name.is_empty() || new.name.is_empty() {
        return; // a derive reported an error
    }
    if !same(old.name, new.name) {
        fail(&[
            "`previous` is event `",
            old.name,
            "`, but this is event `",
            new.name,
            "`: both structs must carry the same name",
        ]);
    }
    if old.version + 1 != new.version {
        let mut buffer = [0; 1024];
        let mut text = Out::into_buffer(&mut buffer);
        text.push("`previous` is version ");
        text.number(old.version as u64);
        text.push(", but version ");
        text.number(new.version as u64);
        text.push(" needs version ");
        text.number(new.version as u64 - 1);
        text.push(" as its predecessor");
        panic!("{}", text.as_str());
    }
}

/// Fails unless the struct before, through which an older version is written, writes that version.
#[track_caller]
pub const fn assert_written(old: &EventDescriptor, write: u32) {
    if !old.name.is_empty() && old.written != write {
        let mut buffer = [0; 1024];
        let mut text = Out::into_buffer(&mut buffer);
        text.push("`write` names version ");
        text.number(write as u64);
        text.push(", but `previous` writes version ");
        text.number(old.written as u64);
        text.push(": give that struct `write = ");
        text.number(write as u64);
        text.push("` too, or write version ");
        text.number(old.written as u64);
        panic!("{}", text.as_str());
    }
}

/// Fails unless an event that is split is stored as `source`.
#[track_caller]
pub(crate) const fn assert_source(old: &EventDescriptor, source: &str) {
    if !old.name.is_empty() && !is_stored_as(old, source) {
        fail(&["this split is from `", source, "`, but its function takes the event `", old.name, "`"]);
    }
}

/// Fails if the event `at` of a set is stored under a name that an earlier one, or `retired`, has as well.
#[track_caller]
pub const fn assert_distinct(events: &[EventDescriptor], at: usize, retired: &[&str]) {
    let mut earlier = 0;
    while earlier < at {
        let (a, b) = (&events[earlier], &events[at]);
        refuse_shared(a.name, b);
        let mut i = 0;
        while i < a.aliases.len() {
            refuse_shared(a.aliases[i], b);
            i += 1;
        }
        let mut i = 0;
        while i < a.split_sources.len() {
            refuse_split(a.split_sources[i], b);
            i += 1;
        }
        let mut i = 0;
        while i < b.split_sources.len() {
            refuse_split(b.split_sources[i], a);
            i += 1;
        }
        earlier += 1;
    }
    let mut i = 0;
    while i < retired.len() {
        if is_stored_as(&events[at], retired[i]) {
            fail(&["`", retired[i], "` is retired, but an event of this set is stored under it"]);
        }
        i += 1;
    }
}

#[track_caller]
const fn refuse_shared(name: &str, event: &EventDescriptor) {
    if is_stored_as(event, name) {
        fail(&["two events of this set are both stored as `", name, "`"]);
    }
}

#[track_caller]
const fn refuse_split(source: &str, event: &EventDescriptor) {
    if is_stored_as(event, source) {
        fail(&["`", source, "` is split into other events of this set, so it cannot be one of them too"]);
    }
}

#[track_caller]
const fn fail(parts: &[&str]) -> ! {
    let mut buffer = [0; 1024];
    let mut text = Out::into_buffer(&mut buffer);
    push(&mut text, parts);
    panic!("{}", text.as_str());
}

pub(super) const fn push(text: &mut Out<'_>, parts: &[&str]) {
    let mut i = 0;
    while i < parts.len() {
        text.push(parts[i]);
        i += 1;
    }
}

const fn is_stored_as(event: &EventDescriptor, name: &str) -> bool {
    // One without a name is one whose derive has reported an error.
    !event.name.is_empty() && (same(event.name, name) || contains(event.aliases, name))
}

pub(super) const fn contains(names: &[&str], name: &str) -> bool {
    let mut i = 0;
    while i < names.len() {
        if same(names[i], name) {
            return true;
        }
        i += 1;
    }
    false
}

pub(super) const fn same(a: &str, b: &str) -> bool {
    eventsource_schema::same(a.as_bytes(), b.as_bytes())
}
