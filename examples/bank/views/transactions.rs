//! The history of each account: a row for each credit and debit, which no later event changes.

use chrono::{DateTime, Utc};
use eventsource::{Fold, Keys, Recorded, View};

use crate::domain::{Credited, Debited};
use crate::money::Money;

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "transactions", version = 1, events(Credited, Debited))]
pub(crate) struct Transaction {
    /// The event's place in the store: rows of an account come in the order in which they were recorded.
    #[view(key)]
    pub(crate) position: i64,
    #[view(index)]
    pub(crate) account: String,
    #[view(index)]
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) text: String,
    /// Below zero for a debit.
    pub(crate) amount: Money,
}

impl Transaction {
    fn new<E>(position: i64, recorded: &Recorded<E>, text: &str, amount: Money) -> Self {
        let account = recorded.stream.id().to_owned();
        Self { position, account, occurred_at: recorded.occurred_at, text: text.to_owned(), amount }
    }
}

/// The key of an event's row; a position does not come near 63 bits.
fn row_of<E>(recorded: &Recorded<E>) -> Keys<i64> {
    Keys::one(recorded.position.0.cast_signed())
}

impl Fold<Credited> for Transaction {
    fn keys(credited: &Recorded<Credited>) -> Keys<i64> {
        row_of(credited)
    }

    fn fold(position: &i64, _: Option<Self>, credited: &Recorded<Credited>) -> Option<Self> {
        let Credited { amount, purpose } = &credited.event;
        Some(Self::new(*position, credited, purpose, *amount))
    }
}

impl Fold<Debited> for Transaction {
    fn keys(debited: &Recorded<Debited>) -> Keys<i64> {
        row_of(debited)
    }

    fn fold(position: &i64, _: Option<Self>, debited: &Recorded<Debited>) -> Option<Self> {
        let Debited { amount, text } = &debited.event;
        Some(Self::new(*position, debited, text, Money::ZERO - *amount))
    }
}
