//! What each account holds: looked up by account, by owner, by amount, or by what changed last.

use chrono::{DateTime, Utc};
use eventsource::{Fold, Recorded, View};

use crate::domain::{Closed, Credited, Debited, Opened};
use crate::money::Money;

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 1, events(Opened, Credited, Debited, Closed))]
pub(crate) struct Balance {
    #[view(key = stream)]
    pub(crate) account: String,
    #[view(index)]
    pub(crate) owner: String,
    #[view(index)]
    pub(crate) balance: Money,
    pub(crate) closed: bool,
    #[view(index)]
    pub(crate) updated_at: DateTime<Utc>,
}

impl Fold<Opened> for Balance {
    fn fold(account: &String, _: Option<Self>, opened: &Recorded<Opened>) -> Option<Self> {
        Some(Self {
            account: account.clone(),
            owner: opened.event.owner.clone(),
            balance: Money::ZERO,
            closed: false,
            updated_at: opened.recorded_at,
        })
    }
}

impl Fold<Credited> for Balance {
    fn fold(_: &String, row: Option<Self>, credited: &Recorded<Credited>) -> Option<Self> {
        let row = row?;
        Some(Self { balance: row.balance + credited.event.amount, updated_at: credited.recorded_at, ..row })
    }
}

impl Fold<Debited> for Balance {
    fn fold(_: &String, row: Option<Self>, debited: &Recorded<Debited>) -> Option<Self> {
        let row = row?;
        Some(Self { balance: row.balance - debited.event.amount, updated_at: debited.recorded_at, ..row })
    }
}

impl Fold<Closed> for Balance {
    fn fold(_: &String, row: Option<Self>, closed: &Recorded<Closed>) -> Option<Self> {
        // The row stays: a ledger may still have something to say about an account that was closed.
        Some(Self { closed: true, updated_at: closed.recorded_at, ..row? })
    }
}
