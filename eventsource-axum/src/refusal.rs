//! What the domain says when it says no, as a client gets it.

use std::fmt::Display;

use http::StatusCode;
use serde::Serialize;

use crate::Problem;

/// What the domain says when it says no, as a client gets it: every error that has a text (`Display`) and a form for programs
/// (`Serialize`) is one, so the crate of the domain need not know of HTTP.
///
/// The text becomes the problem's `detail`, and what serde makes of the error its `refusal`:
///
/// ```
/// use axum::http::StatusCode;
/// use eventsource::ExecuteError;
/// use eventsource_axum::Problem;
///
/// #[derive(Debug, serde::Serialize, thiserror::Error)]
/// #[serde(tag = "reason", rename_all = "snake_case")]
/// enum Refused {
///     #[error("{missing} cents are missing")]
///     Overdrawn { missing: u64 },
/// }
///
/// let problem = Problem::from(ExecuteError::Refused(Refused::Overdrawn { missing: 30 }));
/// assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
/// assert_eq!(problem.get("detail").unwrap(), "30 cents are missing");
/// assert_eq!(problem.get("refusal").unwrap().to_string(), r#"{"missing":30,"reason":"overdrawn"}"#);
/// ```
///
/// Whatever is in the error is sent, so it is no place for secrets. A decision that cannot refuse has no refusal to be sent:
/// `|_| Ok::<_, Refused>(event)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be told to a client",
    note = "derive `serde::Serialize` for it, and implement `Display`: its text becomes the `detail` of the problem, its JSON the `refusal`",
    note = "a decision that cannot refuse names a refusal nevertheless: `|_| Ok::<_, Refused>(event)`"
)]
pub trait Refusal: Serialize + Display {}

#[diagnostic::do_not_recommend]
impl<R: Serialize + Display> Refusal for R {}

pub(crate) fn problem(refusal: &impl Refusal) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(refusal.to_string()).with("refusal", refusal)
}
