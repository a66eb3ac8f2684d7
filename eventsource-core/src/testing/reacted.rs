//! Reactions without a store: given the history of a process, when it reacts to the last event, then these commands follow.

use std::any::Any;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::{self, Debug};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::folding::aggregate::{Aggregate, Handle};
use crate::folding::event_set::{EventSet, decode_recorded};
use crate::runtime::projections::process::acting::Facts;
use crate::runtime::projections::process::manager::ProcessManager;
use crate::runtime::projections::process::order::{Command, Order};
use crate::runtime::projections::process::reaction::Reaction;
use crate::words::event::{NewEvent, Recorded};
use crate::words::stream::{Position, Version};

use super::given::{Decided, Difference, Given, same};
use super::kept::keep;

/// What a process does because of an event, to be looked at with the `then…` methods; each of them panics where it is
/// something else.
#[must_use = "nothing is checked before a `then`"]
pub struct Reacted<M: Aggregate> {
    orders: VecDeque<Order<M>>,
    /// The one that was looked at last.
    order: Option<Order<M>>,
    recorded_at: DateTime<Utc>,
    timers: Vec<(String, Option<DateTime<Utc>>)>,
}

impl<M: ProcessManager> Given<M> {
    /// Asks the process what follows from the last event of its history.
    ///
    /// ```
    /// # use eventsource::{Aggregate, Apply, DomainEvent, Handle, NoInput, ProcessManager, Reaction, Recorded};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.withdrawn", version = 1)]
    /// # struct Withdrawn { cents: i64 }
    /// # #[derive(Aggregate, Default, Clone)]
    /// # #[aggregate(name = "account", events(Withdrawn))]
    /// # struct Account;
    /// # impl Apply<Withdrawn> for Account { fn apply(&mut self, _: &Withdrawn) {} }
    /// # struct Withdraw { cents: i64 }
    /// # impl Handle<Withdraw> for Account {
    /// #     type Decision = Result<Withdrawn, &'static str>;
    /// #     fn handle(&self, _: &Withdraw) -> Self::Decision { Err("no account") }
    /// # }
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "transfer.requested", version = 1)]
    /// # struct Requested { from: String, cents: i64 }
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "transfer.taken", version = 1)]
    /// # struct Taken {}
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "transfer.refused", version = 1)]
    /// # struct Refused { reason: String }
    /// # #[derive(Aggregate, Default, Clone)]
    /// # #[aggregate(name = "transfer", events(Requested, Taken, Refused))]
    /// # struct Transfer;
    /// # impl Apply<Requested> for Transfer { fn apply(&mut self, _: &Requested) {} }
    /// # impl Apply<Taken> for Transfer { fn apply(&mut self, _: &Taken) {} }
    /// # impl Apply<Refused> for Transfer { fn apply(&mut self, _: &Refused) {} }
    /// # impl ProcessManager for Transfer {
    /// #     type Input = NoInput;
    /// #     fn react(&self, event: &Recorded<TransferEvent>, then: &mut Reaction<Self>) {
    /// #         if let TransferEvent::Requested(Requested { from, cents }) = &event.event {
    /// #             let taking = then.to::<Account>(from).send(Withdraw { cents: *cents });
    /// #             taking.and(Taken {}).or(|reason| Refused { reason: reason.to_owned() });
    /// #             then.after(std::time::Duration::from_secs(60), "late");
    /// #         }
    /// #     }
    /// # }
    /// use eventsource::testing::given;
    ///
    /// given::<Transfer>(Requested { from: "alice".into(), cents: 70 })
    ///     .when_reacting()
    ///     .then_sends::<Account, Withdraw>("alice", |withdraw| withdraw.cents == 70)
    ///     .then_if_done(Taken {})
    ///     .then_if_refused("no account", Refused { reason: "no account".into() })
    ///     .then_after(std::time::Duration::from_secs(60), "late")
    ///     .then_nothing_more();
    /// ```
    #[track_caller]
    pub fn when_reacting(self) -> Reacted<M> {
        let Some(last) = &self.last else { panic!("nothing has happened that it could react to") };
        let mut reacted =
            Reacted { orders: VecDeque::new(), order: None, recorded_at: DateTime::UNIX_EPOCH, timers: Vec::new() };
        for event in as_recorded::<M::Event>(last, M::NAME, self.version) {
            let mut then = Reaction::new(event.recorded_at);
            self.state.react(&event, &mut then);
            if let Err(error) = then.check() {
                panic!("{error}");
            }
            reacted.recorded_at = event.recorded_at;
            reacted.orders.extend(then.orders);
            for (timer, due) in then.timers {
                reacted.timers.retain(|(set, _)| *set != timer);
                reacted.timers.push((timer.into_owned(), due));
            }
        }
        reacted
    }

    /// Lets the process [note](ProcessManager::note) an event of others; it need not be one that concerns this process.
    ///
    /// Its envelope is that of [`recorded`]. Fails if it is none of its [inputs](ProcessManager::Input).
    #[must_use = "nothing is checked before a `then`"]
    #[track_caller]
    pub fn when_hearing(self, input: impl EventSet) -> Decided<M, Infallible> {
        let inputs = as_recorded::<M::Input>(&encoded(&input), "others", Version(1));
        assert!(!inputs.is_empty(), "process manager {} hears of no such event", M::NAME);
        self.when(|state| Facts(inputs.iter().filter_map(|input| state.note(input)).collect()))
    }

    /// Lets a timer run out.
    #[must_use = "nothing is checked before a `then`"]
    #[track_caller]
    pub fn when_timer(self, name: &str) -> Decided<M, Infallible> {
        self.when(|state| Facts(state.on_timer(name).into_iter().collect()))
    }
}

