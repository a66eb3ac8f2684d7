//! Reads the text of a shape, in `const` as well: a place in it that moves on.

use crate::out::same;
use crate::render::is_name_byte;

/// A place in a text. After an error it stands at the end, so that every loop ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) at: usize,
    /// Where it went wrong, and what should have stood there.
    pub(crate) error: Option<(usize, &'static str)>,
}

/// From where to where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// `name: shape` of an object, `name` or `name: shape` of an enum, or `..shape` with an empty name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) name: Part,
    pub(crate) optional: bool,
    pub(crate) shape: Option<Part>,
}

/// What a shape begins with, and so what may be compared inside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Object,
    Strict,
    Enum,
    Array,
    Tuple,
    Map,
}

impl<'t> Cursor<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text: text.as_bytes(), at: 0, error: None }
    }

    pub(crate) const fn of(text: &'t [u8], part: Part) -> Self {
        Self { text: text.split_at(part.end).0, at: part.start, error: None }
    }

    const fn fail(&mut self, expected: &'static str) {
        if self.error.is_none() {
            self.error = Some((self.at, expected));
        }
        self.at = self.text.len();
    }

    const fn space(&mut self) {
        while self.at < self.text.len() && self.text[self.at] == b' ' {
            self.at += 1;
        }
    }

    /// The next byte behind spaces; 0 at the end.
    pub(crate) const fn peek(&mut self) -> u8 {
        self.space();
        if self.at < self.text.len() { self.text[self.at] } else { 0 }
    }

    pub(crate) const fn eat(&mut self, wanted: &str) -> bool {
        self.space();
        let wanted = wanted.as_bytes();
        if self.at + wanted.len() > self.text.len() {
            return false;
        }
        let mut i = 0;
        while i < wanted.len() {
            if self.text[self.at + i] != wanted[i] {
                return false;
            }
            i += 1;
        }
        self.at += wanted.len();
        true
    }

    /// A word that is not the beginning of a longer one.
    const fn eat_word(&mut self, wanted: &str) -> bool {
        let before = self.at;
        if self.eat(wanted) && (self.at == self.text.len() || !is_name_byte(self.text[self.at])) {
            return true;
        }
        self.at = before;
        false
    }

    const fn expect(&mut self, wanted: &'static str) {
        if !self.eat(wanted) {
            self.fail(wanted);
        }
    }

    /// A plain or quoted name.
    pub(crate) const fn name(&mut self) -> Part {
        self.space();
        let start = self.at;
        if self.peek() == b'"' {
            self.at += 1;
            while self.at < self.text.len() && self.text[self.at] != b'"' {
                self.at += if self.text[self.at] == b'\\' { 2 } else { 1 };
            }
            if self.at >= self.text.len() {
                self.fail("the quote that ends a name");
            } else {
                self.at += 1;
            }
        } else {
            while self.at < self.text.len() && is_name_byte(self.text[self.at]) {
                self.at += 1;
            }
            if self.at == start {
                self.fail("a name");
            }
        }
        Part { start, end: self.at }
    }

    /// What kind of shape comes next; moves behind its opening.
    pub(crate) const fn open(&mut self) -> Kind {
        if self.eat_word("strict") {
            self.expect("{");
            return Kind::Strict;
        }
        if self.eat_word("enum") {
            if self.eat("(") {
                if !self.eat_word("untagged") {
                    self.expect("tag");
                    self.name();
                    if self.eat(",") {
                        self.expect("content");
                        self.name();
                    }
                }
                self.expect(")");
            }
            self.expect("{");
            return Kind::Enum;
        }
        if self.eat("map<") {
            return Kind::Map;
        }
        match self.peek() {
            b'{' => self.opened(Kind::Object),
            b'[' => self.opened(Kind::Array),
            b'(' => self.opened(Kind::Tuple),
            b'^' => {
                self.at += 1;
                self.name();
                Kind::Word
            }
            byte if byte.is_ascii_lowercase() => {
                self.name();
                if self.at < self.text.len() && self.text[self.at] == b'(' {
                    self.at += 1;
                    self.name();
                    self.expect(")");
                }
                Kind::Word
            }
            _ => {
                self.fail("a shape");
                Kind::Word
            }
        }
    }

    const fn opened(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    /// The next member of an object or an enum whose variants are named; nothing behind the last.
    pub(crate) const fn member(&mut self) -> Option<Member> {
        self.eat(",");
        if self.eat("}") || self.error.is_some() {
            return None;
        }
        if self.eat("..") {
            let nameless = Part { start: self.at, end: self.at };
            return Some(Member { name: nameless, optional: false, shape: Some(self.shape()) });
        }
        let name = self.name();
        let optional = self.eat("?");
        let shape = if self.eat(":") { Some(self.shape()) } else { None };
        if self.peek() != b',' && self.peek() != b'}' {
            self.fail("`,` or `}`");
            return None;
        }
        Some(Member { name, optional, shape })
    }

    /// The next shape of a list that ends in `end`.
    pub(crate) const fn element(&mut self, end: &'static str) -> Option<Part> {
        self.eat(",");
        if self.eat(end) || self.error.is_some() {
            return None;
        }
        Some(self.shape())
    }

    /// A whole shape, with its `?`.
    pub(crate) const fn shape(&mut self) -> Part {
        self.space();
        let start = self.at;
        let untagged = self.is_untagged();
        match self.open() {
            Kind::Word => {}
            Kind::Enum if untagged => while self.element("}").is_some() {},
            kind @ (Kind::Object | Kind::Strict | Kind::Enum) => {
                while let Some(member) = self.member() {
                    if member.shape.is_none() && !matches!(kind, Kind::Enum) {
                        self.fail("`:` and a shape");
                    }
                }
            }
            Kind::Array => {
                self.shape();
                if self.eat(";") {
                    self.name();
                }
                self.expect("]");
            }
            Kind::Tuple => while self.element(")").is_some() {},
            Kind::Map => while self.element(">").is_some() {},
        }
        if self.at < self.text.len() && self.text[self.at] == b'?' {
            self.at += 1;
        }
        Part { start, end: self.at }
    }

    pub(crate) const fn is_untagged(&self) -> bool {
        let mut ahead = *self;
        ahead.eat_word("enum") && ahead.eat("(") && ahead.eat_word("untagged")
    }

    /// The text of a part.
    pub(crate) const fn slice(&self, part: Part) -> &'t [u8] {
        self.text.split_at(part.end).0.split_at(part.start).1
    }

    /// The member of this name; the cursor stands behind the opening.
    pub(crate) const fn find(mut self, name: &[u8]) -> Option<Member> {
        while let Some(member) = self.member() {
            if same(self.slice(member.name), name) {
                return Some(member);
            }
        }
        None
    }
}
