//! What happened, read from the events alone: by this, every other model is measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsource::{CloudEvent, Events, Publication, Read, Recorded, StoreError, ViewStore};

use super::cart::{CartEvent, Line};
use super::order::{OrderEvent, Placed, Short};
use super::payment::PaymentEvent;
use super::shipment::ShipmentEvent;
use super::stock::StockEvent;
use super::told::{Orders, Told};

#[derive(Default)]
pub(crate) struct Books {
    /// By number.
    pub(crate) orders: BTreeMap<String, Order>,
    /// What lies on it and is promised to nobody, by item.
    pub(crate) shelf: BTreeMap<String, i64>,
    /// All that the services are told.
    pub(crate) told: Vec<Letter>,
}

#[derive(Default)]
pub(crate) struct Order {
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) is_checked_out: bool,
    /// How often it was placed.
    pub(crate) placed: u32,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) outcomes: u32,
    /// Payments, as payments have them and as the order has them.
    pub(crate) received: Vec<i64>,
    pub(crate) paid: Vec<i64>,
    pub(crate) returned: Vec<i64>,
    pub(crate) refunded: Vec<i64>,
    pub(crate) parcels: u32,
    pub(crate) sent: u32,
    /// Pieces that were taken for it and not put back.
    pub(crate) taken: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Shipped,
    Short(String),
    Declined(String),
    Expired,
}

/// What a service is told, of which it makes its own.
pub(crate) struct Letter {
    pub(crate) key: String,
    pub(crate) name: &'static str,
    pub(crate) subject: String,
    pub(crate) customer: String,
    /// That came, or went if it is below zero.
    pub(crate) cents: i64,
}

impl Order {
    pub(crate) fn cents(&self) -> i64 {
        self.lines.iter().map(|line| line.cents).sum()
    }

    /// What the customer has paid and not got back.
    pub(crate) fn kept(&self) -> i64 {
        self.received.iter().sum::<i64>() - self.returned.iter().sum::<i64>()
    }

    pub(crate) fn is_shipped(&self) -> bool {
        self.outcome == Some(Outcome::Shipped)
    }

    fn ends(&mut self, outcome: Outcome) {
        self.outcomes += 1;
        self.outcome = Some(outcome);
    }
}

impl Books {
    pub(crate) async fn read(store: &Arc<dyn ViewStore>) -> Result<Self, StoreError> {
        let mut books = Self::default();
        let mut carts = Events::<CartEvent>::new(store.clone(), Read::category("cart"));
        while let Some(event) = carts.next().await? {
            if matches!(event.event, CartEvent::CheckedOut(_)) {
                books.order(&event).is_checked_out = true;
            }
        }
        let mut orders = Events::<OrderEvent>::new(store.clone(), Read::category("order"));
        while let Some(event) = orders.next().await? {
            books.add_order(event);
        }
        let mut payments = Events::<PaymentEvent>::new(store.clone(), Read::category("payment"));
        while let Some(event) = payments.next().await? {
            let order = books.order(&event);
            match event.event {
                PaymentEvent::Received(received) => order.received.push(received.cents),
                PaymentEvent::Returned(returned) => order.returned.push(returned.cents),
            }
        }
        let mut shipments = Events::<ShipmentEvent>::new(store.clone(), Read::category("shipment"));
        while let Some(event) = shipments.next().await? {
            let order = books.order(&event);
            match event.event {
                ShipmentEvent::Requested(_) => order.parcels += 1,
                ShipmentEvent::Sent(_) => order.sent += 1,
            }
        }
        let mut stock = Events::<StockEvent>::new(store.clone(), Read::category("stock"));
        while let Some(event) = stock.next().await? {
            books.add_stock(event);
        }
        let mut told = Events::<Told>::new(store.clone(), Read::category("order"));
        while let Some(event) = told.next().await? {
            books.told.push(letter(&event));
        }
        Ok(books)
    }

    fn order<E>(&mut self, event: &Recorded<E>) -> &mut Order {
        self.orders.entry(event.stream.id().to_owned()).or_default()
    }

    fn add_order(&mut self, event: Recorded<OrderEvent>) {
        let order = self.order(&event);
        match event.event {
            OrderEvent::Placed(Placed { customer, lines, .. }) => {
                order.placed += 1;
                (order.customer, order.lines) = (customer, lines);
            }
            OrderEvent::Reserved(_) | OrderEvent::Accepted(_) => {}
            OrderEvent::Paid(paid) => order.paid.push(paid.cents),
            OrderEvent::Refunded(refunded) => order.refunded.push(refunded.cents),
            OrderEvent::Short(Short { because, .. }) => order.ends(Outcome::Short(because)),
            OrderEvent::Declined(declined) => order.ends(Outcome::Declined(declined.because)),
            OrderEvent::Expired(_) => order.ends(Outcome::Expired),
            OrderEvent::Shipped(_) => order.ends(Outcome::Shipped),
        }
    }

    fn add_stock(&mut self, event: Recorded<StockEvent>) {
        let item = event.stream.id().to_owned();
        let (order, pieces) = match event.event {
            StockEvent::Delivered(delivered) => (None, i64::from(delivered.pieces)),
            StockEvent::Taken(taken) => (Some(taken.order), -i64::from(taken.pieces)),
            StockEvent::PutBack(put_back) => (Some(put_back.order), i64::from(put_back.pieces)),
        };
        if let Some(order) = order {
            *self.orders.entry(order).or_default().taken.entry(item.clone()).or_default() -= pieces;
        }
        *self.shelf.entry(item).or_default() += pieces;
    }
}

/// As the relay publishes it, made without the relay.
fn letter(event: &Recorded<Told>) -> Letter {
    let (name, customer, cents) = match &event.event {
        Told::Accepted(accepted) => ("order.accepted", &accepted.customer, 0),
        Told::Short(short) => ("order.short", &short.customer, 0),
        Told::Paid(paid) => ("order.paid", &paid.customer, paid.cents),
        Told::Declined(declined) => ("order.declined", &declined.customer, 0),
        Told::Expired(expired) => ("order.expired", &expired.customer, 0),
        Told::Shipped(shipped) => ("order.shipped", &shipped.customer, 0),
        Told::Refunded(refunded) => ("order.refunded", &refunded.customer, -refunded.cents),
    };
    let CloudEvent { id: key, subject, .. } = CloudEvent::new(Orders::SOURCE, event, name, 1, ());
    Letter { key, name, subject, customer: customer.clone(), cents }
}
