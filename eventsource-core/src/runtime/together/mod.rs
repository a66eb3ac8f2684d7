//! One decision on several aggregates, stored in one append.

mod attempts;
mod parts;
mod seat;

use std::pin::pin;

use crate::folding::aggregate::Aggregate;
use crate::words::stream::ExpectedVersion;

use super::execute::ExecuteError;
use super::options::ExecuteOptions;
use super::repository::{Repository, within};

use attempts::{Attempts, Outcome};
pub use parts::{IntoAllEvents, Parts};

/// One of several aggregates on which a decision is made: [`Repository::part`] makes it.
#[derive(Clone, Debug)]
pub struct Part<A: Aggregate> {
    repository: Repository<A>,
    id: String,
    expected: ExpectedVersion,
}

impl<A: Aggregate> Part<A> {
    /// What its stream must be at; otherwise the answer is a conflict on it, without another attempt.
    pub fn expecting(mut self, expected: impl Into<ExpectedVersion>) -> Self {
        self.expected = expected.into();
        self
    }
}

impl<A: Aggregate> Repository<A> {
    /// An aggregate as a part of a decision on several: see [`execute_all`](crate::execute_all()).
    pub fn part(&self, id: impl Into<String>) -> Part<A> {
        Part { repository: self.clone(), id: id.into(), expected: ExpectedVersion::Any }
    }
}

/// Decides on the current states of several aggregates, and appends what was decided for each of them in one append: all or nothing.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent, Repository, execute_all, memory::MemoryStore};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "customer.joined", version = 1)]
/// # struct Joined {}
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "customer", events(Joined))]
/// # struct Customer { is_active: bool }
/// # impl Apply<Joined> for Customer { fn apply(&mut self, _: &Joined) { self.is_active = true } }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "order.placed", version = 1)]
/// # struct Placed { cents: u64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "order", events(Placed))]
/// # struct Order { cents: u64 }
/// # impl Apply<Placed> for Order { fn apply(&mut self, placed: &Placed) { self.cents = placed.cents } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::new();
/// let customers = Repository::<Customer>::new(store.clone());
/// let orders = Repository::<Order>::new(store);
/// customers.execute("anna", |_| Joined {}).await?;
///
/// // The customer is read, and not written: the order is placed only if she is still active when it is stored.
/// let (_, order) = execute_all((customers.part("anna"), orders.part("4711")), |(customer, _)| {
///     if customer.is_active { Ok(((), Placed { cents: 990 })) } else { Err("no such customer") }
/// })
/// .await
/// .map_err(|error| error.to_string())?;
/// assert_eq!(order.cents, 990);
/// # Ok(())
/// # }
/// ```
///
/// The parts are a tuple of two to six, whose aggregates may have different types, or a `Vec` of up to 100 of one type. `decide`
/// returns a decision for each, in their order; `()` for one that is only read. [`IntoAllEvents`] says what else.
///
/// Each part that is written must still be at the version that was read, and so must each that is only read: it is a
/// [condition](crate::Condition) of the append. Of two commands, each reading what the other writes, one is decided
/// again. A decision that stores nothing, a refusal too, leaves when all parts are seen to stand at one moment as they were read. On a
/// conflict, everything is read and decided again, as often as the repository with the fewest [attempts](crate::Retry)
/// allows; then the conflict comes out, with the stream that had moved. Nothing waits for locks on several streams in
/// different orders, so there is no deadlock.
///
/// A stream may be a part once, and all repositories must be made on clones of one store; else the error
/// [`is_invalid`](crate::StoreError::is_invalid), and nothing was decided. As with [`Repository::execute`], `decide` must not act, a
/// dropped future has stored all or nothing, and the shortest of the repositories' time limits holds.
///
/// It costs a load for each part, side by side, and an append, for each attempt: no cached state is used, and commands do not wait
/// for each other in this process. So it is not for aggregates on which others write all the time. The guide's page on commands says when a
/// [`ProcessManager`](crate::ProcessManager) is better.
pub async fn execute_all<P, F, I>(parts: P, decide: F) -> Result<P::Executed, ExecuteError<I::Refusal>>
where
    P: Parts,
    F: Fn(P::States<'_>) -> I + Send,
    I: IntoAllEvents<P>,
{
    execute_all_with(parts, ExecuteOptions::default(), decide).await
}

/// The same, with options. They hold for all events of all parts; what a stream must be at is said by [`Part::expecting`].
///
/// With a [command key](ExecuteOptions::command_key), the whole is done at most once for its streams. A repetition answers the
/// first results: of parts that were written as of their events then, of those that were only read as of that place in the store.
pub async fn execute_all_with<P, F, I>(
    parts: P,
    options: ExecuteOptions,
    decide: F,
) -> Result<P::Executed, ExecuteError<I::Refusal>>
where
    P: Parts,
    F: Fn(P::States<'_>) -> I + Send,
    I: IntoAllEvents<P>,
{
    let mut seats = parts.into_seats(&options)?;
    let attempts = Attempts::new(P::members(&mut seats), options)?;
    let what = attempts.streams();
    within(attempts.time_limit(), || what, pin!(decided::<P, F, I>(attempts, seats, decide))).await
}

/// Load, decide, append; on a conflict again.
async fn decided<P, F, I>(
    mut attempts: Attempts,
    mut seats: P::Seats,
    decide: F,
) -> Result<P::Executed, ExecuteError<I::Refusal>>
where
    P: Parts,
    F: Fn(P::States<'_>) -> I + Send,
    I: IntoAllEvents<P>,
{
    loop {
        if let Outcome::Done = attempts.load(P::members(&mut seats)).await? {
            return Ok(P::executed(seats));
        }
        match decide(P::states(&seats)).into_all_events(&mut seats) {
            Ok(()) => {
                if let Outcome::Done = attempts.append(P::members(&mut seats)).await? {
                    return Ok(P::executed(seats));
                }
            }
            Err(refusal) => {
                if let Outcome::Done = attempts.confirm(P::members(&mut seats)).await? {
                    return Err(ExecuteError::Refused(refusal));
                }
            }
        }
    }
}
