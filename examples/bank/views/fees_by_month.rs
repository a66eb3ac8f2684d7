//! What the bank has charged in each month: a view that most of its events do not concern.

use eventsource::{Fold, Keys, Recorded, View};

use crate::domain::Debited;
use crate::money::Money;

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "fees_by_month", version = 1, events(Debited))]
pub(crate) struct FeesOfMonth {
    /// As `1993-01`.
    #[view(key)]
    pub(crate) month: String,
    pub(crate) fees: i64,
    pub(crate) total: Money,
}

impl Fold<Debited> for FeesOfMonth {
    fn keys(debited: &Recorded<Debited>) -> Keys<String> {
        if debited.event.is_fee() { Keys::one(debited.occurred_at.format("%Y-%m").to_string()) } else { Keys::none() }
    }

    fn fold(month: &String, row: Option<Self>, debited: &Recorded<Debited>) -> Option<Self> {
        let (fees, total) = row.map_or((0, Money::ZERO), |row| (row.fees, row.total));
        Some(Self { month: month.clone(), fees: fees + 1, total: total + debited.event.amount })
    }
}
