//! What others are told of orders: no lines, no cards, and what each of them needs to do its work.

use eventsource::{EventSet, Publication, SinkStart};

use super::order::{Accepted, Cancelled, Paid, Refunded, Shipped};

#[derive(EventSet)]
pub(crate) enum Told {
    Accepted(Accepted),
    Paid(Paid),
    Shipped(Shipped),
    Cancelled(Cancelled),
    Refunded(Refunded),
}

pub(crate) struct Orders;

/// Fits all of it.
pub(crate) const PATTERN: &str = "shop.order.*";

impl Publication for Orders {
    type Event = Told;
    const NAME: &'static str = "orders_out";
    const SOURCE: &'static str = "/shop";
    const ROUTING_KEY: &'static str = "shop.{name}";
    const START: SinkStart = SinkStart::FirstEvent;
}
