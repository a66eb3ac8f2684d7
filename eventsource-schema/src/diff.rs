//! What changed between two shapes, with the path to each change.

use crate::cursor::{Cursor, Kind, Member, Part};
use crate::out::{Out, same};

/// The changes between two texts of a shape.
///
/// A new field that may be absent is an *addition*: old JSON still reads, so it needs no new version.
/// Everything else is a *change*.
///
/// A reader of old JSON, [`reads`], is asked for less: it may accept more than was stored.
#[derive(Debug)]
pub struct Diff<'a> {
    out: Out<'a>,
    /// `new` only reads what was stored as `old`.
    reads: bool,
    path: [u8; PATH],
    path_len: usize,
    changes: usize,
    additions: usize,
}

/// A path longer than this is cut; the changes are counted all the same.
const PATH: usize = 256;

/// How many bytes of a shape a message quotes.
const QUOTE: usize = 100;

/// The changes from `old` to `new`, written one a line, each behind its path.
///
/// ```
/// let (old, new) = ("{ currency: enum { EUR, USD }, minor: i64 }", "{ currency: enum { EUR, Usd }, minor: i64 }");
/// let mut buffer = [0; 1024];
/// let diff = eventsource_schema::diff(old, new, "amount", &mut buffer);
/// assert_eq!(
///     diff.text(),
///     "amount.currency::USD: variant was removed or renamed\namount.currency::Usd: variant was added"
/// );
/// assert!(diff.is_change());
/// ```
pub const fn diff<'a>(old: &str, new: &str, path: &str, buffer: &'a mut [u8]) -> Diff<'a> {
    compare(old, new, path, buffer, false)
}

/// What `new` cannot read of what was stored as `old`, written as by [`diff`].
///
/// ```
/// use eventsource_schema::reads;
///
/// let mut buffer = [0; 1024];
/// let (old, new) = ("{ cents: i32, kind: enum { A, B } }", "{ cents: i64, kind: enum { A, B, C }, note?: string? }");
/// assert!(!reads(old, new, "", &mut buffer).is_change());
/// assert_eq!(reads(new, old, "", &mut buffer).text(), "\
/// cents: locked as `i64`, now `i32`
/// kind::C: variant was removed or renamed
/// note: field was removed or renamed");
/// ```
pub const fn reads<'a>(old: &str, new: &str, path: &str, buffer: &'a mut [u8]) -> Diff<'a> {
    compare(old, new, path, buffer, true)
}

const fn compare<'a>(old: &str, new: &str, path: &str, buffer: &'a mut [u8], reads: bool) -> Diff<'a> {
    let out = Out::into_buffer(buffer);
    let mut diff = Diff { out, reads, path: [0; PATH], path_len: 0, changes: 0, additions: 0 };
    diff.descend("", path.as_bytes());
    let (mut was, mut is) = (Cursor::new(old), Cursor::new(new));
    let (old, new) = (was.shape(), is.shape());
    diff.shapes(&was, old, &is, new);
    diff
}

