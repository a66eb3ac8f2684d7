//! What derived code compares with `events.lock` while it is compiled. Each check is called on the token it is about.

use eventsource_schema::{Diff, Out, diff, reads, text_len, write};

use super::checked::{contains, push, same};
use super::event_set::EventDescriptor;
use super::schema::Described;

/// A version of an event in `events.lock`.
#[derive(Clone, Copy, Debug)]
pub struct LockedAs {
    /// The stored name.
    pub event: &'static str,
    /// The version.
    pub version: u32,
    /// What reads it.
    pub reader: Reader,
    /// Its fields.
    pub fields: &'static [LockedText],
}

/// What reads a locked version.
#[derive(Clone, Copy, Debug)]
pub enum Reader {
    /// The newest struct, which also writes it: both must be as they are locked.
    Newest,
    /// A struct that is older than the newest locked version. It is only read, so it may accept more.
    Older,
    /// Attributes on the fields of a newer struct. It is only read, too.
    Attributes,
}

/// A field of such a version.
#[derive(Clone, Copy, Debug)]
pub struct LockedText {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether it may be absent.
    pub optional: bool,
    /// The text of its shape.
    pub shape: &'static str,
    /// What the shape's fingerprint was.
    pub fingerprint: u64,
}

/// A field of an event, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct StoredField {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether it may be absent, even if its shape does not say so.
    pub optional: bool,
    /// Its value.
    pub described: Described,
}

impl StoredField {
    const fn may_be_absent(&self) -> bool {
        self.optional || self.described.shape.may_be_absent()
    }

    /// Whether it is what is locked, which is nearly always so: nobody walks through its shape to find out.
    const fn is(&self, locked: &LockedText) -> bool {
        self.described.fingerprint == locked.fingerprint && locked.optional == self.may_be_absent()
    }
}

/// Calls a function with a buffer that is big enough. Constants cannot be as long as a value says.
macro_rules! sized {
    ($len:expr, $function:ident($($argument:expr),*)) => {
        match $len {
            0..=1000 => $function::<1024, 8192>($($argument),*),
            1001..=30_000 => $function::<32_768, 131_072>($($argument),*),
            _ => $function::<1_048_576, 4_194_304>($($argument),*),
        }
    };
}

/// Fails unless a field has the shape that is locked, or one that differs in new optional parts alone.
#[track_caller]
pub const fn assert_locked(of: &LockedAs, entry: usize, fields: &[StoredField], at: usize) {
    assert_stored(of.event, fields, at);
    let (locked, field) = (&of.fields[entry], &fields[at]);
    if !field.is(locked) {
        sized!(text_len(field.described.shape) + locked.shape.len(), changed(of, locked, field));
    }
}

/// Fails if JSON would not give a field back, or nothing is known of it.
#[track_caller]
pub const fn assert_stored(event: &str, fields: &[StoredField], at: usize) {
    let field = &fields[at];
    if let Some(fault) = field.described.fault {
        let mut buffer = [0; 1024];
        let mut text = Out::into_buffer(&mut buffer);
        push(&mut text, &["field `", field.name, "` of event `", event, "`: ", fault]);
        panic!("{}", text.as_str());
    }
}

/// Fails unless a field that is not locked may be absent.
#[track_caller]
pub const fn assert_addition(of: &LockedAs, fields: &[StoredField], at: usize) {
    assert_stored(of.event, fields, at);
    let field = &fields[at];
    if field.may_be_absent() {
        return;
    }
    let mut buffer = [0; 2048];
    let mut text = Out::into_buffer(&mut buffer);
    head(&mut text, of);
    if matches!(of.reader, Reader::Attributes) {
        push(&mut text, &["\n  ", field.name, ": events.lock has no such field there"]);
        push(&mut text, &["\nif it came later: #[event(added = .., default = ..)] on this field"]);
        push(&mut text, &["\nif it had another name: renamed(from = \"..\", in = ..)"]);
    } else {
        push(&mut text, &["\n  ", field.name, ": is a new required field, which old events lack"]);
        push(&mut text, &["\nto let it be absent: `Option<_>`, or #[serde(default)]"]);
        ways_out(&mut text, of, Some(field.name));
    }
    panic!("{}", text.as_str());
}

/// Fails if one locked field is gone and one new field is there: it was renamed, if the shapes are equal.
#[track_caller]
pub const fn assert_renamed(of: &LockedAs, entry: usize, fields: &[StoredField], at: usize) {
    assert_stored(of.event, fields, at);
    let (gone, field) = (&of.fields[entry], &fields[at]);
    let mut buffer = [0; 2048];
    let mut text = Out::into_buffer(&mut buffer);
    head(&mut text, of);
    if matches!(of.reader, Reader::Attributes) {
        push(&mut text, &["\n  ", gone.name, ": is locked there, and no attribute says what became of it"]);
        if !field.may_be_absent() {
            push(&mut text, &["\n  ", field.name, ": events.lock has no such field there"]);
        }
        push(
            &mut text,
            &["\nif one became the other: #[event(renamed(from = \"", gone.name, "\", in = ..))] on this field"],
        );
        push(
            &mut text,
            &["\nif not: removed(field = \"", gone.name, "\", in = ..) above the struct, and `added` here"],
        );
        panic!("{}", text.as_str());
    }
    if field.is(gone) {
        push(&mut text, &["\n  ", gone.name, ": is locked, but the field is now called `", field.name, "`"]);
        push(&mut text, &["\nto keep the stored name: #[serde(rename = \"", gone.name, "\")]"]);
    } else {
        push(&mut text, &["\n  ", gone.name, ": is locked, and the struct has no such field"]);
        if !field.may_be_absent() {
            push(&mut text, &["\n  ", field.name, ": is a new required field, which old events lack"]);
        }
    }
    ways_out(&mut text, of, None);
    panic!("{}", text.as_str());
}

