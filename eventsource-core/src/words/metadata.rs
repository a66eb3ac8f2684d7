//! What is known about an event besides its facts.

use serde_json::{Map, Value};
use uuid::Uuid;

/// What is known about an event besides its facts: who, because of what, and anything else.
///
/// ```
/// use eventsource::Metadata;
///
/// let metadata = Metadata::default().with_actor("teller-7").with("channel", "branch");
/// assert_eq!(metadata.actor(), Some("teller-7"));
/// assert_eq!(metadata.get("channel"), Some(&"branch".into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metadata {
    /// The conversation to which the event belongs, the same for all that follows from one request.
    pub correlation_id: Option<Uuid>,
    /// The id of the event (or the message) that caused this one.
    pub causation_id: Option<Uuid>,
    /// Free JSON; the key `actor` is who did it. Keys with `$` belong to the framework.
    entries: Map<String, Value>,
}

const ACTOR: &str = "actor";

impl Metadata {
    /// Sets the conversation to which the event belongs.
    pub fn with_correlation_id(mut self, id: Uuid) -> Self {
        self.correlation_id = Some(id);
        self
    }

    /// Sets the event or message that caused this one.
    pub fn with_causation_id(mut self, id: Uuid) -> Self {
        self.causation_id = Some(id);
        self
    }

    /// Sets who did it.
    pub fn with_actor(self, actor: impl Into<String>) -> Self {
        self.with(ACTOR, actor.into())
    }

    /// Sets an entry. A key that begins with `$` is refused when the event is appended.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.entries.insert(key.into(), value.into());
        self
    }

    /// Who did it.
    pub fn actor(&self) -> Option<&str> {
        self.entries.get(ACTOR).and_then(Value::as_str)
    }

    /// An entry.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// All entries, `actor` among them.
    pub fn entries(&self) -> &Map<String, Value> {
        &self.entries
    }

    pub(crate) fn from_parts(
        entries: Map<String, Value>,
        correlation_id: Option<Uuid>,
        causation_id: Option<Uuid>,
    ) -> Self {
        Self { correlation_id, causation_id, entries }
    }
}
