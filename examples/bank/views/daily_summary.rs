//! What came in and went out on each day, over all accounts: rows that events of many streams change.

use eventsource::{Fold, Keys, Recorded, View};

use crate::domain::{Credited, Debited};
use crate::money::Money;

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "daily_summary", version = 1, events(Credited, Debited))]
pub(crate) struct DailySummary {
    /// As `1993-01-31`, whose order is that of the calendar.
    #[view(key)]
    pub(crate) day: String,
    pub(crate) deposits: Money,
    pub(crate) withdrawals: Money,
    pub(crate) net: Money,
}

impl DailySummary {
    fn empty(day: &str) -> Self {
        Self { day: day.to_owned(), deposits: Money::ZERO, withdrawals: Money::ZERO, net: Money::ZERO }
    }
}

/// The day on which it happened, not that on which it was recorded.
fn day_of<E>(recorded: &Recorded<E>) -> Keys<String> {
    Keys::one(recorded.occurred_at.format("%F").to_string())
}

impl Fold<Credited> for DailySummary {
    fn keys(credited: &Recorded<Credited>) -> Keys<String> {
        day_of(credited)
    }

    fn fold(day: &String, row: Option<Self>, credited: &Recorded<Credited>) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self::empty(day));
        let amount = credited.event.amount;
        Some(Self { deposits: row.deposits + amount, net: row.net + amount, ..row })
    }
}

impl Fold<Debited> for DailySummary {
    fn keys(debited: &Recorded<Debited>) -> Keys<String> {
        day_of(debited)
    }

    fn fold(day: &String, row: Option<Self>, debited: &Recorded<Debited>) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self::empty(day));
        let amount = debited.event.amount;
        Some(Self { withdrawals: row.withdrawals + amount, net: row.net - amount, ..row })
    }
}
