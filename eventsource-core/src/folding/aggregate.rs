//! Events to state.

use crate::words::decode_error::{DecodeError, Fault};
use crate::words::event::RawEvent;

use super::decision::IntoEvents;
use super::decoding::Decoding;
use super::event_set::{Decoded, EventSet};
use super::snapshot_codec::SnapshotCodec;

/// What a fact means for a state. It cannot fail: what was recorded happened.
///
/// Write one for each event of an aggregate; the derive adds the one for the enum of them all.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: u64 }
/// #[derive(Aggregate, Default, Clone)]
/// #[aggregate(name = "account", events(Deposited))]
/// struct Account { cents: u64 }
///
/// impl Apply<Deposited> for Account {
///     fn apply(&mut self, event: &Deposited) { self.cents += event.cents }
/// }
///
/// assert_eq!(Account::default().after(&Deposited { cents: 5 }).cents, 5);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the event `{E}`",
    label = "nothing says what this event means for `{Self}`",
    note = "write:\n    impl Apply<{E}> for {Self} {{\n        fn apply(&mut self, event: &{E}) {{ … }}\n    }}"
)]
pub trait Apply<E> {
    /// Changes the state by one fact.
    fn apply(&mut self, event: &E);

    /// The state as it would be after `event`, for a decision of several steps.
    ///
    /// The event is applied as it is, even where `write` stores an older version of it.
    fn after(&self, event: &E) -> Self
    where
        Self: Clone,
    {
        let mut state = self.clone();
        state.apply(event);
        state
    }
}

/// A consistency boundary: a state folded from the events of one stream.
///
/// Derive it on the state's struct or enum. The derive makes a closed enum of the events
/// (`AccountEvent` for `Account`), its conversions, and the dispatch to [`Apply`].
///
/// | in `#[aggregate(…)]` | meaning |
/// |---|---|
/// | `name = "account"` | the category of its streams |
/// | `events(A, B)` | its events, newest structs only |
/// | `snapshot(every = 100, revision = 1)` | a snapshot each 100 events; raise `revision` when `apply` changes its meaning |
/// | `retired("old.name")` | stored names that mean nothing any more |
/// | `event_enum = Name` | another name for the enum |
/// | `derive(Clone, Debug)` | derives for the enum |
/// | `crate = "path"` | where `eventsource` is to be found |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    note = "write above the state:\n    #[derive(Aggregate, Default, Clone)]\n    #[aggregate(name = \"…\", events(…))]"
)]
pub trait Aggregate: Default + Clone + Send + Sync + 'static + Apply<<Self as Aggregate>::Event> {
    /// The category of its streams.
    const NAME: &'static str;

    /// The closed enum of its events.
    type Event: EventSet;

    /// How its snapshots are taken, if they are.
    #[doc(hidden)]
    fn __snapshots() -> Option<SnapshotCodec<Self>>;

    /// Decodes a stored event and applies what it means.
    #[doc(hidden)]
    fn __fold(&mut self, decoding: &Decoding<'_>, payload: &[u8]) -> Result<(), Fault>;
}

/// The door in for a state: applies a stored event, or everything that it has become.
pub(crate) fn fold<A: Aggregate>(state: &mut A, raw: &RawEvent<'_>) -> Result<(), DecodeError> {
    state.__fold(&Decoding::new(raw), raw.data).map_err(|fault| DecodeError::new(raw, fault))
}

/// The general way, for stored events that are split, retired or unknown; what a derived `__fold` ends with.
pub fn fold_decoded<A: Aggregate>(state: &mut A, decoding: &Decoding<'_>, payload: &[u8]) -> Result<(), Fault> {
    match A::Event::__decode(decoding, payload)? {
        Decoded::One(event) => state.apply(&event),
        Decoded::Many(events) => events.iter().for_each(|event| state.apply(event)),
        Decoded::Nothing => {}
    }
    Ok(())
}

/// A command as a value: what it means for a state, decided without touching anything.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent, Handle};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.withdrawn", version = 1)]
/// # struct Withdrawn { cents: u64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Withdrawn))]
/// # struct Account { cents: u64 }
/// # impl Apply<Withdrawn> for Account { fn apply(&mut self, event: &Withdrawn) { self.cents -= event.cents } }
/// #[derive(Serialize, Deserialize)]
/// struct Withdraw { cents: u64 }
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("only {there} cents are there")]
/// struct NotEnough { there: u64 }
///
/// impl Handle<Withdraw> for Account {
///     type Decision = Result<Withdrawn, NotEnough>;
///     fn handle(&self, command: &Withdraw) -> Self::Decision {
///         if command.cents > self.cents { return Err(NotEnough { there: self.cents }) }
///         Ok(Withdrawn { cents: command.cents })
///     }
/// }
///
/// assert!(Account { cents: 5 }.handle(&Withdraw { cents: 7 }).is_err());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle this command",
    note = "write `impl Handle<…> for {Self}`, for the type of the command, with what it decides"
)]
pub trait Handle<C>: Aggregate {
    /// Events, or a refusal; see [`IntoEvents`].
    type Decision: IntoEvents<Self>;

    /// Decides. It may be called again on a newer state, so it must not act.
    fn handle(&self, command: &C) -> Self::Decision;
}
