//! What can go wrong with a store, as one opaque type with questions to ask.

use std::fmt;
use std::sync::Arc;

use super::decode_error::DecodeError;
use super::name::NameError;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What broke between a caller and its events; never the domain's "no".
///
/// The kind is private so that a store may change its driver; ask with the `is_…` methods. Clones share what is
/// beneath: one failure may concern many who waited for the same.
#[derive(Clone)]
pub struct StoreError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Transient,
    Decode,
    Encode,
    Invalid,
    TooLarge,
    Corrupt,
    Incompatible,
    Overloaded,
    Closed,
    Rewound,
    Fenced,
    Failed,
}

impl StoreError {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    /// Attaches the error beneath; it must not carry credentials.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    /// It may work when tried again: a lock, a lost connection, a time-out.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(Kind::Transient, message)
    }

    /// A value that cannot be stored so that it comes back as it was.
    pub fn encode(message: impl Into<String>) -> Self {
        Self::new(Kind::Encode, message)
    }

    /// The request breaks a rule, such as that of a name.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// The request is over a limit of the store.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, message)
    }

    /// What the store holds is damaged.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, message)
    }

    /// The store was made by, or for, something else: a foreign file, a newer format.
    pub fn incompatible(message: impl Into<String>) -> Self {
        Self::new(Kind::Incompatible, message)
    }

    /// More is asked for than there is room for: it was not tried.
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::new(Kind::Overloaded, message)
    }

    /// The store was closed.
    pub fn closed() -> Self {
        Self::new(Kind::Closed, "the store is closed")
    }

    /// The store is not the one, or not at the point, that a cursor remembers.
    pub fn rewound(message: impl Into<String>) -> Self {
        Self::new(Kind::Rewound, message)
    }

    /// A newer owner has taken over; what this one wanted to write was refused.
    pub fn fenced(message: impl Into<String>) -> Self {
        Self::new(Kind::Fenced, message)
    }

    /// It failed, and trying again will not help.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// It may work when tried again; nothing is known of whether it was stored, and a retry with the same event ids is safe.
    pub fn is_transient(&self) -> bool {
        self.0.kind == Kind::Transient
    }

    /// A stored event cannot be read by this program; see [`StoreError::decode_error`].
    pub fn is_decode(&self) -> bool {
        self.0.kind == Kind::Decode
    }

    /// A value cannot be stored so that it comes back as it was, such as NaN.
    pub fn is_encode(&self) -> bool {
        self.0.kind == Kind::Encode
    }

    /// The request breaks a rule, such as that of a name.
    pub fn is_invalid(&self) -> bool {
        self.0.kind == Kind::Invalid
    }

    /// The request is over a limit of the store, such as 1 MiB for a payload.
    pub fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge
    }

    /// What the store holds is damaged.
    pub fn is_corrupt(&self) -> bool {
        self.0.kind == Kind::Corrupt
    }

    /// The store was made by, or for, something else: a foreign file, a newer format.
    pub fn is_incompatible(&self) -> bool {
        self.0.kind == Kind::Incompatible
    }

    /// More was asked for than there is room for, so it was not tried: ask for less at a time, or later.
    pub fn is_overloaded(&self) -> bool {
        self.0.kind == Kind::Overloaded
    }

    /// The store was closed.
    pub fn is_closed(&self) -> bool {
        self.0.kind == Kind::Closed
    }

    /// The store is not the one, or not at the point, that a cursor remembers: it was restored or exchanged.
    pub fn is_rewound(&self) -> bool {
        self.0.kind == Kind::Rewound
    }

    /// It failed, and trying again will not help.
    pub(crate) fn is_failed(&self) -> bool {
        self.0.kind == Kind::Failed
    }

    /// A newer owner of the checkpoint has taken over.
    pub fn is_fenced(&self) -> bool {
        self.0.kind == Kind::Fenced
    }

    /// The event that could not be read, where that is the reason.
    pub fn decode_error(&self) -> Option<&DecodeError> {
        self.0.source.as_deref().and_then(|source| source.downcast_ref())
    }

    /// The name that breaks a rule, where that is the reason: an id, a command key. It is the caller's, and may be shown to
    /// whoever has sent it.
    ///
    /// ```
    /// use eventsource::{StoreError, StreamId};
    ///
    /// let error = StoreError::from(StreamId::new("account", "").unwrap_err());
    /// assert_eq!(error.name_error().unwrap().to_string(), "stream id \"\" is empty");
    /// ```
    pub fn name_error(&self) -> Option<&NameError> {
        self.0.source.as_deref().filter(|_| self.is_invalid()).and_then(|source| source.downcast_ref())
    }

    /// Whether the message is the text of the error beneath.
    fn is_its_source(&self) -> bool {
        self.is_decode() || self.name_error().is_some()
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) if !self.is_its_source() => write!(f, ": {source}"),
            _ => Ok(()),
        }
    }
}

// The text holds that of the error beneath, so the chain goes on behind it: nothing is printed twice.
impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().and_then(|source| source.source())
    }
}

impl From<NameError> for StoreError {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string()).with_source(error)
    }
}

impl From<DecodeError> for StoreError {
    fn from(error: DecodeError) -> Self {
        Self::new(Kind::Decode, error.to_string()).with_source(error)
    }
}
