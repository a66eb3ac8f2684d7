//! A field that changed its type: the two signatures of what converts it.

use crate::words::decode_error::Fault;
use crate::words::error::BoxError;

/// A function that makes the value of a field out of what it was in an older version, or the other way round.
///
/// `fn(Old) -> New`, or `fn(Old) -> Result<New, E>` where it can fail; `E` is anything that becomes a boxed error.
///
/// ```
/// use eventsource::DomainEvent;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "person.moved", version = 2)]
/// struct Moved {
///     #[event(changed(in = 2, from = String, with = zip))]
///     zip: u32,
/// }
///
/// fn zip(text: String) -> Result<u32, std::num::ParseIntError> {
///     text.trim().parse()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make `{New}` out of `{Old}`",
    label = "has the wrong signature",
    note = "a field is converted by `fn({Old}) -> {New}` or `fn({Old}) -> Result<{New}, E>`, where `E` becomes a boxed error"
)]
pub trait FieldStep<Old, New, Marker> {
    /// Converts the value.
    fn convert(&self, value: Old) -> Result<New, BoxError>;
}

#[doc(hidden)]
pub struct Always;
#[doc(hidden)]
pub struct OrError<E>(E);

#[diagnostic::do_not_recommend]
impl<F, Old, New> FieldStep<Old, New, Always> for F
where
    F: Fn(Old) -> New,
{
    fn convert(&self, value: Old) -> Result<New, BoxError> {
        Ok(self(value))
    }
}

#[diagnostic::do_not_recommend]
impl<F, Old, New, E> FieldStep<Old, New, OrError<E>> for F
where
    F: Fn(Old) -> Result<New, E>,
    E: Into<BoxError>,
{
    fn convert(&self, value: Old) -> Result<New, BoxError> {
        self(value).map_err(Into::into)
    }
}

/// Takes the step of a field to a version; what a derived decoder calls.
pub fn change_field<Old, New, Marker>(
    with: impl FieldStep<Old, New, Marker>,
    (field, to): (&str, u32),
    value: Old,
) -> Result<New, Fault> {
    with.convert(value).map_err(|source| Fault::Step { from: to - 1, to, source: of_field(field, &source) })
}

/// Takes the step of a field back from a version; what a derived writer of an older version calls.
pub fn change_back<New, Old, Marker>(
    back: impl FieldStep<New, Old, Marker>,
    (field, from): (&str, u32),
    value: New,
) -> Result<Old, BoxError> {
    back.convert(value).map_err(|source| {
        format!("the step back from version {from} to {} failed: {}", from - 1, of_field(field, &source)).into()
    })
}

fn of_field(field: &str, source: &BoxError) -> BoxError {
    format!("field `{field}`: {source}").into()
}
