//! Streams, and where an event stands: in its stream and in the store.

use std::fmt;
use std::sync::Arc;

use super::name::{self, NameError};

/// The name of a stream: a category and an id, stored as `category-id`.
///
/// The category has no `-`, so the first one separates and the text is unambiguous. The id is any
/// UTF-8 text without control characters; the whole has at most 255 bytes.
///
/// ```
/// use eventsource::StreamId;
///
/// let stream = StreamId::new("account", "alice-smith")?;
/// assert_eq!(stream.as_str(), "account-alice-smith");
/// assert_eq!((stream.category(), stream.id()), ("account", "alice-smith"));
/// assert!(StreamId::new("Account", "alice").is_err());
/// # Ok::<(), eventsource::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId {
    text: Arc<str>,
    dash: u8,
}

impl StreamId {
    /// Joins a category and an id, or names the rule that one of them breaks.
    pub fn new(category: &str, id: &str) -> Result<Self, NameError> {
        Self::check(category, id)?;
        Ok(Self { text: format!("{category}-{id}").into(), dash: category.len() as u8 })
    }

    /// Reads a stored name, splitting it at its first `-`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let Some((category, id)) = text.split_once('-') else {
            return Err(NameError::new("stream", text, "has no `-` between category and id"));
        };
        Self::check(category, id)?;
        Ok(Self { text: text.into(), dash: category.len() as u8 })
    }

    fn check(category: &str, id: &str) -> Result<(), NameError> {
        name::check_category(category)?;
        if id.is_empty() {
            return Err(NameError::new("stream id", id, "is empty"));
        }
        if id.chars().any(char::is_control) {
            return Err(NameError::new("stream id", id, "has a control character"));
        }
        if category.len() + 1 + id.len() > name::MAX_STREAM {
            return Err(NameError::new("stream id", id, "makes the stream's name longer than 255 bytes"));
        }
        Ok(())
    }

    /// The whole name, as stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole name, shared instead of copied.
    pub fn to_shared(&self) -> Arc<str> {
        self.text.clone()
    }

    /// What stands before the first `-`.
    pub fn category(&self) -> &str {
        &self.text[..usize::from(self.dash)]
    }

    /// What stands behind the first `-`.
    pub fn id(&self) -> &str {
        &self.text[usize::from(self.dash) + 1..]
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({:?})", self.as_str())
    }
}

/// How many events a stream has; an event's version is its place in the stream, from 1. 0 is no stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

impl Version {
    /// The version of the event that comes after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Place in the global order of a store, from 1; positions increase and may have gaps. 0 is before every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a writer demands of a stream at the moment of its append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Nothing: append behind whatever is there.
    Any,
    /// The stream has no event yet.
    NoStream,
    /// The stream has at least one event.
    StreamExists,
    /// The stream is at exactly this version. `Exact(Version(0))` is the same as `NoStream`.
    Exact(Version),
}

impl ExpectedVersion {
    /// Whether a stream at version `actual` meets the demand.
    pub fn accepts(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version(0),
            Self::StreamExists => actual > Version(0),
            Self::Exact(expected) => actual == expected,
        }
    }

    /// The version behind which the events would stand, where the demand names one place.
    pub fn place(self) -> Option<Version> {
        match self {
            Self::NoStream => Some(Version(0)),
            Self::Exact(expected) => Some(expected),
            Self::Any | Self::StreamExists => None,
        }
    }
}

impl From<Version> for ExpectedVersion {
    fn from(version: Version) -> Self {
        Self::Exact(version)
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::StreamExists => f.write_str("an existing stream"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}

/// Somebody else wrote first: the stream is not where the writer expected it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("conflict on stream {stream}: expected {expected}, but it is at version {actual}")]
#[non_exhaustive]
pub struct Conflict {
    /// The stream that moved.
    pub stream: StreamId,
    /// What the writer demanded.
    pub expected: ExpectedVersion,
    /// Where the stream stands.
    pub actual: Version,
}

impl Conflict {
    /// A conflict, as a store answers it.
    pub fn new(stream: StreamId, expected: ExpectedVersion, actual: Version) -> Self {
        Self { stream, expected, actual }
    }
}
