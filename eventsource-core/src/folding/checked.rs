//! The checks that derived code runs while it is compiled.

use super::domain_event::DomainEvent;
use super::event_set::EventDescriptor;

/// Fails unless `Old` is the version before `New` of the same event.
pub const fn assert_previous<Old: DomainEvent, New: DomainEvent>() {
    if !Old::VALID || !New::VALID {
        return;
    }
    let mut text = Text::new();
    if !same(Old::NAME, New::NAME) {
        text.push("`previous` is event `").push(Old::NAME).push("`, but this is event `").push(New::NAME);
        text.push("`: both structs must carry the same name");
        panic!("{}", text.as_str());
    }
    if Old::VERSION + 1 != New::VERSION {
        text.push("`previous` is version ").number(Old::VERSION).push(", but version ").number(New::VERSION);
        text.push(" needs version ").number(New::VERSION - 1).push(" as its predecessor");
        panic!("{}", text.as_str());
    }
}

/// Fails if the event `at` of a set is stored under a name that an earlier one, or `retired`, has as well.
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

const fn refuse_shared(name: &str, event: &EventDescriptor) {
    if is_stored_as(event, name) {
        let mut text = Text::new();
        text.push("two events of this set are both stored as `").push(name).push("`");
        panic!("{}", text.as_str());
    }
}

const fn refuse_split(source: &str, event: &EventDescriptor) {
    if is_stored_as(event, source) {
        let mut text = Text::new();
        text.push("`").push(source).push("` is split into other events of this set, so it cannot be one of them too");
        panic!("{}", text.as_str());
    }
}

const fn is_stored_as(event: &EventDescriptor, name: &str) -> bool {
    if event.name.is_empty() {
        return false; // its derive reported an error
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