impl Diff<'_> {
    /// Whether old JSON may not read any more, or not mean the same.
    pub const fn is_change(&self) -> bool {
        self.changes > 0
    }

    /// Whether there are new fields that may be absent.
    pub const fn is_addition(&self) -> bool {
        self.additions > 0
    }

    /// The changes, one a line. Additions are listed only if there is nothing else.
    pub const fn text(&self) -> &str {
        self.out.as_str()
    }

    const fn shapes(&mut self, was: &Cursor<'_>, old: Part, is: &Cursor<'_>, new: Part) {
        let (old_text, new_text) = (was.slice(old), is.slice(new));
        if same(old_text, new_text) {
            return;
        }
        if self.reads && widens(without_question(old_text), without_question(new_text)) {
            if ends_in_question(old_text) && !ends_in_question(new_text) {
                self.leaf(old_text, new_text);
            }
            return;
        }
        let (old_null, new_null) = (ends_in_question(old_text), ends_in_question(new_text));
        let null_differs = old_null != new_null && !(self.reads && new_null);
        let (mut a, mut b) = (Cursor::of(was.text, old), Cursor::of(is.text, new));
        let untagged = a.is_untagged() || b.is_untagged();
        let tagging = (a, b);
        let (kind, new_kind) = (a.open(), b.open());
        let alike = match (kind, new_kind) {
            (Kind::Object | Kind::Strict, Kind::Object | Kind::Strict) => true,
            (Kind::Enum, Kind::Enum) => same(
                tagging.0.text.split_at(a.at).0.split_at(tagging.0.at).1,
                tagging.1.text.split_at(b.at).0.split_at(tagging.1.at).1,
            ),
            (Kind::Array, Kind::Array) | (Kind::Tuple, Kind::Tuple) | (Kind::Map, Kind::Map) => true,
            _ => false,
        };
        if untagged || !alike || null_differs {
            self.leaf(old_text, new_text);
            return;
        }
        match kind {
            Kind::Object | Kind::Strict => {
                let (was_strict, is_strict) = (matches!(kind, Kind::Strict), matches!(new_kind, Kind::Strict));
                if was_strict != is_strict && !(self.reads && was_strict) {
                    let now = if is_strict { "refuses" } else { "accepts" };
                    self.change();
                    self.out.push("now ");
                    self.out.push(now);
                    self.out.push(" unknown fields");
                }
                self.members(a, b, ".", is_strict);
            }
            Kind::Enum => self.members(a, b, "::", false),
            Kind::Array => {
                let (old, new) = (a.shape(), b.shape());
                if same(a.text.split_at(a.at).1, b.text.split_at(b.at).1) {
                    let len = self.descend("", b"[]");
                    self.shapes(&a, old, &b, new);
                    self.ascend(len);
                } else {
                    self.leaf(old_text, new_text);
                }
            }
            Kind::Tuple | Kind::Map => self.elements(a, b, kind, old_text, new_text),
            Kind::Word => {}
        }
    }

    /// The fields of an object, or the variants of an enum.
    const fn members(&mut self, a: Cursor<'_>, b: Cursor<'_>, separator: &str, strict: bool) {
        let is_field = separator.len() == 1;
        let mut each = a;
        while let Some(old) = each.member() {
            let name = each.slice(old.name);
            let len = self.descend(separator, if name.is_empty() { b".." } else { name });
            match b.find(name) {
                Some(new) => self.member(&each, old, &b, new),
                None if is_field => self.say("field was removed or renamed"),
                None => self.say("variant was removed or renamed"),
            }
            self.ascend(len);
        }
        let mut each = b;
        while let Some(new) = each.member() {
            let name = each.slice(new.name);
            if a.find(name).is_none() {
                let len = self.descend(separator, if name.is_empty() { b".." } else { name });
                if is_field && new.optional && (!strict || self.reads) {
                    self.addition();
                } else if is_field && new.optional {
                    self.say("is a new field, which older programs refuse");
                } else if is_field {
                    self.say("is a new required field, which old events lack");
                } else if !self.reads {
                    self.say("variant was added");
                }
                self.ascend(len);
            }
        }
    }

    const fn member(&mut self, was: &Cursor<'_>, old: Member, is: &Cursor<'_>, new: Member) {
        let before = self.changes;
        match (old.shape, new.shape) {
            (Some(old), Some(new)) => self.shapes(was, old, is, new),
            (None, None) => {}
            (Some(_), None) => self.say("held a value, and holds none now"),
            (None, Some(_)) => self.say("held no value, and holds one now"),
        }
        // `T` to `Option<T>` changes both the shape and whether it may be absent: that is one change.
        if old.optional != new.optional && self.changes == before && !(self.reads && new.optional) {
            self.say(if new.optional {
                "was always there, and may be absent now"
            } else {
                "may be absent in old events, and is required now"
            });
        }
    }

    const fn elements(&mut self, a: Cursor<'_>, b: Cursor<'_>, kind: Kind, old_text: &[u8], new_text: &[u8]) {
        let end = if matches!(kind, Kind::Map) { ">" } else { ")" };
        if count(a, end) != count(b, end) {
            self.leaf(old_text, new_text);
            return;
        }
        let (mut a, mut b) = (a, b);
        let mut place = 0;
        while let (Some(old), Some(new)) = (a.element(end), b.element(end)) {
            let digit = [b'0' + (place % 10) as u8];
            let digits = [b'0' + (place / 10 % 10) as u8, digit[0]];
            let len = match (kind, place) {
                (Kind::Map, 0) => self.descend("", b"[key]"),
                (Kind::Map, _) => self.descend("", b"[]"),
                (_, 0..=9) => self.descend(".", &digit),
                _ => self.descend(".", &digits),
            };
            self.shapes(&a, old, &b, new);
            self.ascend(len);
            place += 1;
        }
    }

    const fn leaf(&mut self, old: &[u8], new: &[u8]) {
        self.change();
        self.out.push("locked as `");
        self.quote(old);
        self.out.push("`, now `");
        self.quote(new);
        self.out.push("`");
    }

    const fn quote(&mut self, text: &[u8]) {
        if text.len() <= QUOTE {
            self.out.bytes(text);
            return;
        }
        let mut end = QUOTE;
        // Not within a character.
        while end > 0 && text[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        self.out.bytes(text.split_at(end).0);
        self.out.push(" …");
    }

    const fn say(&mut self, what: &str) {
        self.change();
        self.out.push(what);
    }

    /// Begins the line of a change.
    const fn change(&mut self) {
        if self.changes == 0 {
            // Additions are no news beside a change.
            self.out.truncate(0);
        }
        self.line();
        self.changes += 1;
    }

    const fn addition(&mut self) {
        self.additions += 1;
        if self.changes == 0 {
            self.line();
            self.out.push("is a new field that may be absent");
        }
    }

    const fn line(&mut self) {
        if !self.out.is_empty() {
            self.out.byte(b'\n');
        }
        let mut i = 0;
        while i < self.path_len {
            self.out.byte(self.path[i]);
            i += 1;
        }
        if self.path_len > 0 {
            self.out.push(": ");
        }
    }

    /// Goes one step down the path, and tells how long it was.
    const fn descend(&mut self, separator: &str, name: &[u8]) -> usize {
        let len = self.path_len;
        if len > 0 {
            self.step(separator.as_bytes());
        }
        self.step(name);
        len
    }

    const fn step(&mut self, text: &[u8]) {
        let mut i = 0;
        while i < text.len() && self.path_len < PATH {
            self.path[self.path_len] = text[i];
            self.path_len += 1;
            i += 1;
        }
    }

    const fn ascend(&mut self, len: usize) {
        self.path_len = len;
    }
}

