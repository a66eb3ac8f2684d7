//! The two signatures that a step on raw JSON may have.

use serde_json::Value;

use crate::words::error::BoxError;

use super::decoding::Decoding;

/// A function that makes the JSON of one version into that of the next.
///
/// `fn(Value) -> Result<Value, E>`, or `fn(Value, &Decoding) -> Result<Value, E>` where it needs to
/// know what surrounds the payload. `E` is anything that becomes a boxed error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a step on raw JSON",
    label = "has the wrong signature",
    note = "a step is `fn(Value) -> Result<Value, E>` or `fn(Value, &Decoding<'_>) -> Result<Value, E>`, where `E` becomes a boxed error"
)]
pub trait RawStep<Marker> {
    /// Takes the step.
    fn step(&self, value: Value, decoding: &Decoding<'_>) -> Result<Value, BoxError>;
}

#[doc(hidden)]
pub struct OfValue<E>(E);
#[doc(hidden)]
pub struct OfValueAndDecoding<E>(E);

#[diagnostic::do_not_recommend]
impl<F, E> RawStep<OfValue<E>> for F
where
    F: Fn(Value) -> Result<Value, E>,
    E: Into<BoxError>,
{
    fn step(&self, value: Value, _: &Decoding<'_>) -> Result<Value, BoxError> {
        self(value).map_err(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<F, E> RawStep<OfValueAndDecoding<E>> for F
where
    F: Fn(Value, &Decoding<'_>) -> Result<Value, E>,
    E: Into<BoxError>,
{
    fn step(&self, value: Value, decoding: &Decoding<'_>) -> Result<Value, BoxError> {
        self(value, decoding).map_err(Into::into)
    }
}

/// Takes a raw step; what a derive calls.
pub fn raw_step<Marker>(step: impl RawStep<Marker>, value: Value, decoding: &Decoding<'_>) -> Result<Value, BoxError> {
    step.step(value, decoding)
}
