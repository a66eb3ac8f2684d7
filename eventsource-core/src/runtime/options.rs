//! What may be said about a command besides the decision.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::contract::append::Condition;
use crate::words::event::Recorded;
use crate::words::metadata::Metadata;
use crate::words::stream::ExpectedVersion;

/// What may be said about a command besides the decision; all of it optional.
///
/// ```
/// use eventsource::{ExecuteOptions, Version};
///
/// let options = ExecuteOptions::new()
///     .command_key("transfer-4711")  // done at most once, whoever repeats it
///     .expected(Version(3))          // refused with a conflict if the stream has moved
///     .actor("teller-7");
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct ExecuteOptions {
    pub(crate) metadata: Metadata,
    pub(crate) command_key: Option<String>,
    pub(crate) expected: ExpectedVersion,
    pub(crate) occurred_at: Option<DateTime<Utc>>,
    pub(crate) condition: Option<Condition>,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            metadata: Metadata::default(),
            command_key: None,
            expected: ExpectedVersion::Any,
            occurred_at: None,
            condition: None,
        }
    }
}

impl ExecuteOptions {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// A key under which the command is done at most once in its stream, from any process and at any later version.
    ///
    /// A repetition stores nothing and returns the first result. Refusals and decisions without events
    /// store nothing, so they are decided again. 1 to 255 bytes, no control characters, not beginning with `$`.
    pub fn command_key(mut self, key: impl Into<String>) -> Self {
        self.command_key = Some(key.into());
        self
    }

    /// Another stream must not have moved; otherwise the answer is an error that [`is_fenced`](crate::StoreError::is_fenced).
    pub(crate) fn on_condition(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// What the stream must be at; otherwise the answer is a conflict, without another attempt.
    pub fn expected(mut self, expected: impl Into<ExpectedVersion>) -> Self {
        self.expected = expected.into();
        self
    }

    /// When it happened, in the domain's time; when it is recorded, if not said. Stores keep microseconds.
    pub fn occurred_at(mut self, time: DateTime<Utc>) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// All metadata at once.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Who does it.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.metadata = self.metadata.with_actor(actor);
        self
    }

    /// An entry of the metadata.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata = self.metadata.with(key, value);
        self
    }

    /// The conversation to which it belongs.
    pub fn correlation_id(mut self, id: Uuid) -> Self {
        self.metadata.correlation_id = Some(id);
        self
    }

    /// The event that is the reason: it becomes the cause, and its conversation goes on.
    pub fn caused_by<E>(mut self, event: &Recorded<E>) -> Self {
        self.metadata.causation_id = Some(event.id);
        self.metadata.correlation_id = event.metadata.correlation_id.or(Some(event.id));
        self
    }
}
