//! What a request says about the question in it, and waiting until it can be answered.

use std::time::Duration;

use axum_core::extract::FromRequestParts;
use eventsource_core::{StoreError, Token, View, ViewReader};
use http::StatusCode;
use http::header::{HeaderMap, HeaderName};
use http::request::Parts;
use tokio::time::Instant;

use crate::problem::{Problem, SOON};

/// The header with the [token](Token) of a command: in the answer to it, and in the questions that come after.
pub const CAUSALITY_TOKEN: HeaderName = HeaderName::from_static("causality-token");

/// What the headers of a request say about the question in it: after which command it is asked.
///
/// A client gets a `Causality-Token` with the answer to a command, and sends it with its questions. Then it finds
/// in them what it has done, or is told to come back:
///
/// ```
/// use std::time::Duration;
/// use axum::{Json, extract::{Path, State}};
/// use eventsource::{View, ViewReader};
/// use eventsource_axum::{Problem, QueryHeaders};
/// # use eventsource::{DomainEvent, Fold, Recorded};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: i64 }
/// # #[derive(View, Serialize)]
/// # #[view(name = "balances", version = 1, events(Deposited))]
/// # struct Balance { #[view(key = stream)] account: String, #[view(index)] cents: i64 }
/// # impl Fold<Deposited> for Balance {
/// #     fn fold(account: &String, row: Option<Self>, event: &Recorded<Deposited>) -> Option<Self> { row }
/// # }
///
/// const PATIENCE: Duration = Duration::from_millis(500);
///
/// async fn richest(
///     State(balances): State<ViewReader<Balance>>,
///     query: QueryHeaders,
/// ) -> Result<Json<Vec<Balance>>, Problem> {
///     query.wait_for(&balances, PATIENCE).await?;
///     Ok(Json(balances.by(Balance::CENTS).descending().limit(10).page().await?.rows))
/// }
/// # let _: axum::routing::MethodRouter<ViewReader<Balance>> = axum::routing::get(richest);
/// ```
///
/// A token that is malformed, stands twice, or is of another store, is answered with 400.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueryHeaders {
    /// After which command it is asked, if the client has said so.
    pub token: Option<Token>,
}

impl QueryHeaders {
    /// Reads the headers of a request, or says which one is malformed: what the extractor does.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut lines = headers.get_all(&CAUSALITY_TOKEN).iter();
        let token = match (lines.next(), lines.next()) {
            (None, _) => None,
            (Some(line), None) => Some(line.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(malformed)?),
            (Some(_), Some(_)) => return Err(malformed()),
        };
        Ok(Self { token })
    }

    /// Waits until the view has everything in it that the command had stored or seen, but no longer than `timeout`: see
    /// [`ViewReader::wait_for`]. At once if there is no token.
    ///
    /// When the time is over, the problem is 202, with `Retry-After`. It is 400 for the token of another store, or of the time before
    /// a restore: nobody knows what of that is here, so the client is told to ask without it. Whoever makes up a token waits
    /// until the time is over, so give one that a request may take.
    pub async fn wait_for<V: View>(&self, view: &ViewReader<V>, timeout: Duration) -> Result<(), Problem> {
        let Some(token) = &self.token else { return Ok(()) };
        let begun = Instant::now();
        let waited = view.wait_for(token, timeout).await;
        waited.map_err(|error| told(error, begun.elapsed() >= timeout))
    }
}

/// What the client is told when waiting has failed.
fn told(error: StoreError, time_is_over: bool) -> Problem {
    if error.is_rewound() {
        tracing::debug!(%error, "a token is of another store");
        return foreign();
    }
    // Sooner it would not be the view that is late, but the store that is out of reach.
    if error.is_transient() && time_is_over {
        tracing::debug!(%error, "a view is late");
        return late();
    }
    error.into()
}

fn late() -> Problem {
    let detail = "what the Causality-Token stands for is not in the answer yet: ask again";
    Problem::new(StatusCode::ACCEPTED).detail(detail).retry_after(SOON)
}

fn foreign() -> Problem {
    Problem::bad_request("Causality-Token is of another store, or of the time before a restore: ask again without it")
}

fn malformed() -> Problem {
    Problem::bad_request("Causality-Token takes one token, as the answer to a command had it")
}

impl<S: Send + Sync> FromRequestParts<S> for QueryHeaders {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_out_of_reach_is_no_view_that_is_late() {
        for (error, time_is_over, status) in [
            (StoreError::transient("late"), true, StatusCode::ACCEPTED),
            (StoreError::transient("out of reach"), false, StatusCode::SERVICE_UNAVAILABLE),
            (StoreError::failed("the view has stopped"), true, StatusCode::INTERNAL_SERVER_ERROR),
            (StoreError::rewound("another store"), true, StatusCode::BAD_REQUEST),
        ] {
            assert_eq!(told(error, time_is_over).status(), status);
        }
    }
}
