//! Accounts whose events have a past, two views of them, and transfers that move money between them.

use std::fmt;

use eventsource::{
    Aggregate, Apply, DomainEvent, Fold, Handle, NoInput, ProcessManager, Reaction, Recorded, Version, View,
};
use serde::{Deserialize, Serialize};

/// What tells one attempt to store something from all others is in each event: `tag`.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
pub(super) struct Opened {
    pub(super) cents: i64,
    pub(super) tag: String,
}

/// Version 1 had whole dollars.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, previous = DepositedV1, split_from("account.swapped", with = deposited))]
pub(super) struct Deposited {
    pub(super) cents: i64,
    pub(super) tag: String,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 1)]
pub(super) struct DepositedV1 {
    dollars: i64,
    tag: String,
}

impl From<DepositedV1> for Deposited {
    fn from(old: DepositedV1) -> Self {
        Self { cents: old.dollars * 100, tag: old.tag }
    }
}

/// In the middle of a rolling deploy: it is stored as version 1, which knows no channel.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(
    name = "account.withdrawn", version = 2, write = 1, oldest = 1,
    split_from("account.swapped", with = withdrawn),
)]
pub(super) struct Withdrawn {
    pub(super) cents: i64,
    pub(super) tag: String,
    #[event(added = 2, default = "unknown")]
    pub(super) channel: String,
}

/// It was one event once.
#[derive(DomainEvent, Deserialize)]
#[event(name = "account.swapped", version = 1)]
pub(super) struct Swapped {
    out: i64,
    back: i64,
    tag: String,
}

fn withdrawn(old: &Swapped) -> Option<Withdrawn> {
    Some(Withdrawn { cents: old.out, tag: old.tag.clone(), channel: "swap".into() })
}

fn deposited(old: &Swapped) -> Option<Deposited> {
    Some(Deposited { cents: old.back, tag: old.tag.clone() })
}

/// What was folded, how often, and in which order.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) is_open: bool,
    pub(super) cents: i64,
    pub(super) facts: i64,
    pub(super) trace: i64,
}

impl Sums {
    fn add(&mut self, change: i64, word: &str) {
        self.cents += change;
        self.facts += 1;
        self.trace = self.trace.wrapping_mul(1_000_003).wrapping_add(change * 31 + word.len() as i64);
    }
}

macro_rules! account {
    ($account:ident, $($snapshot:tt)*) => {
        #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[aggregate(name = "account", events(Opened, Withdrawn, Deposited) $($snapshot)*)]
        pub(super) struct $account {
            pub(super) sums: Sums,
        }

        impl Apply<Opened> for $account {
            fn apply(&mut self, opened: &Opened) {
                self.sums.is_open = true;
                self.sums.add(opened.cents, "opened");
            }
        }

        impl Apply<Withdrawn> for $account {
            fn apply(&mut self, withdrawn: &Withdrawn) {
                self.sums.add(-withdrawn.cents, &withdrawn.channel);
            }
        }

        impl Apply<Deposited> for $account {
            fn apply(&mut self, deposited: &Deposited) {
                self.sums.add(deposited.cents, "");
            }
        }
    };
}

account!(Account, , snapshot(every = 5));
account!(Replayed,);

/// What an account is asked.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// Nothing happens where it is open already.
    Open(i64),
    /// In so many events.
    Deposit(i64, usize),
    Withdraw(i64),
    /// Also where it is not open.
    PutBack(i64),
}

#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) ask: Ask,
    pub(super) tag: String,
}

/// No, and on which state.
#[derive(Clone, Copy, Debug)]
pub(super) struct No(pub(super) Sums);

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no: {:?}", self.0)
    }
}

impl Handle<Asked> for Account {
    type Decision = Result<Vec<AccountEvent>, No>;

    fn handle(&self, Asked { ask, tag }: &Asked) -> Self::Decision {
        let deposited = |cents| Deposited { cents, tag: tag.clone() }.into();
        match *ask {
            Ask::Open(_) if self.sums.is_open => Ok(Vec::new()),
            Ask::Open(cents) => Ok(vec![Opened { cents, tag: tag.clone() }.into()]),
            Ask::PutBack(cents) => Ok(vec![deposited(cents)]),
            _ if !self.sums.is_open => Err(No(self.sums)),
            Ask::Deposit(cents, times) => Ok((0..times).map(|_| deposited(cents)).collect()),
            Ask::Withdraw(cents) if cents > self.sums.cents => Err(No(self.sums)),
            Ask::Withdraw(cents) => Ok(vec![Withdrawn { cents, tag: tag.clone(), channel: "teller".into() }.into()]),
        }
    }
}

