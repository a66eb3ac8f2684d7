//! The fraud report: a view that nobody had thought of when the first orders came.

use eventsource::{Fold, Keys, Recorded, View};

use super::order::{Declined, Expired, Placed};

/// A customer, with all orders and those that nobody paid.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "fraud_report", version = 1, events(Placed, Declined, Expired))]
pub(crate) struct Suspect {
    #[view(key)]
    pub(crate) customer: String,
    pub(crate) orders: i64,
    #[view(index)]
    pub(crate) unpaid: i64,
}

impl Suspect {
    fn one_more_unpaid(self) -> Option<Self> {
        Some(Self { unpaid: self.unpaid + 1, ..self })
    }
}

impl Fold<Placed> for Suspect {
    fn keys(placed: &Recorded<Placed>) -> Keys<String> {
        Keys::one(placed.event.customer.clone())
    }

    fn fold(customer: &String, row: Option<Self>, _: &Recorded<Placed>) -> Option<Self> {
        let (orders, unpaid) = row.map_or((0, 0), |row| (row.orders, row.unpaid));
        Some(Self { customer: customer.clone(), orders: orders + 1, unpaid })
    }
}

impl Fold<Declined> for Suspect {
    fn keys(declined: &Recorded<Declined>) -> Keys<String> {
        Keys::one(declined.event.customer.clone())
    }

    fn fold(_: &String, row: Option<Self>, _: &Recorded<Declined>) -> Option<Self> {
        row?.one_more_unpaid()
    }
}

impl Fold<Expired> for Suspect {
    fn keys(expired: &Recorded<Expired>) -> Keys<String> {
        Keys::one(expired.event.customer.clone())
    }

    fn fold(_: &String, row: Option<Self>, _: &Recorded<Expired>) -> Option<Self> {
        row?.one_more_unpaid()
    }
}
