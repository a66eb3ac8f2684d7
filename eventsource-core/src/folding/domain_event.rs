//! A struct that is an event: its stored name, its version, and how older versions become it.

use eventsource_schema::Shape;

use crate::words::decode_error::Fault;
use crate::words::error::BoxError;

use super::decoding::Decoding;
use super::encoding::{EncodeError, Encoded};
use super::event_set::EventDescriptor;

/// A fact of the domain, stored under a name and a version that no refactoring changes.
///
/// Derive it; the derive checks at compile time that every version from 1 on can be read.
///
/// ```
/// use eventsource::DomainEvent;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 2, previous = DepositedV1)]
/// struct Deposited { cents: u64 }
///
/// /// What version 1 looked like when it was stored: whole dollars.
/// #[derive(DomainEvent, Deserialize)]
/// #[event(name = "account.deposited", version = 1)]
/// struct DepositedV1 { dollars: u64 }
///
/// impl From<DepositedV1> for Deposited {
///     fn from(old: DepositedV1) -> Self { Deposited { cents: old.dollars * 100 } }
/// }
///
/// assert_eq!(Deposited::NAME, "account.deposited");
/// assert_eq!(Deposited::VERSION, 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "not an event",
    note = "write above the struct:\n    #[derive(DomainEvent, Serialize, Deserialize)]\n    #[event(name = \"…\", version = 1)]"
)]
pub trait DomainEvent: Sized + Send + Sync + 'static {
    /// The name under which it is stored.
    const NAME: &'static str;
    /// The version in which it is stored, from 1.
    const VERSION: u32;
    /// Older names under which it may be stored.
    const ALIASES: &'static [&'static str] = &[];

    /// The oldest version that can still be read.
    #[doc(hidden)]
    const OLDEST: u32 = 1;
    /// Stored names of other events of which this one is a part.
    #[doc(hidden)]
    const SPLIT_SOURCES: &'static [&'static str] = &[];
    /// The version in which it is stored while older programs read along; `VERSION` unless `write` says otherwise.
    #[doc(hidden)]
    const WRITTEN: u32 = Self::VERSION;
    /// Some step to it, or to what it is split from, is on raw JSON and may look at what surrounds a payload.
    #[doc(hidden)]
    const LOOKS_AROUND: bool = false;
    /// What it is stored as. The name is empty if the derive reported an error, so that no check reports it again.
    #[doc(hidden)]
    const DESCRIPTOR: EventDescriptor = EventDescriptor::of::<Self>();

    /// What the current version looks like as JSON, while `cargo eventsource` asks for it.
    #[doc(hidden)]
    const __SHAPE: &'static Shape = &Shape::Unknown(Self::NAME);

    /// Decodes a payload of the version that `decoding` names.
    #[doc(hidden)]
    fn __decode(decoding: &Decoding<'_>, payload: &[u8]) -> Result<Self, Fault>;

    /// Decodes this event's part of a stored event whose name is a split source.
    #[doc(hidden)]
    fn __split(_decoding: &Decoding<'_>, _payload: &[u8]) -> Result<Option<Self>, Fault> {
        Ok(None)
    }

    /// The event in the older version that is written in its place, where `write` names one.
    #[doc(hidden)]
    fn __downcast(&self) -> Option<Result<Encoded, EncodeError>> {
        None
    }
}

/// The step from an older version of an event to the next.
///
/// `impl From<Old> for New` is all that is needed; implement this one where the step can fail.
///
/// ```
/// use eventsource::{BoxError, DomainEvent, UpcastFrom};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Deserialize)]
/// #[event(name = "person.moved", version = 1)]
/// struct MovedV1 { zip: String }
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "person.moved", version = 2, previous = MovedV1)]
/// struct Moved { zip: u32 }
///
/// impl UpcastFrom<MovedV1> for Moved {
///     fn upcast_from(old: MovedV1) -> Result<Self, BoxError> {
///         Ok(Moved { zip: old.zip.parse()? })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the chain of `{Self}` has no step from `{Old}`",
    label = "nothing says how `{Old}` becomes `{Self}`",
    note = "write one of:\n    impl From<{Old}> for {Self} {{ fn from(old: {Old}) -> Self {{ … }} }}\n    impl UpcastFrom<{Old}> for {Self} {{ fn upcast_from(old: {Old}) -> Result<Self, BoxError> {{ … }} }}"
)]
pub trait UpcastFrom<Old>: Sized {
    /// Makes this version out of the one before, or says why it cannot.
    fn upcast_from(old: Old) -> Result<Self, BoxError>;
}

#[diagnostic::do_not_recommend]
impl<Old, New: From<Old>> UpcastFrom<Old> for New {
    fn upcast_from(old: Old) -> Result<Self, BoxError> {
        Ok(old.into())
    }
}

/// The step from a version of an event back to the one before, for programs that do not know the newer one yet.
///
/// `impl From<&New> for Old` is all that is needed; implement this one where the step can fail.
///
/// ```
/// use eventsource::{DomainEvent, NewEvent};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(DomainEvent, Serialize, Deserialize)]
/// #[event(name = "account.deposited", version = 2, write = 1, previous = DepositedV1)]
/// struct Deposited { cents: u64 }
///
/// #[derive(DomainEvent, Serialize, Deserialize)] // it is written, so it has `Serialize` again
/// #[event(name = "account.deposited", version = 1)]
/// struct DepositedV1 { dollars: u64 }
///
/// impl From<DepositedV1> for Deposited {
///     fn from(old: DepositedV1) -> Self { Deposited { cents: old.dollars * 100 } }
/// }
///
/// impl From<&Deposited> for DepositedV1 {
///     fn from(new: &Deposited) -> Self { DepositedV1 { dollars: new.cents / 100 } }
/// }
///
/// let stored = NewEvent::encode(&Deposited { cents: 500 })?;
/// assert_eq!((stored.schema_version, &*stored.data), (1, &br#"{"dollars":5}"#[..]));
/// # Ok::<(), eventsource::StoreError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says how `{New}` becomes `{Self}`, which is written in its place",
    label = "nothing makes `{Self}` out of `{New}`",
    note = "write one of:\n    impl From<&{New}> for {Self} {{ fn from(new: &{New}) -> Self {{ … }} }}\n    impl DowncastFrom<{New}> for {Self} {{ fn downcast_from(new: &{New}) -> Result<Self, BoxError> {{ … }} }}"
)]
pub trait DowncastFrom<New>: Sized {
    /// Makes this version out of the one after it, or says why it cannot; then nothing is stored.
    fn downcast_from(new: &New) -> Result<Self, BoxError>;
}

#[diagnostic::do_not_recommend]
impl<New, Old> DowncastFrom<New> for Old
where
    Old: for<'n> From<&'n New>,
{
    fn downcast_from(new: &New) -> Result<Self, BoxError> {
        Ok(new.into())
    }
}
