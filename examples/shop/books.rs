//! What happened, read from the events alone: by this, every model is measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsource::{EventSet, Events, Read, Recorded, StoreError, ViewStore};

use super::cart::{CheckedOut, Line};
use super::order::{Accepted, Because, Cancelled, Paid, Placed, Refunded, Shipped};
use super::payment::{Received, Returned};
use super::shipment::{Requested, Sent};
use super::stock::{Delivered, PutBack, Taken};

#[derive(Default)]
pub(crate) struct Books {
    /// By number.
    pub(crate) orders: BTreeMap<String, Order>,
    /// What lies on the shelf, by item.
    pub(crate) shelf: BTreeMap<String, i64>,
    /// All that the services are told.
    pub(crate) letters: Vec<Letter>,
}

#[derive(Default)]
pub(crate) struct Order {
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
    /// All that happened to it, by name.
    pub(crate) course: Vec<String>,
    pub(crate) is_checked_out: bool,
    /// How often it was placed.
    pub(crate) placed: u32,
    /// It should have one.
    pub(crate) ends: Vec<End>,
    /// Money, as the payment has it and as the order has it.
    pub(crate) received: Vec<i64>,
    pub(crate) paid: Vec<i64>,
    pub(crate) returned: Vec<i64>,
    pub(crate) refunded: Vec<i64>,
    /// Parcels.
    pub(crate) requested: u32,
    pub(crate) sent: u32,
    /// Pieces that were taken for it and not put back, by item.
    pub(crate) taken: BTreeMap<String, i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Shipped,
    Cancelled(Because),
}

/// What a service is told, of which it makes its own.
pub(crate) struct Letter {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) customer: String,
    /// What has come; below zero, what has gone.
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
        self.ends == [End::Shipped]
    }
}

/// All that the books are about.
#[derive(EventSet)]
enum Fact {
    CheckedOut(CheckedOut),
    Placed(Placed),
    Accepted(Accepted),
    Paid(Paid),
    Shipped(Shipped),
    Cancelled(Cancelled),
    Refunded(Refunded),
    Received(Received),
    Returned(Returned),
    Requested(Requested),
    Sent(Sent),
    Delivered(Delivered),
    Taken(Taken),
    PutBack(PutBack),
}

impl Books {
    pub(crate) async fn read(store: &Arc<dyn ViewStore>) -> Result<Self, StoreError> {
        let mut books = Self::default();
        let mut facts = Events::<Fact>::new(store.clone(), Read::all());
        while let Some(fact) = facts.next().await? {
            if let Some(id) = order_of(&fact) {
                books.order(id).course.push(fact.name.to_string());
            }
            books.letters.extend(letter(&fact));
            books.add(fact);
        }
        Ok(books)
    }

    fn add(&mut self, Recorded { event: fact, stream, .. }: Recorded<Fact>) {
        let id = stream.id();
        match fact {
            Fact::CheckedOut(_) => self.order(id).is_checked_out = true,
            Fact::Placed(Placed { customer, lines, .. }) => {
                let order = self.order(id);
                order.placed += 1;
                (order.customer, order.lines) = (customer, lines);
            }
            Fact::Accepted(_) => {}
            Fact::Paid(paid) => self.order(id).paid.push(paid.cents),
            Fact::Shipped(_) => self.order(id).ends.push(End::Shipped),
            Fact::Cancelled(cancelled) => self.order(id).ends.push(End::Cancelled(cancelled.because)),
            Fact::Refunded(refunded) => self.order(id).refunded.push(refunded.cents),
            Fact::Received(received) => self.order(id).received.push(received.cents),
            Fact::Returned(returned) => self.order(id).returned.push(returned.cents),
            Fact::Requested(_) => self.order(id).requested += 1,
            Fact::Sent(_) => self.order(id).sent += 1,
            Fact::Delivered(delivered) => *self.shelf.entry(id.to_owned()).or_default() += i64::from(delivered.pieces),
            Fact::Taken(Taken { order, pieces }) => self.take(id, &order, pieces.into()),
            Fact::PutBack(PutBack { order, pieces }) => self.take(id, &order, -i64::from(pieces)),
        }
    }

    fn order(&mut self, id: &str) -> &mut Order {
        self.orders.entry(id.to_owned()).or_default()
    }

    fn take(&mut self, item: &str, order: &str, pieces: i64) {
        *self.shelf.entry(item.to_owned()).or_default() -= pieces;
        *self.order(order).taken.entry(item.to_owned()).or_default() += pieces;
    }
}

/// Stock has it in its events, all others have it as their own number.
fn order_of(fact: &Recorded<Fact>) -> Option<&str> {
    match &fact.event {
        Fact::Delivered(_) => None,
        Fact::Taken(Taken { order, .. }) | Fact::PutBack(PutBack { order, .. }) => Some(order),
        _ => Some(fact.stream.id()),
    }
}

/// What the relay must publish of it, made without the relay.
fn letter(fact: &Recorded<Fact>) -> Option<Letter> {
    let (customer, cents) = match &fact.event {
        Fact::Accepted(accepted) => (&accepted.customer, 0),
        Fact::Paid(paid) => (&paid.customer, paid.cents),
        Fact::Shipped(shipped) => (&shipped.customer, 0),
        Fact::Cancelled(cancelled) => (&cancelled.customer, 0),
        Fact::Refunded(refunded) => (&refunded.customer, -refunded.cents),
        _ => return None,
    };
    let (key, name, subject) = (fact.idempotency_key(), fact.name.to_string(), fact.stream.to_string());
    Some(Letter { key, name, subject, customer: customer.clone(), cents })
}
