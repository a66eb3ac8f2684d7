//! The text of `events.lock` to values. Strict: what it does not know is an error, because a line that is passed over
//! guards nothing.

use std::collections::btree_map::Entry;
use std::fmt;

use crate::cursor::{Cursor, Kind};
use crate::lock::{Lock, LockedField, LockedVersion};

/// What is wrong with a line of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

impl std::error::Error for LockError {}

impl Lock {
    /// Reads a lock, or tells of every line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Vec<LockError>> {
        let mut parser = Parser::default();
        for (at, line) in text.lines().enumerate() {
            parser.at = at + 1;
            if CONFLICT_MARKERS.iter().any(|marker| line.starts_with(marker)) {
                // The lines between the markers would be reported as duplicates and more.
                let message = "unresolved merge conflict: keep the versions of both sides, and if both have added \
                    the same version in two shapes, raise one of them";
                return Err(vec![LockError { line: at + 1, message: message.to_owned() }]);
            }
            parser.line(line);
        }
        parser.at += 1;
        if !parser.format {
            parser.fail("this is no lock: it has no line `format 1`");
        } else if !parser.ended {
            parser.fail("the file is cut off: its last line must be `end`");
        }
        if parser.errors.is_empty() { Ok(parser.lock) } else { Err(parser.errors) }
    }
}

const CONFLICT_MARKERS: [&str; 4] = ["<<<<<<<", "=======", ">>>>>>>", "|||||||"];

#[derive(Default)]
struct Parser {
    lock: Lock,
    errors: Vec<LockError>,
    at: usize,
    format: bool,
    ended: bool,
    event: Option<String>,
    version: Option<u32>,
    /// The line above is wrong, so that those below it belong to nothing.
    lost: bool,
}

impl Parser {
    fn fail(&mut self, message: impl Into<String>) {
        self.errors.push(LockError { line: self.at, message: message.into() });
    }

    fn line(&mut self, line: &str) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            return;
        }
        if self.ended {
            return self.fail("nothing may stand behind `end`");
        }
        let text = line.trim_start_matches(' ');
        match line.len() - text.len() {
            0 => self.top(text),
            2 => self.of_event(text),
            4 => self.field(text),
            _ => self.fail("a line is indented by 0, 2 or 4 spaces"),
        }
    }

    fn top(&mut self, text: &str) {
        (self.event, self.version, self.lost) = (None, None, false);
        if let Some(format) = text.strip_prefix("format ") {
            match format.parse() {
                _ if self.format => self.fail("the format is given twice"),
                Ok(Lock::FORMAT) => {}
                Ok(other) => self.fail(format!(
                    "this lock has format {other}, and this build of eventsource knows format {} only: update it",
                    Lock::FORMAT
                )),
                Err(_) => self.fail(format!("`{format}` is no format")),
            }
            self.format = true;
            return;
        }
        if !self.format {
            self.fail("the first line of a lock is `format 1`");
            self.format = true;
        }
        if text == "end" {
            self.ended = true;
        } else if let Some(name) = text.strip_prefix("event ") {
            if name.is_empty() || name.contains(char::is_whitespace) {
                self.fail(format!("`{name}` is no name of an event"));
                self.lost = true;
            } else if self.lock.events.contains_key(name) {
                self.fail(format!("event `{name}` stands here a second time: join both"));
                self.lost = true;
            } else {
                self.lock.events.entry(name.to_owned()).or_default();
                self.event = Some(name.to_owned());
            }
        } else {
            self.fail(format!("expected `event NAME` or `end`, found `{text}`"));
            self.lost = true;
        }
    }

    fn of_event(&mut self, text: &str) {
        self.version = None;
        let Some(name) = self.event.clone() else {
            return self.orphan("an event");
        };
        let event = self.lock.events.entry(name.clone()).or_default();
        self.lost = false;
        if let Some(reader) = text.strip_prefix("read by ") {
            if !event.readers.insert(reader.to_owned()) {
                self.fail(format!("`{reader}` stands here a second time"));
            }
            return;
        }
        let number = text.strip_prefix("version ").map(|rest| (rest.strip_suffix(" strict").unwrap_or(rest), rest));
        match number.map(|(number, rest)| (number.parse::<u32>(), number.len() < rest.len())) {
            Some((Ok(version), strict)) if version > 0 => {
                if let Entry::Vacant(entry) = event.versions.entry(version) {
                    entry.insert(LockedVersion { strict, ..LockedVersion::default() });
                    self.version = Some(version);
                } else {
                    self.fail(format!(
                        "version {version} of `{name}` stands here a second time: if both sides of a merge have added it, \
                         raise one of them"
                    ));
                    self.lost = true;
                }
            }
            _ => {
                self.fail(format!("expected `version NUMBER` or `read by AGGREGATE`, found `{text}`"));
                self.lost = true;
            }
        }
    }

    fn field(&mut self, text: &str) {
        let place = self.event.clone().zip(self.version);
        let Some((event, version)) = place else {
            return self.orphan("a version");
        };
        match field(text) {
            Err(message) => self.fail(message),
            Ok((name, field)) => {
                let fields = self.lock.events.get_mut(&event).and_then(|event| event.versions.get_mut(&version));
                if fields.is_some_and(|version| version.fields.insert(name.clone(), field).is_some()) {
                    self.fail(format!("field `{name}` stands here a second time"));
                }
            }
        }
    }

    fn orphan(&mut self, of: &str) {
        if !self.lost {
            self.fail(format!("this line stands below no line of {of}"));
            self.lost = true;
        }
    }
}

