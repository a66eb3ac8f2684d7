//! What came of a command, as an answer.

use std::ops::Deref;

use axum_core::response::{IntoResponse, Response};
use eventsource_core::{Aggregate, Executed, Version};
use http::StatusCode;
use http::header::{ETAG, HeaderValue, LOCATION};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::etag::ETag;
use crate::query::CAUSALITY_TOKEN;

/// What came of a command, as an answer: the version as `ETag`, and the token as `Causality-Token`. Dereferences to
/// [`Executed`], and that to the state.
///
/// The status is 201 if the command has made the aggregate, else 204; or 200 if it has a [body](Self::with_body). A command that
/// was done before (its key tells) gets the answer that it got then, with the version of then.
///
/// A `PUT` whose body is stored as it came is not what a command is: answer it only with tags of what `GET` gives for the same URL.
pub struct Done<A: Aggregate> {
    executed: Executed<A>,
    location: Option<HeaderValue>,
}

impl<A: Aggregate> Done<A> {
    /// The answer to a command that was executed in another way than by [`CommandHeaders`](crate::CommandHeaders).
    pub fn new(executed: Executed<A>) -> Self {
        Self { executed, location: None }
    }

    /// Whether the command has made the aggregate: its first event is the first of the stream.
    pub fn is_new(&self) -> bool {
        self.executed.events.first().is_some_and(|event| event.version == Version(1))
    }

    /// Where the aggregate is found, as the segments of a path: `["accounts", &id]` for `/accounts/alice`. It is told if
    /// the command has made the aggregate.
    ///
    /// Segments are percent-encoded, so that an id with a `/`, a space or an umlaut comes back as it was.
    pub fn location<'a>(mut self, path: impl IntoIterator<Item = &'a str>) -> Self {
        let path = path.into_iter().fold(String::new(), |path, segment| {
            path + "/" + &utf8_percent_encode(segment, NOT_IN_A_SEGMENT).to_string()
        });
        self.location = Some(HeaderValue::try_from(path).expect("what is percent-encoded is visible"));
        self
    }

    /// The answer with a body, such as `Json(…)` of what became of the state.
    ///
    /// ```
    /// use axum::{Json, response::Response};
    /// use eventsource_axum::Done;
    /// # use eventsource::{Aggregate, Apply, DomainEvent};
    /// # #[derive(DomainEvent, serde::Serialize, serde::Deserialize)]
    /// # #[event(name = "account.opened", version = 1)]
    /// # struct Opened {}
    /// # #[derive(Aggregate, Default, Clone)]
    /// # #[aggregate(name = "account", events(Opened))]
    /// # struct Account { cents: u64 }
    /// # impl Apply<Opened> for Account { fn apply(&mut self, _: &Opened) {} }
    ///
    /// fn answer(id: &str, done: Done<Account>) -> Response {
    ///     let cents = done.cents;
    ///     done.location(["accounts", id]).with_body(Json(cents))
    /// }
    /// # let _ = answer;
    /// ```
    pub fn with_body(self, body: impl IntoResponse) -> Response {
        let is_new = self.is_new();
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(ETAG, ETag(self.executed.version).into());
        let token = HeaderValue::try_from(self.executed.token.to_string()).expect("a token fits into a header");
        headers.insert(CAUSALITY_TOKEN, token);
        if is_new {
            headers.extend(self.location.map(|uri| (LOCATION, uri)));
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    }

    /// What came of the command.
    pub fn into_executed(self) -> Executed<A> {
        self.executed
    }
}

/// Encoded in a segment of a path: all but what RFC 3986 calls unreserved.
const NOT_IN_A_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl<A: Aggregate> Deref for Done<A> {
    type Target = Executed<A>;

    fn deref(&self) -> &Executed<A> {
        &self.executed
    }
}

impl<A: Aggregate> IntoResponse for Done<A> {
    fn into_response(self) -> Response {
        self.with_body(StatusCode::NO_CONTENT)
    }
}
