//! The account: what can happen to it, what that means, and what may be decided. No store, no clock, no file.

use eventsource::{Aggregate, Apply, DomainEvent, Handle};
use serde::{Deserialize, Serialize};

use super::money::Money;

/// Version 1 did not say whose account it is.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 2)]
pub(crate) struct Opened {
    #[event(added = 2, default = "unknown")]
    pub(crate) owner: String,
}

/// Version 1 counted whole crowns and kept no text; branches with the oldest program still write it. Version 2 called the
/// purpose a text, as the debit still does.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.credited", version = 3)]
pub(crate) struct Credited {
    #[event(renamed(from = "crowns", in = 2), changed(in = 2, from = i64, with = Money::crowns))]
    pub(crate) amount: Money,
    #[event(added = 2, default = "deposit", renamed(from = "text", in = 3))]
    pub(crate) purpose: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.debited", version = 1)]
pub(crate) struct Debited {
    pub(crate) amount: Money,
    pub(crate) text: String,
}

/// What a bank calls its own charge on a statement.
pub(crate) const STATEMENT_FEE: &str = "statement fee";

impl Debited {
    pub(crate) fn is_fee(&self) -> bool {
        // Behind it may stand the other side of the transfer.
        self.text.starts_with(STATEMENT_FEE)
    }
}

/// A debit of the ledger took the balance below zero.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.overdrawn", version = 1)]
pub(crate) struct Overdrawn {
    pub(crate) balance: Money,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.closed", version = 1)]
pub(crate) struct Closed {}

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "account", events(Opened, Credited, Debited, Overdrawn, Closed), snapshot(every = 100))]
pub(crate) struct Account {
    pub(crate) status: Status,
    pub(crate) balance: Money,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    #[default]
    Unknown,
    Open,
    Closed,
}

impl Apply<Opened> for Account {
    fn apply(&mut self, _: &Opened) {
        self.status = Status::Open;
    }
}

impl Apply<Credited> for Account {
    fn apply(&mut self, event: &Credited) {
        self.balance += event.amount;
    }
}

impl Apply<Debited> for Account {
    fn apply(&mut self, event: &Debited) {
        self.balance -= event.amount;
    }
}

impl Apply<Overdrawn> for Account {
    // For people who look for it: the debit beside it has moved the balance already.
    fn apply(&mut self, _: &Overdrawn) {}
}

impl Apply<Closed> for Account {
    fn apply(&mut self, _: &Closed) {
        self.status = Status::Closed;
    }
}

/// A customer wants money; the bank may say no.
pub(crate) struct Withdraw {
    pub(crate) amount: Money,
}

/// A customer leaves; the bank may say no.
pub(crate) struct Close;

/// A row of a ledger: it happened, so it is recorded.
pub(crate) struct Post {
    /// Whose account it is; of use for its first row.
    pub(crate) owner: String,
    pub(crate) direction: Direction,
    pub(crate) amount: Money,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Credit,
    Debit,
}

/// What the bank says when it says no.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such account")]
    Unknown,
    #[error("the account is closed")]
    Closed,
    #[error("{0:#} Kč cannot be withdrawn")]
    NotAnAmount(Money),
    #[error("{amount:#} Kč is more than the balance of {balance:#} Kč")]
    BeyondBalance { amount: Money, balance: Money },
    #[error("the balance is {balance:#} Kč, not zero")]
    NotEmpty { balance: Money },
}

impl Handle<Withdraw> for Account {
    type Decision = Result<Debited, Refusal>;

    fn handle(&self, command: &Withdraw) -> Self::Decision {
        self.check_open()?;
        let Withdraw { amount } = *command;
        if amount <= Money::ZERO {
            return Err(Refusal::NotAnAmount(amount));
        }
        if amount > self.balance {
            return Err(Refusal::BeyondBalance { amount, balance: self.balance });
        }
        Ok(Debited { amount, text: "withdrawal".to_owned() })
    }
}

impl Handle<Close> for Account {
    type Decision = Result<Closed, Refusal>;

    fn handle(&self, _: &Close) -> Self::Decision {
        self.check_open()?;
        if self.balance != Money::ZERO {
            return Err(Refusal::NotEmpty { balance: self.balance });
        }
        Ok(Closed {})
    }
}

impl Handle<Post> for Account {
    type Decision = (Option<Opened>, AccountEvent, Option<Overdrawn>);

    fn handle(&self, command: &Post) -> Self::Decision {
        let Post { ref owner, direction, amount, ref text } = *command;
        let opened = (self.status == Status::Unknown).then(|| Opened { owner: owner.clone() });
        let entry: AccountEvent = match direction {
            Direction::Credit => Credited { amount, purpose: text.clone() }.into(),
            Direction::Debit => Debited { amount, text: text.clone() }.into(),
        };
        let balance = self.after(&entry).balance;
        let overdrawn = (self.balance >= Money::ZERO && balance < Money::ZERO).then_some(Overdrawn { balance });
        (opened, entry, overdrawn)
    }
}

impl Account {
    fn check_open(&self) -> Result<(), Refusal> {
        match self.status {
            Status::Unknown => Err(Refusal::Unknown),
            Status::Open => Ok(()),
            Status::Closed => Err(Refusal::Closed),
        }
    }
}
