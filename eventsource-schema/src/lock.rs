//! `events.lock` as values, and its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::cursor::{Cursor, Kind};
use crate::out::Out;
use crate::parse::unquoted;
use crate::render::{text, write_name};
use crate::shape::Shape;

/// Every version of every event that may be stored.
///
/// ```
/// use eventsource_schema::Lock;
///
/// let text = "\
/// format 1
///
/// event account.opened
///   read by account
///   version 1
///     note?: string?
///     owner: string
///
/// end
/// ";
/// let lock = Lock::parse(text).unwrap();
/// assert_eq!(lock.events["account.opened"].versions[&1].fields["owner"].shape, "string");
/// assert!(lock.to_string().ends_with(text));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// By stored name.
    pub events: BTreeMap<String, LockedEvent>,
}

/// One stored name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedEvent {
    /// The aggregates that read it, by category.
    pub readers: BTreeSet<String>,
    /// What each version looks like.
    pub versions: BTreeMap<u32, LockedVersion>,
}

/// One version of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockedVersion {
    /// Other fields are refused.
    pub strict: bool,
    /// By their names on the wire.
    pub fields: BTreeMap<String, LockedField>,
}

/// One field of a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LockedField {
    /// It may be absent.
    pub optional: bool,
    /// The text of its shape.
    pub shape: String,
}

impl Lock {
    /// The only format there is.
    pub const FORMAT: u32 = 1;

    pub(crate) const HEAD: &'static str = "# What is stored of each event, in each version. Written by `cargo eventsource lock`: commit it, edit nothing.\n";
}

impl LockedVersion {
    /// What a program stores, for a lock. Fails if nothing is known of a part, or if it is no object.
    pub fn of(shape: &Shape) -> Result<Self, String> {
        if let Some(name) = shape.unknown() {
            return Err(format!("the stored shape of `{name}` is unknown: derive `EventSchema` on it"));
        }
        let text = text(shape);
        let mut cursor = Cursor::new(&text);
        let kind = cursor.open();
        if !matches!(kind, Kind::Object | Kind::Strict) {
            return Err(format!("it is stored as `{text}`, which is no object"));
        }
        let mut version = Self { strict: kind == Kind::Strict, fields: BTreeMap::new() };
        while let Some(member) = cursor.member() {
            let Some(shape) = member.shape.filter(|_| member.name.start < member.name.end) else {
                return Err(format!("`{text}` has parts without names of their own: nest what is flattened"));
            };
            let field = LockedField { optional: member.optional, shape: text[shape.start..shape.end].to_owned() };
            version.fields.insert(unquoted(&text[member.name.start..member.name.end]), field);
        }
        Ok(version)
    }

    /// The version as the text of a shape.
    pub fn shape(&self) -> String {
        let fields: Vec<_> = self.fields.iter().map(|(name, field)| field_line(name, field)).collect();
        let strict = if self.strict { "strict " } else { "" };
        if fields.is_empty() { format!("{strict}{{}}") } else { format!("{strict}{{ {} }}", fields.join(", ")) }
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}format {}\n\n", Self::HEAD, Self::FORMAT)?;
        for (name, event) in &self.events {
            writeln!(f, "event {name}")?;
            for reader in &event.readers {
                writeln!(f, "  read by {reader}")?;
            }
            for (version, shape) in &event.versions {
                writeln!(f, "  version {version}{}", if shape.strict { " strict" } else { "" })?;
                write!(f, "{shape}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "end")
    }
}

/// One field a line, with four spaces before each.
impl fmt::Display for LockedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, field) in &self.fields {
            writeln!(f, "    {}", field_line(name, field))?;
        }
        Ok(())
    }
}

fn field_line(name: &str, field: &LockedField) -> String {
    let mut buffer = vec![0; 2 + 4 * name.len()];
    let mut out = Out::into_buffer(&mut buffer);
    write_name(name, &mut out);
    format!("{}{}: {}", out.as_str(), if field.optional { "?" } else { "" }, field.shape)
}
