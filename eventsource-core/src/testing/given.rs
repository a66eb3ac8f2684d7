//! Decisions without a store: given a history, when something is decided, then these events follow.

use std::convert::Infallible;
use std::fmt::{self, Debug};

use crate::folding::aggregate::{Aggregate, Handle};
use crate::folding::decision::IntoEvents;
use crate::words::event::NewEvent;
use crate::words::stream::Version;

use super::kept::{keep, payload, shown};

/// An aggregate with a history, before anything is decided.
pub struct Given<A> {
    pub(super) state: A,
    pub(super) version: Version,
    /// What happened last.
    pub(super) last: Option<NewEvent>,
}

/// What was decided, to be looked at with the `then…` methods; each of them panics where it is something else.
pub struct Decided<A, R> {
    before: A,
    after: A,
    outcome: Result<Vec<NewEvent>, R>,
}

/// Begins a test of a decision with the events that happened before; `()` is no event.
///
/// The state is folded from what JSON gives back of each event, so a test also notices an event
/// that does not survive being stored. Events need neither `PartialEq` nor `Debug`.
///
/// ```
/// # use eventsource::{Aggregate, Apply, DomainEvent};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.deposited", version = 1)]
/// # struct Deposited { cents: u64 }
/// # #[derive(DomainEvent, Serialize, Deserialize)]
/// # #[event(name = "account.withdrawn", version = 1)]
/// # struct Withdrawn { cents: u64 }
/// # #[derive(Aggregate, Default, Clone)]
/// # #[aggregate(name = "account", events(Deposited, Withdrawn))]
/// # struct Account { cents: u64 }
/// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
/// # impl Apply<Withdrawn> for Account { fn apply(&mut self, event: &Withdrawn) { self.cents -= event.cents } }
/// # #[derive(Debug, PartialEq)]
/// # struct Overdrawn;
/// # impl Account {
/// #     fn withdraw(&self, cents: u64) -> Result<Withdrawn, Overdrawn> {
/// #         if cents > self.cents { Err(Overdrawn) } else { Ok(Withdrawn { cents }) }
/// #     }
/// # }
/// use eventsource::testing::given;
///
/// given::<Account>([Deposited { cents: 7 }])
///     .when(|account| account.withdraw(5))
///     .then(Withdrawn { cents: 5 })
///     .then_state(|account| assert_eq!(account.cents, 2));
///
/// let refusal = given::<Account>(()).when(|account| account.withdraw(5)).then_refused();
/// assert_eq!(refusal, Overdrawn);
/// ```
#[must_use = "nothing is checked before a `then`"]
#[track_caller]
pub fn given<A: Aggregate>(events: impl IntoEvents<A, Refusal = Infallible>) -> Given<A> {
    let mut given = Given { state: A::default(), version: Version(0), last: None };
    for event in collect(events) {
        given.take(&event);
    }
    given
}

impl<A: Aggregate> Given<A> {
    /// Decides.
    #[must_use = "nothing is checked before a `then`"]
    #[track_caller]
    pub fn when<I: IntoEvents<A>>(self, decide: impl FnOnce(&A) -> I) -> Decided<A, I::Refusal> {
        let mut events = Vec::new();
        let decided = decide(&self.state).into_events(&mut events);
        let before = self.state.clone();
        let mut after = self;
        let outcome = match decided {
            Ok(()) => Ok(after.take_all(&events)),
            Err(refusal) => Err(refusal),
        };
        Decided { before, after: after.state, outcome }
    }

    /// Decides by a command that is a value.
    ///
    /// ```
    /// # use eventsource::{Aggregate, Apply, DomainEvent, Handle, testing::given};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.deposited", version = 1)]
    /// # struct Deposited { cents: u64 }
    /// # #[derive(Aggregate, Default, Clone)]
    /// # #[aggregate(name = "account", events(Deposited))]
    /// # struct Account { cents: u64 }
    /// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
    /// # struct Deposit { cents: u64 }
    /// # impl Handle<Deposit> for Account {
    /// #     type Decision = Option<Deposited>;
    /// #     fn handle(&self, command: &Deposit) -> Self::Decision {
    /// #         (command.cents > 0).then_some(Deposited { cents: command.cents })
    /// #     }
    /// # }
    /// given::<Account>(()).when_handling(&Deposit { cents: 5 }).then(Deposited { cents: 5 });
    /// given::<Account>(()).when_handling(&Deposit { cents: 0 }).then_nothing();
    /// ```
    #[must_use = "nothing is checked before a `then`"]
    #[track_caller]
    pub fn when_handling<C>(self, command: &C) -> Decided<A, <A::Decision as IntoEvents<A>>::Refusal>
    where
        A: Handle<C>,
    {
        self.when(|state| state.handle(command))
    }

    /// Looks at the state that the history makes.
    #[track_caller]
    pub fn then_state(self, look: impl FnOnce(&A)) -> Self {
        look(&self.state);
        self
    }

