//! What a client is told when it does not get what it asked for.

use std::fmt;
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use eventsource_core::{Conflict, ExecuteError, StoreError};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::refusal::{self, Refusal};

/// What a client is told when it does not get what it asked for: `application/problem+json`, as of RFC 9457.
///
/// `?` makes one of each error of a command, a load or a view:
///
/// | error | status | what the body says |
/// |---|---|---|
/// | a refusal of the domain | 422 | its text as `detail`, and itself as `refusal` |
/// | a conflict | 409, or 412 after `If-Match` | `stream`, `expected` (left out where no version was named), `actual` |
/// | an id or a command key that breaks a rule | 400 | the rule |
/// | an event that is larger than a store takes | 413 | nothing else |
/// | a store that is out of reach, busy or closed | 503, `Retry-After` | nothing else |
/// | any other failure of a store | 500 | nothing else |
///
/// The text of a store's failure may tell what is nobody's business, so it goes to `tracing` and not to the client. The `type` is
/// `about:blank` unless [`of_type`](Self::of_type) says otherwise: the status is all there is to it.
///
/// ```
/// use axum::http::StatusCode;
/// use eventsource_axum::Problem;
///
/// let problem = Problem::new(StatusCode::NOT_FOUND).detail("there is no account alice").with("account", "alice");
/// assert_eq!(
///     problem.to_string(),
///     r#"{"account":"alice","detail":"there is no account alice","status":404,"title":"Not Found","type":"about:blank"}"#
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem that its status explains.
    pub fn new(status: StatusCode) -> Self {
        let title = status.canonical_reason().unwrap_or("Unknown");
        Self { status, members: Map::new(), retry_after: None }.of_type("about:blank", title)
    }

    /// What went wrong this time, for people.
    pub fn detail(self, text: impl Into<String>) -> Self {
        self.with("detail", text.into())
    }

    /// A kind of problem of your own: a URI that never changes, and what it means in words that never change.
    pub fn of_type(self, uri: &str, title: &str) -> Self {
        self.with("type", uri).with("title", title)
    }

    /// Another member of the body, for programs. A value that is no JSON, such as a map whose keys are no text, is left out; so is `status`.
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => drop(self.members.insert(member.to_owned(), value)),
            Err(error) => tracing::error!(member, %error, "a member of a problem cannot be written as JSON"),
        }
        self
    }

    /// When asking again is worth it, in whole seconds, rounded up.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// A member of the body, if it is there: `detail`, `refusal`, `actual`.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.members.get(member)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).detail(detail)
    }

    /// A conflict with its numbers.
    pub(crate) fn of_conflict(status: StatusCode, conflict: &Conflict) -> Self {
        let problem = Self::new(status).detail(conflict.to_string()).with("stream", conflict.stream.as_str());
        let problem = match conflict.expected.place() {
            Some(version) => problem.with("expected", version.0),
            None => problem,
        };
        problem.with("actual", conflict.actual.0)
    }
}

/// When to try again what has just failed, or was not there yet.
pub(crate) const SOON: Duration = Duration::from_secs(1);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let Some(name) = error.name_error() {
            return Self::bad_request(name.to_string());
        }
        if error.is_too_large() {
            tracing::warn!(%error, "a request was too large for the store");
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if error.is_transient() || error.is_closed() {
            tracing::warn!(%error, "the store cannot be used now");
            return Self::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(SOON);
        }
        tracing::error!(%error, "the store has failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Conflict> for Problem {
    fn from(conflict: Conflict) -> Self {
        Self::of_conflict(StatusCode::CONFLICT, &conflict)
    }
}

impl<R: Refusal> From<ExecuteError<R>> for Problem {
    fn from(error: ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal::problem(&refusal),
            ExecuteError::Conflict(conflict) => conflict.into(),
            ExecuteError::Store(error) => error.into(),
        }
    }
}

/// The body, as it is sent.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = self.members.clone();
        body.insert("status".to_owned(), self.status.as_u16().into());
        Value::Object(body).fmt(f)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(pause) = self.retry_after {
            let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
