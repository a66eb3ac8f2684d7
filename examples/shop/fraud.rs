//! The fraud report: a view that nobody had thought of when the first orders came.

use eventsource::{Fold, Keys, Recorded, View};

use super::order::{Because, Cancelled, Placed};

/// A customer, with all orders and those that nobody paid.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "fraud_report", version = 1, events(Placed, Cancelled))]
pub(crate) struct Suspect {
    #[view(key)]
    pub(crate) customer: String,
    pub(crate) orders: i64,
    #[view(index)]
    pub(crate) unpaid: i64,
}

impl Fold<Placed> for Suspect {
    fn keys(placed: &Recorded<Placed>) -> Keys<String> {
        Keys::one(placed.event.customer.clone())
    }

    fn fold(customer: &String, row: Option<Self>, _: &Recorded<Placed>) -> Option<Self> {
        let row = row.unwrap_or(Self { customer: customer.clone(), orders: 0, unpaid: 0 });
        Some(Self { orders: row.orders + 1, ..row })
    }
}

impl Fold<Cancelled> for Suspect {
    fn keys(cancelled: &Recorded<Cancelled>) -> Keys<String> {
        Keys::one(cancelled.event.customer.clone())
    }

    fn fold(_: &String, row: Option<Self>, cancelled: &Recorded<Cancelled>) -> Option<Self> {
        let row = row?;
        Some(Self { unpaid: row.unpaid + i64::from(cancelled.event.because != Because::SoldOut), ..row })
    }
}
