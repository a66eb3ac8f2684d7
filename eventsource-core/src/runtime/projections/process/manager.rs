//! What a process manager is.

use crate::contract::checkpoint::CheckpointKey;
use crate::folding::aggregate::Aggregate;
use crate::folding::event_set::EventSet;
use crate::runtime::projections::sink::SinkStart;
use crate::words::event::Recorded;

use super::reaction::Reaction;

/// An aggregate that acts: what its own events are followed by are commands to other aggregates, and timers.
///
/// Each process (a transfer, an order that waits for its payment) is an instance, with a stream of its own. Three functions say
/// what it does, all of them pure:
///
/// | | from | to |
/// |---|---|---|
/// | [`note`](Self::note) | an event of others | an event of its own, if it means something to the process |
/// | [`react`](Self::react) | an event of its own | [commands](Reaction::to) and [timers](Reaction::after) |
/// | [`on_timer`](Self::on_timer) | a timer that has run out | an event of its own, if it still means something |
///
/// What becomes of a command is an event of its own again, by [`and`](crate::Sending::and) and
/// [`or`](crate::Sending::or). So a process is started, like any aggregate, by an event that a
/// [`Repository`](crate::Repository) stores, and goes on from event to event; all that it has heard, and why it did what it
/// did, is in its stream.
///
/// [`Projections::manager`](crate::Projections::manager) runs it. Nothing is done twice and nothing is left out, whoever is
/// killed when: an event of its own is reacted to with the state *as of that event*, so a reaction that is repeated gives the
/// same commands, and their [keys](crate::ExecuteOptions::command_key) are known to the aggregates that did them.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent, Handle, NoInput, ProcessManager, Projections, Reaction, Recorded, Repository};
/// # use eventsource::memory::MemoryStore;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.moved", version = 1)]
/// # struct Moved { cents: i64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Moved))]
/// # struct Account { cents: i64 }
/// # impl Apply<Moved> for Account { fn apply(&mut self, moved: &Moved) { self.cents += moved.cents } }
/// # #[derive(Clone)]
/// # struct Withdraw { cents: i64 }
/// # struct Deposit { cents: i64 }
/// # impl Handle<Withdraw> for Account {
/// #     type Decision = Result<Moved, &'static str>;
/// #     fn handle(&self, withdraw: &Withdraw) -> Self::Decision {
/// #         if withdraw.cents > self.cents { Err("not enough") } else { Ok(Moved { cents: -withdraw.cents }) }
/// #     }
/// # }
/// # impl Handle<Deposit> for Account {
/// #     type Decision = Moved;
/// #     fn handle(&self, deposit: &Deposit) -> Moved { Moved { cents: deposit.cents } }
/// # }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "transfer.requested", version = 1)]
/// # struct Requested { from: String, to: String, cents: i64 }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "transfer.taken", version = 1)]
/// # struct Taken {}
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "transfer.refused", version = 1)]
/// # struct Refused { reason: String }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "transfer.arrived", version = 1)]
/// # struct Arrived {}
/// #[derive(Aggregate, Default, Clone)]
/// #[aggregate(name = "transfer", events(Requested, Taken, Arrived, Refused))]
/// struct Transfer { from: String, to: String, cents: i64, done: bool }
/// # impl Apply<Requested> for Transfer {
/// #     fn apply(&mut self, event: &Requested) {
/// #         (self.from, self.to, self.cents) = (event.from.clone(), event.to.clone(), event.cents);
/// #     }
/// # }
/// # impl Apply<Taken> for Transfer { fn apply(&mut self, _: &Taken) {} }
/// # impl Apply<Arrived> for Transfer { fn apply(&mut self, _: &Arrived) { self.done = true } }
/// # impl Apply<Refused> for Transfer { fn apply(&mut self, _: &Refused) { self.done = true } }
///
/// impl ProcessManager for Transfer {
///     type Input = NoInput;
///
///     fn react(&self, event: &Recorded<TransferEvent>, then: &mut Reaction<Self>) {
///         let cents = self.cents;
///         match &event.event {
///             TransferEvent::Requested(_) => {
///                 then.to::<Account>(&self.from)
///                     .send(Withdraw { cents })
///                     .and(Taken {})
///                     .or(|reason| Refused { reason: reason.to_string() });
///             }
///             TransferEvent::Taken(_) => {
///                 then.to::<Account>(&self.to).send(Deposit { cents }).and(Arrived {});
///             }
///             TransferEvent::Arrived(_) | TransferEvent::Refused(_) => {}
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// # let (accounts, transfers) = (Repository::<Account>::new(store.clone()), Repository::<Transfer>::new(store.clone()));
/// accounts.execute("alice", |_| Moved { cents: 100 }).await?;
/// transfers.execute("1", |_| Requested { from: "alice".into(), to: "bob".into(), cents: 70 }).await?;
/// # let done = { let transfers = transfers.clone(); async move { while !transfers.load("1").await.unwrap().done { tokio::task::yield_now().await } } };
/// Projections::new(&store).manager::<Transfer>().run(done).await?;
/// assert_eq!((accounts.load("alice").await?.cents, accounts.load("bob").await?.cents), (30, 70));
/// # Ok(())
/// # }
/// ```
///
/// # Limits
///
/// - The name of the aggregate has at most 33 bytes: its timers are kept in a table that is named for it.
/// - Commands of one event have their number in their key. A program that sends them in another order must not be rolled out
///   while an event is half handled.
/// - All events of its streams are reacted to, from the first one on. So let it be an aggregate of its own, and not one that
///   has a history already.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no process manager",
    note = "derive `Aggregate` for it, and write `impl ProcessManager for {Self}` with what follows from its events"
)]
pub trait ProcessManager: Aggregate {
    /// Events of others that mean something to processes: an event, or an enum with `#[derive(EventSet)]`. [`NoInput`](crate::NoInput) where
    /// a process hears of others only by what becomes of its commands.
    type Input: EventSet;

    /// With which events of others it begins on a store where it did not run yet.
    const START: SinkStart = SinkStart::Now;

    /// The id of the process that an event of others concerns, by what is in it or by its
    /// [correlation](crate::Metadata::correlation_id); `None` if it concerns none.
    fn instance(input: &Recorded<Self::Input>) -> Option<String> {
        let _ = input;
        None
    }

    /// What an event of others means to the process, which may have no event yet; `None` if nothing.
    ///
    /// Asked for each event in their order, with the state as it stands. What it answers is stored once; where it answered
    /// nothing, it may be asked again, after a crash.
    fn note(&self, input: &Recorded<Self::Input>) -> Option<Self::Event> {
        let _ = input;
        None
    }

    /// What follows from an event of its own. `self` is the state as of that event, which is in it.
    ///
    /// Asked for each event in the order of versions. It may be asked again, and must answer the same, so it must neither act
    /// nor look at a clock.
    fn react(&self, event: &Recorded<Self::Event>, then: &mut Reaction<Self>);

    /// What it means that a timer has run out, for the state as it stands; `None` if nothing any more.
    fn on_timer(&self, timer: &str) -> Option<Self::Event> {
        let _ = timer;
        None
    }
}

/// Whose commands have been carried out, with the timers that were set meanwhile.
pub(in crate::runtime::projections) fn key<M: ProcessManager>() -> CheckpointKey {
    super::timers::table::<M>().checkpoint_key()
}

/// Whose inputs have been noted. No name of a projection has such a sign in it.
pub(in crate::runtime::projections) fn inputs_key<M: ProcessManager>() -> CheckpointKey {
    CheckpointKey::new(format!("{}#inputs", M::NAME)).view_version(0)
}
