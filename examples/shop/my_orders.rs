//! The view *my orders*: what a customer sees of each.

use eventsource::{Fold, Recorded, View};

use super::order::{Accepted, Cancelled, Paid, Placed, Refunded, Shipped};

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "my_orders", version = 1, events(Placed, Accepted, Paid, Shipped, Cancelled, Refunded))]
pub(crate) struct MyOrder {
    #[view(key = stream)]
    pub(crate) id: String,
    #[view(index)]
    pub(crate) customer: String,
    pub(crate) cents: i64,
    /// What was paid and not sent back.
    pub(crate) paid: i64,
    /// As the customer reads it.
    pub(crate) status: String,
}

impl MyOrder {
    fn now(self, status: impl Into<String>) -> Option<Self> {
        Some(Self { status: status.into(), ..self })
    }

    fn received(self, cents: i64) -> Option<Self> {
        Some(Self { paid: self.paid + cents, ..self })
    }
}

impl Fold<Placed> for MyOrder {
    fn fold(id: &String, _: Option<Self>, placed: &Recorded<Placed>) -> Option<Self> {
        let Placed { customer, lines, .. } = &placed.event;
        let cents = lines.iter().map(|line| line.cents).sum();
        Some(Self { id: id.clone(), customer: customer.clone(), cents, paid: 0, status: "placed".into() })
    }
}

impl Fold<Accepted> for MyOrder {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Accepted>) -> Option<Self> {
        row?.now("accepted")
    }
}

impl Fold<Paid> for MyOrder {
    fn fold(_: &String, row: Option<Self>, paid: &Recorded<Paid>) -> Option<Self> {
        row?.received(paid.event.cents)
    }
}

impl Fold<Shipped> for MyOrder {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Shipped>) -> Option<Self> {
        row?.now("shipped")
    }
}

impl Fold<Cancelled> for MyOrder {
    fn fold(_: &String, row: Option<Self>, cancelled: &Recorded<Cancelled>) -> Option<Self> {
        row?.now(format!("cancelled: {}", cancelled.event.because))
    }
}

impl Fold<Refunded> for MyOrder {
    fn fold(_: &String, row: Option<Self>, refunded: &Recorded<Refunded>) -> Option<Self> {
        row?.received(-refunded.event.cents)
    }
}
