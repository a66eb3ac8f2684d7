//! The view *my orders*: what a customer sees of each.

use eventsource::{Fold, Recorded, View};

use super::order::{Accepted, Declined, Expired, Paid, Placed, Refunded, Shipped, Short};

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "my_orders", version = 1, events(Placed, Accepted, Short, Paid, Declined, Expired, Shipped, Refunded))]
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
    fn now(self, status: &str) -> Option<Self> {
        Some(Self { status: status.to_owned(), ..self })
    }
}

impl Fold<Placed> for MyOrder {
    fn fold(id: &String, _: Option<Self>, placed: &Recorded<Placed>) -> Option<Self> {
        let cents = placed.event.lines.iter().map(|line| line.cents).sum();
        let (id, customer) = (id.clone(), placed.event.customer.clone());
        Some(Self { id, customer, cents, paid: 0, status: "placed".to_owned() })
    }
}

impl Fold<Accepted> for MyOrder {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Accepted>) -> Option<Self> {
        row?.now("accepted")
    }
}

impl Fold<Short> for MyOrder {
    fn fold(_: &String, row: Option<Self>, short: &Recorded<Short>) -> Option<Self> {
        row?.now(&format!("cancelled: {}", short.event.because))
    }
}

impl Fold<Paid> for MyOrder {
    fn fold(_: &String, row: Option<Self>, paid: &Recorded<Paid>) -> Option<Self> {
        let row = row?;
        Some(Self { paid: row.paid + paid.event.cents, ..row })
    }
}

impl Fold<Declined> for MyOrder {
    fn fold(_: &String, row: Option<Self>, declined: &Recorded<Declined>) -> Option<Self> {
        row?.now(&format!("cancelled: {}", declined.event.because))
    }
}

impl Fold<Expired> for MyOrder {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Expired>) -> Option<Self> {
        row?.now("cancelled: not paid in time")
    }
}

impl Fold<Shipped> for MyOrder {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Shipped>) -> Option<Self> {
        row?.now("shipped")
    }
}

impl Fold<Refunded> for MyOrder {
    fn fold(_: &String, row: Option<Self>, refunded: &Recorded<Refunded>) -> Option<Self> {
        let row = row?;
        Some(Self { paid: row.paid - refunded.event.cents, ..row })
    }
}