    #[track_caller]
    fn take_all(&mut self, events: &[A::Event]) -> Vec<NewEvent> {
        let mut stored = Vec::with_capacity(events.len());
        for event in events {
            stored.push(self.take(event));
        }
        stored
    }

    #[track_caller]
    fn take(&mut self, event: &A::Event) -> NewEvent {
        self.version = self.version.next();
        let kept = keep(event, A::NAME, self.version);
        for fact in &kept.facts {
            self.state.apply(fact);
        }
        self.last = Some(kept.stored.clone());
        kept.stored
    }
}

impl<A: Aggregate, R> Decided<A, R> {
    /// These events, in this order: the same stored names, versions and payloads.
    #[track_caller]
    pub fn then(self, expected: impl IntoEvents<A, Refusal = Infallible>) -> Self
    where
        R: Debug,
    {
        let mut wanted = Vec::new();
        for (version, event) in (1..).zip(collect(expected)) {
            wanted.push(keep(&event, A::NAME, Version(version)).stored);
        }
        match &self.outcome {
            Ok(decided) if same(&wanted, decided) => self,
            Ok(decided) => panic!("not what was expected\n{}", Difference(&wanted, decided)),
            Err(refusal) => panic!("refused with {refusal:?}, where was expected\n{}", Difference(&wanted, &[])),
        }
    }

    /// No event: there is nothing to do.
    #[track_caller]
    pub fn then_nothing(self) -> Self
    where
        R: Debug,
    {
        self.then(())
    }

    /// No: what the domain said.
    #[track_caller]
    pub fn then_refused(self) -> R {
        match self.outcome {
            Ok(decided) => panic!("expected a refusal, but it was decided\n{}", Difference(&[], &decided)),
            Err(refusal) => refusal,
        }
    }

    /// No, for a reason that `right` accepts.
    ///
    /// ```
    /// # use eventsource::{Aggregate, Apply, DomainEvent, testing::given};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.deposited", version = 1)]
    /// # struct Deposited { cents: u64 }
    /// # #[derive(Aggregate, Default, Clone)]
    /// # #[aggregate(name = "account", events(Deposited))]
    /// # struct Account { cents: u64 }
    /// # impl Apply<Deposited> for Account { fn apply(&mut self, event: &Deposited) { self.cents += event.cents } }
    /// given::<Account>(())
    ///     .when(|_| Err::<Deposited, _>("closed on sundays"))
    ///     .then_refused_with(|refusal| refusal.starts_with("closed"));
    /// ```
    #[track_caller]
    pub fn then_refused_with(self, right: impl FnOnce(&R) -> bool)
    where
        R: Debug,
    {
        let refusal = self.then_refused();
        if !right(&refusal) {
            panic!("refused for another reason: {refusal:?}");
        }
    }

    /// Looks at the state with the decided events in it; after a refusal, at the state as it was.
    #[track_caller]
    pub fn then_state(self, look: impl FnOnce(&A)) -> Self {
        look(if self.outcome.is_ok() { &self.after } else { &self.before });
        self
    }
}

impl<A: Aggregate> Debug for Given<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").field("category", &A::NAME).field("version", &self.version).finish_non_exhaustive()
    }
}

impl<A: Aggregate, R> Debug for Decided<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.outcome.as_ref().ok();
        f.debug_struct("Decided").field("category", &A::NAME).field("events", &events).finish_non_exhaustive()
    }
}

pub(super) fn collect<A: Aggregate>(events: impl IntoEvents<A, Refusal = Infallible>) -> Vec<A::Event> {
    let mut collected = Vec::new();
    let Ok(()) = events.into_events(&mut collected);
    collected
}

pub(super) fn same(wanted: &[NewEvent], decided: &[NewEvent]) -> bool {
    wanted.len() == decided.len() && wanted.iter().zip(decided).all(|(a, b)| same_event(a, b))
}

fn same_event(a: &NewEvent, b: &NewEvent) -> bool {
    a.name == b.name && a.schema_version == b.schema_version && payload(a) == payload(b)
}

/// Both sides, one event a line; `=` before what is the same.
pub(super) struct Difference<'a>(pub(super) &'a [NewEvent], pub(super) &'a [NewEvent]);

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(wanted, decided) = self;
        if wanted.is_empty() && decided.is_empty() {
            return f.write_str("    no event");
        }
        let mut lines = Vec::new();
        for place in 0..wanted.len().max(decided.len()) {
            match (wanted.get(place), decided.get(place)) {
                (Some(a), Some(b)) if same_event(a, b) => lines.push(format!("    = {}", shown(a))),
                (a, b) => {
                    lines.extend(a.map(|a| format!("    expected {}", shown(a))));
                    lines.extend(b.map(|b| format!("    decided  {}", shown(b))));
                }
            }
        }
        f.write_str(&lines.join("\n"))
    }
}