const fn count(mut cursor: Cursor<'_>, end: &'static str) -> usize {
    let mut count = 0;
    while cursor.element(end).is_some() {
        count += 1;
    }
    count
}

/// Whether every value of one word is a value of another.
const fn widens(old: &[u8], new: &[u8]) -> bool {
    if same(old, new) || same(new, b"json") || (same(old, b"f32") && same(new, b"f64")) {
        return true;
    }
    if same(new, b"string") && (same(old, b"char") || (old.len() > 7 && same(old.split_at(7).0, b"string("))) {
        return true;
    }
    let (Some((old_signed, old_bits)), Some((new_signed, new_bits))) = (integer(old), integer(new)) else {
        return false;
    };
    if old_signed == new_signed { old_bits <= new_bits } else { new_signed && old_bits < new_bits }
}

/// Whether an integer has a sign, and its bits.
const fn integer(word: &[u8]) -> Option<(bool, u32)> {
    if word.len() < 2 || (word[0] != b'i' && word[0] != b'u') {
        return None;
    }
    let bits = match word.split_at(1).1 {
        b"8" => 8,
        b"16" => 16,
        b"32" => 32,
        b"64" => 64,
        b"128" => 128,
        _ => return None,
    };
    Some((word[0] == b'i', bits))
}

const fn without_question(text: &[u8]) -> &[u8] {
    match text.split_last() {
        Some((b'?', text)) => text,
        _ => text,
    }
}

const fn ends_in_question(text: &[u8]) -> bool {
    matches!(text.last(), Some(b'?'))
}