fn field(text: &str) -> Result<(String, LockedField), String> {
    let mut cursor = Cursor::new(text);
    let name = cursor.name();
    let optional = cursor.eat("?");
    if cursor.error.is_some() || !cursor.eat(":") {
        return Err(format!("expected `name: shape`, found `{text}`"));
    }
    let shape = text[cursor.at..].trim();
    check_shape(shape)?;
    Ok((unquoted(&text[name.start..name.end]), LockedField { optional, shape: shape.to_owned() }))
}

/// Says what is wrong with the text of a shape.
///
/// ```
/// use eventsource_schema::check_shape;
///
/// assert!(check_shape("map<string, { cents: i64, note?: string? }>").is_ok());
/// assert_eq!(check_shape("[strng]").unwrap_err(), "`strng` is no shape: write one of bool, i8, i16, i32, i64, i128, \
///     isize, u8, u16, u32, u64, u128, usize, f32, f64, string, char, null, json");
/// ```
pub fn check_shape(text: &str) -> Result<(), String> {
    if text.contains(|c: char| c.is_control()) {
        return Err("a shape stands on one line".to_owned());
    }
    let mut cursor = Cursor::new(text);
    let whole = cursor.shape();
    if let Some((at, expected)) = cursor.error {
        let rest = text.get(at..).unwrap_or_default();
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("`{rest}`") };
        return Err(format!("expected {expected}, found {found}"));
    }
    if cursor.at < text.len() {
        return Err(format!("a shape ends before `{}`", &text[cursor.at..]));
    }
    check_words(&text[whole.start..whole.end])
}

/// Words, and names that stand twice, at every depth.
fn check_words(text: &str) -> Result<(), String> {
    let mut cursor = Cursor::new(text);
    let untagged = cursor.is_untagged();
    let kind = cursor.open();
    let mut inner = Vec::new();
    match kind {
        Kind::Word => return check_word(text.trim_end_matches('?')),
        Kind::Enum if untagged => {
            while let Some(part) = cursor.element("}") {
                inner.push(part);
            }
        }
        Kind::Object | Kind::Strict | Kind::Enum => {
            let mut names = Vec::new();
            while let Some(member) = cursor.member() {
                let name = &text[member.name.start..member.name.end];
                if !name.is_empty() && names.contains(&name) {
                    return Err(format!("`{name}` stands in one shape twice"));
                }
                names.push(name);
                inner.extend(member.shape);
            }
        }
        Kind::Array => inner.push(cursor.shape()),
        Kind::Tuple | Kind::Map => {
            let end = if kind == Kind::Map { ">" } else { ")" };
            while let Some(part) = cursor.element(end) {
                inner.push(part);
            }
            if kind == Kind::Map && inner.len() != 2 {
                return Err("a map has keys and values: map<string, i64>".to_owned());
            }
        }
    }
    inner.into_iter().try_for_each(|part| check_words(&text[part.start..part.end]))
}

const WORDS: [&str; 19] = [
    "bool", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize", "f32", "f64",
    "string", "char", "null", "json",
];

fn check_word(word: &str) -> Result<(), String> {
    let plain = word.split('(').next().unwrap_or_default();
    if word.starts_with('^') || WORDS.contains(&plain) {
        return Ok(());
    }
    Err(format!("`{word}` is no shape: write one of {}", WORDS.join(", ")))
}

pub(crate) fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else { return name.to_owned() };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match (char, char == '\\') {
            (_, true) => match chars.next() {
                Some('x') => {
                    let code: String = chars.by_ref().take(2).collect();
                    text.extend(u8::from_str_radix(&code, 16).ok().map(char::from));
                }
                other => text.extend(other),
            },
            (char, false) => text.push(char),
        }
    }
    text
}