/// An event as it might have been stored: the first of the stream `others-given`, recorded now, without metadata.
///
/// ```
/// # use eventsource::DomainEvent;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "payment.received", version = 1)]
/// # struct Received { order: String }
/// let received = eventsource::testing::recorded(Received { order: "17".into() });
/// assert_eq!(received.name, "payment.received");
/// ```
#[track_caller]
pub fn recorded<E: EventSet>(event: E) -> Recorded<E> {
    match as_recorded(&encoded(&event), "others", Version(1)).into_iter().next() {
        Some(recorded) => recorded,
        None => panic!("an event that is read as no event"),
    }
}

#[track_caller]
fn encoded<E: EventSet>(event: &E) -> NewEvent {
    match NewEvent::encode(event) {
        Ok(stored) => stored,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn as_recorded<E: EventSet>(stored: &NewEvent, category: &str, version: Version) -> Vec<Recorded<E>> {
    let mut parts = Vec::new();
    let stream = format!("{category}-given");
    // What is not in the set is none of its events.
    if E::EVENTS.iter().any(|event| event.name == stored.name)
        && let Err(error) = decode_recorded(&stored.raw(&stream, version, Position(version.0)), |part| parts.push(part))
    {
        panic!("{error}");
    }
    parts
}

impl<M: Aggregate> Reacted<M> {
    /// The next command goes to this aggregate, and is right.
    #[track_caller]
    pub fn then_sends<A, C>(mut self, id: &str, is_right: impl FnOnce(&C) -> bool) -> Self
    where
        A: Handle<C>,
        C: 'static,
    {
        let Some(order) = self.orders.pop_front() else { panic!("no command to {}-{id} follows", A::NAME) };
        let (category, name) = order.command.names();
        let sent = format!("{name} to {category}-{}", order.id);
        let command: &dyn Any = &*order.command;
        match command.downcast_ref::<Command<A, C>>() {
            Some(command) if order.id == id => assert!(is_right(&command.command), "{sent} is not right"),
            _ => panic!("expected a command to {}-{id}, but it sends {sent}", A::NAME),
        }
        self.order = Some(order);
        self
    }

    /// This event follows when the command that was looked at last is done.
    #[track_caller]
    pub fn then_if_done(mut self, expected: impl Into<M::Event>) -> Self {
        let became = self.order().done.take();
        demand::<M>(became, expected.into(), "when the command is done");
        self
    }

    /// This event follows when the command that was looked at last is refused so.
    #[track_caller]
    pub fn then_if_refused<R: Send + 'static>(mut self, refusal: R, expected: impl Into<M::Event>) -> Self {
        let became = match self.order().refused.take() {
            Some(refused) => match refused(Box::new(refusal)) {
                Some(event) => Some(event),
                None => panic!("the command is not refused with a {}", std::any::type_name::<R>()),
            },
            None => None,
        };
        demand::<M>(became, expected.into(), "when the command is refused");
        self
    }

    /// A timer is set, to run out so long after the event.
    #[track_caller]
    pub fn then_after(mut self, time: Duration, timer: &str) -> Self {
        match self.timer(timer) {
            Some(due) => {
                let after = (due - self.recorded_at).to_std().unwrap_or_default();
                assert_eq!(after, time, "timer {timer:?} runs out after another time");
            }
            None => panic!("timer {timer:?} is cancelled"),
        }
        self
    }

    /// A timer is cancelled.
    #[track_caller]
    pub fn then_cancels(mut self, timer: &str) -> Self {
        assert!(self.timer(timer).is_none(), "timer {timer:?} is set");
        self
    }

    /// Nothing follows that was not looked at: no command and no timer.
    #[track_caller]
    pub fn then_nothing_more(self) {
        assert!(self.orders.is_empty() && self.timers.is_empty(), "more follows: {self:?}");
    }

    #[track_caller]
    fn order(&mut self) -> &mut Order<M> {
        match &mut self.order {
            Some(order) => order,
            None => panic!("no command was looked at before"),
        }
    }

    #[track_caller]
    fn timer(&mut self, name: &str) -> Option<DateTime<Utc>> {
        match self.timers.iter().position(|(timer, _)| timer == name) {
            Some(place) => self.timers.swap_remove(place).1,
            None => panic!("timer {name:?} is neither set nor cancelled"),
        }
    }
}

impl<M: Aggregate> Debug for Reacted<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let orders: Vec<_> = self.orders.iter().map(|order| (order.command.names(), &order.id)).collect();
        f.debug_struct("Reacted").field("commands", &orders).field("timers", &self.timers).finish()
    }
}

#[track_caller]
fn demand<M: Aggregate>(became: Option<M::Event>, expected: M::Event, when: &str) {
    let stored = |event: &M::Event| keep(event, M::NAME, Version(1)).stored;
    let (wanted, became) = (vec![stored(&expected)], became.iter().map(stored).collect::<Vec<_>>());
    if !same(&wanted, &became) {
        panic!("not what was expected {when}\n{}", Difference(&wanted, &became));
    }
}
