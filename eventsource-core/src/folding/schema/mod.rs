//! What a type looks like in a stored event.

mod absent;
mod collections;
mod described;
mod libraries;
mod plain;

pub use absent::{Fallback, Probe};
pub use described::Described;

use eventsource_schema::Shape;

/// A type whose stored JSON is known while compiling, so that `events.lock` can notice when it changes.
///
/// Derive it on the types inside your events, in other crates too. It is implemented for the plain types of std,
/// its collections, chrono, uuid, and JSON values; for `rust_decimal` with the feature of that name.
///
/// ```
/// use eventsource::{EventSchema, schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(EventSchema, Serialize, Deserialize)]
/// #[serde(rename_all = "lowercase")]
/// enum Currency { Eur, Usd }
///
/// #[derive(EventSchema, Serialize, Deserialize)]
/// struct Money { minor: i64, currency: Currency, note: Option<String> }
///
/// assert_eq!(
///     schema::text(Money::SHAPE),
///     "{ currency: enum { eur, usd }, minor: i64, note?: string? }"
/// );
/// ```
#[diagnostic::on_unimplemented(
    message = "the stored shape of `{Self}` is unknown",
    label = "`events.lock` cannot guard this",
    note = "if the type is yours, write above it:\n    #[derive(EventSchema)]",
    note = "if it is not, say what its JSON looks like, above the field:\n    #[event(schema = \"string\")]"
)]
pub trait EventSchema {
    /// What serde writes for it as JSON.
    const SHAPE: &'static Shape;

    /// What the checks of a lock ask of the shape: found out once for each type, however many fields are of it.
    #[doc(hidden)]
    const __DESCRIBED: Described = Described::of(Self::SHAPE);
}