macro_rules! balances {
    ($view:ident, $name:literal) => {
        #[derive(View, Clone, Debug, PartialEq)]
        #[view(name = $name, version = 1, events(Opened, Withdrawn, Deposited))]
        pub(super) struct $view {
            #[view(key = stream)]
            pub(super) account: String,
            #[view(version)]
            pub(super) version: Version,
            pub(super) cents: i64,
            pub(super) facts: i64,
            pub(super) trace: i64,
        }

        impl $view {
            fn add(account: &str, row: Option<Self>, change: i64, word: &str) -> Option<Self> {
                let row = row.map(|row| Sums { is_open: true, cents: row.cents, facts: row.facts, trace: row.trace });
                let mut sums = row.unwrap_or_default();
                sums.add(change, word);
                let Sums { cents, facts, trace, .. } = sums;
                Some(Self { account: account.to_owned(), version: Version(0), cents, facts, trace })
            }
        }

        impl Fold<Opened> for $view {
            fn fold(account: &String, row: Option<Self>, opened: &Recorded<Opened>) -> Option<Self> {
                Self::add(account, row, opened.event.cents, "opened")
            }
        }

        impl Fold<Withdrawn> for $view {
            fn fold(account: &String, row: Option<Self>, withdrawn: &Recorded<Withdrawn>) -> Option<Self> {
                Self::add(account, row, -withdrawn.event.cents, &withdrawn.event.channel)
            }
        }

        impl Fold<Deposited> for $view {
            fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
                Self::add(account, row, deposited.event.cents, "")
            }
        }
    };
}

// The same rows, in the append's own transaction and behind it.
balances!(Kept, "kept_balances");
balances!(Projected, "projected_balances");

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.requested", version = 1)]
pub(super) struct Requested {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.taken", version = 1)]
pub(super) struct Taken {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.refused", version = 1)]
pub(super) struct Refused {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.arrived", version = 1)]
pub(super) struct Arrived {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.bounced", version = 1)]
pub(super) struct Bounced {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "transfer.returned", version = 1)]
pub(super) struct Returned {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "transfer", events(Requested, Taken, Refused, Arrived, Bounced, Returned))]
pub(super) struct Transfer {
    from: String,
    to: String,
    cents: i64,
}

impl Apply<Requested> for Transfer {
    fn apply(&mut self, Requested { from, to, cents }: &Requested) {
        (self.from, self.to, self.cents) = (from.clone(), to.clone(), *cents);
    }
}

macro_rules! changes_nothing {
    ($($event:ident),*) => {
        $(impl Apply<$event> for Transfer {
            fn apply(&mut self, _: &$event) {}
        })*
    };
}
changes_nothing!(Taken, Refused, Arrived, Bounced, Returned);

impl ProcessManager for Transfer {
    type Input = NoInput;

    fn react(&self, event: &Recorded<TransferEvent>, then: &mut Reaction<Self>) {
        let (cents, id) = (self.cents, event.stream.id());
        let asked = |ask, step: &str| Asked { ask, tag: format!("{id}.{step}") };
        match &event.event {
            TransferEvent::Requested(_) => {
                let taking = then.to::<Account>(&self.from).send(asked(Ask::Withdraw(cents), "out"));
                taking.and(Taken {}).or(|_| Refused {});
            }
            TransferEvent::Taken(_) => {
                let giving = then.to::<Account>(&self.to).send(asked(Ask::Deposit(cents, 1), "in"));
                giving.and(Arrived {}).or(|_| Bounced {});
            }
            TransferEvent::Bounced(_) => {
                let returning = then.to::<Account>(&self.from).send(asked(Ask::PutBack(cents), "back"));
                returning.and(Returned {}).or(|_| Returned {});
            }
            TransferEvent::Refused(_) | TransferEvent::Arrived(_) | TransferEvent::Returned(_) => {}
        }
    }
}
