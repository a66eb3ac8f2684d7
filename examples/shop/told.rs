//! What others are told of orders: no lines, no cards, and what each of them needs to do its work.

use eventsource::{EventSet, Publication, SinkStart};

use super::order::{Accepted, Declined, Expired, Paid, Refunded, Shipped, Short};

#[derive(EventSet)]
pub(crate) enum Told {
    Accepted(Accepted),
    Short(Short),
    Paid(Paid),
    Declined(Declined),
    Expired(Expired),
    Shipped(Shipped),
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
