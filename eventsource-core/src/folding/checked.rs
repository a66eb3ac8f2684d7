//! The checks that derived code runs while it is compiled.

use super::event_set::EventDescriptor;

/// Fails unless `old` is the version before `new` of the same event.
#[track_caller]
pub const fn assert_previous(old: &EventDescriptor, new: &EventDescriptor) {
    if old.name.is_empty() || new.name.is_empty() {
        return; // a derive reported an error
    }
    let mut text = Text::new();
    if !same(old.name, new.name) {
        text.push("`previous` is event `").push(old.name).push("`, but this is event `").push(new.name);
        text.push("`: both structs must carry the same name");
        panic!("{}", text.as_str());
    }
    if old.version + 1 != new.version {
        text.push("`previous` is version ").number(old.version).push(", but version ").number(new.version);
        text.push(" needs version ").number(new.version - 1).push(" as its predecessor");
        panic!("{}", text.as_str());
    }
}

/// Fails unless the struct before, through which an older version is written, writes that version.
#[track_caller]
pub const fn assert_written(old: &EventDescriptor, write: u32) {
    if !old.name.is_empty() && old.written != write {
        let mut text = Text::new();
        text.push("`write` names version ").number(write).push(", but `previous` writes version ").number(old.written);
        text.push(": give that struct `write = ").number(write).push("` too, or write version ").number(old.written);
        panic!("{}", text.as_str());
    }
}

/// Fails unless an event that is split is stored as `source`.
#[track_caller]
pub(crate) const fn assert_source(old: &EventDescriptor, source: &str) {
    if !old.name.is_empty() && !is_stored_as(old, source) {
        let mut text = Text::new();
        text.push("this split is from `")
            .push(source)
            .push("`, but its function takes the event `")
            .push(old.name)
            .push("`");
        panic!("{}", text.as_str());
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
            let mut text = Text::new();
            text.push("`").push(retired[i]).push("` is retired, but an event of this set is stored under it");
            panic!("{}", text.as_str());
        }
        i += 1;
    }
}

#[track_caller]
const fn refuse_shared(name: &str, event: &EventDescriptor) {
    if is_stored_as(event, name) {
        let mut text = Text::new();
        text.push("two events of this set are both stored as `").push(name).push("`");
        panic!("{}", text.as_str());
    }
}

#[track_caller]
const fn refuse_split(source: &str, event: &EventDescriptor) {
    if is_stored_as(event, source) {
        let mut text = Text::new();
        text.push("`").push(source).push("` is split into other events of this set, so it cannot be one of them too");
        panic!("{}", text.as_str());
    }
}

const fn is_stored_as(event: &EventDescriptor, name: &str) -> bool {
    if event.name.is_empty() {
        return false; // a derive reported an error
    }
    if same(event.name, name) {
        return true;
    }
    let mut i = 0;
    while i < event.aliases.len() {
        if same(event.aliases[i], name) {
            return true;
        }
        i += 1;
    }
    false
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Text put together while compiling. Names are at most 127 bytes, so no message fills it.
struct Text {
    bytes: [u8; 640],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Self { bytes: [0; 640], len: 0 }
    }

    const fn push(&mut self, text: &str) -> &mut Self {
        let text = text.as_bytes();
        let mut i = 0;
        while i < text.len() && self.len < self.bytes.len() {
            self.bytes[self.len] = text[i];
            self.len += 1;
            i += 1;
        }
        self
    }

    const fn number(&mut self, number: u32) -> &mut Self {
        if number >= 10 {
            self.number(number / 10);
        }
        let digit = [b'0' + (number % 10) as u8];
        match std::str::from_utf8(&digit) {
            Ok(digit) => self.push(digit),
            Err(_) => self,
        }
    }

    const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "this set of events is not consistent",
        }
    }
}