/// Fails if an event is listed by a struct that is older than what is locked.
#[track_caller]
pub const fn assert_newest(listed: &EventDescriptor, locked: &[(&str, u32)]) {
    let mut i = 0;
    while i < locked.len() {
        let (name, newest) = locked[i];
        if same(name, listed.name) && newest > listed.version {
            let mut buffer = [0; 1024];
            let mut text = Out::into_buffer(&mut buffer);
            push(&mut text, &["event `", name, "` is locked up to version "]);
            text.number(newest as u64);
            push(&mut text, &[", but the struct listed here is version "]);
            text.number(listed.version as u64);
            push(&mut text, &[": list the newest struct"]);
            panic!("{}", text.as_str());
        }
        i += 1;
    }
}

/// Fails if an aggregate no longer reads an event that is locked as its own.
#[track_caller]
pub const fn assert_still_read(aggregate: &str, locked: &str, events: &[EventDescriptor], retired: &[&str]) {
    let mut i = 0;
    while i < events.len() {
        let event = &events[i];
        // An event without a name is one whose derive has reported an error.
        if event.name.is_empty()
            || same(event.name, locked)
            || contains(event.aliases, locked)
            || contains(event.split_sources, locked)
        {
            return;
        }
        i += 1;
    }
    if contains(retired, locked) {
        return;
    }
    let mut buffer = [0; 1024];
    let mut text = Out::into_buffer(&mut buffer);
    push(&mut text, &["event `", locked, "` is in events.lock, but aggregate `", aggregate, "` no longer reads it"]);
    push(&mut text, &["\nif it was renamed: alias = \"", locked, "\" on the event that it is now"]);
    push(&mut text, &["\nif it means nothing any more: retired(\"", locked, "\") on the aggregate"]);
    panic!("{}", text.as_str());
}

#[track_caller]
const fn changed<const SHAPE: usize, const TEXT: usize>(of: &LockedAs, locked: &LockedText, field: &StoredField) {
    let (mut now, mut found) = ([0; SHAPE], [0; TEXT]);
    let mut now = Out::into_buffer(&mut now);
    write(field.described.shape, &mut now);
    if !now.fits() {
        panic!(
            "a shape has more than a megabyte of text: split the type, or say its shape with #[event(schema = \"..\")]"
        );
    }
    let is_written = matches!(of.reader, Reader::Newest);
    let diff: Diff<'_> = if is_written {
        diff(locked.shape, now.as_str(), locked.name, &mut found)
    } else {
        reads(locked.shape, now.as_str(), locked.name, &mut found)
    };
    let may_be_absent = field.may_be_absent();
    let optional_changed = locked.optional != may_be_absent && (is_written || locked.optional) && !diff.is_change();
    if !diff.is_change() && !optional_changed {
        return;
    }
    let mut buffer = [0; TEXT];
    let mut text = Out::into_buffer(&mut buffer);
    head(&mut text, of);
    if diff.is_change() {
        push_indented(&mut text, diff.text());
    } else if locked.optional {
        push(&mut text, &["\n  ", locked.name, ": may be absent in old events, and is required now"]);
    } else {
        push(&mut text, &["\n  ", locked.name, ": was always there, and may be absent now"]);
    }
    ways_out(&mut text, of, None);
    panic!("{}", text.as_str());
}

const fn head(text: &mut Out<'_>, of: &LockedAs) {
    if matches!(of.reader, Reader::Attributes) {
        push(text, &["version "]);
        text.number(of.version as u64);
        push(text, &[" of event `", of.event, "`, as it is locked, cannot be read by this history of attributes:"]);
        return;
    }
    push(text, &["the shape of event `", of.event, "` version "]);
    text.number(of.version as u64);
    push(text, &[" is locked, and it changed:"]);
}

/// What may be done, with the field that has come if that is the whole change.
const fn ways_out(text: &mut Out<'_>, of: &LockedAs, added: Option<&str>) {
    match of.reader {
        Reader::Newest => {}
        Reader::Older => {
            push(text, &["\nversion "]);
            text.number(of.version as u64);
            push(text, &[" is history: give the struct back the shape in which it was stored"]);
            return;
        }
        Reader::Attributes => {
            push(
                text,
                &["\nif it was another type then: #[event(changed(in = .., from = .., with = ..))] on this field"],
            );
            return;
        }
    }
    push(text, &["\nif it may be stored already: set `version = "]);
    text.number(of.version as u64 + 1);
    push(text, &["` and say how version "]);
    text.number(of.version as u64);
    push(text, &[" becomes it"]);
    if added.is_some() {
        push(text, &[", such as #[event(added = "]);
        text.number(of.version as u64 + 1);
        push(text, &[", default = ..)] on this field"]);
    }
    push(text, &["\nif it was never stored: cargo eventsource lock --amend ", of.event]);
}

const fn push_indented(text: &mut Out<'_>, lines: &str) {
    let bytes = lines.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let mut end = start;
        while end < bytes.len() && bytes[end] != b'\n' {
            end += 1;
        }
        text.push("\n  ");
        if let Ok(line) = std::str::from_utf8(bytes.split_at(end).0.split_at(start).1) {
            text.push(line);
        }
        start = end + 1;
    }
}
