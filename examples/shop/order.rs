//! An order, from checkout to shipment: the process that tells all others what to do, and undoes what came to nothing.

use std::time::Duration;

use eventsource::{Aggregate, Apply, DomainEvent, EventSet, ProcessManager, Reaction, Recorded, SinkStart};
use serde::{Deserialize, Serialize};

use super::cart::{CheckedOut, Line};
use super::payment::{Charge, Payment, Received, Return};
use super::shipment::{Request, Sent, Shipment};
use super::stock::{Stock, Take, TakeBack};

/// Two weeks, elsewhere.
pub(crate) const PAY_WITHIN: Duration = Duration::from_secs(1);
const UNPAID: &str = "unpaid";

/// It knows the card, so it is told to nobody.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.placed", version = 1)]
pub(crate) struct Placed {
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) card: Option<String>,
}

/// One line, and there are more.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.reserved", version = 1)]
pub(crate) struct Reserved {
    pub(crate) item: String,
}

/// The last line is reserved, too.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.accepted", version = 1)]
pub(crate) struct Accepted {
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.short", version = 1)]
pub(crate) struct Short {
    pub(crate) customer: String,
    pub(crate) because: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.paid", version = 1)]
pub(crate) struct Paid {
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.declined", version = 1)]
pub(crate) struct Declined {
    pub(crate) customer: String,
    pub(crate) because: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.expired", version = 1)]
pub(crate) struct Expired {
    pub(crate) customer: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.shipped", version = 1)]
pub(crate) struct Shipped {
    pub(crate) customer: String,
}

/// What was paid for an order that came to nothing has gone back.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.refunded", version = 1)]
pub(crate) struct Refunded {
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "order", events(Placed, Reserved, Accepted, Short, Paid, Declined, Expired, Shipped, Refunded))]
pub(crate) struct Order {
    customer: String,
    lines: Vec<Line>,
    card: Option<String>,
    /// So many lines.
    reserved: usize,
    step: Step,
    /// Who pays by transfer may be early, or late.
    is_paid: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    #[default]
    New,
    Reserving,
    Accepted,
    Cancelled,
    Shipped,
}

impl Apply<Placed> for Order {
    fn apply(&mut self, Placed { customer, lines, card }: &Placed) {
        (self.customer, self.lines, self.card) = (customer.clone(), lines.clone(), card.clone());
        self.step = Step::Reserving;
    }
}

impl Apply<Reserved> for Order {
    fn apply(&mut self, _: &Reserved) {
        self.reserved += 1;
    }
}

impl Apply<Accepted> for Order {
    fn apply(&mut self, _: &Accepted) {
        self.reserved += 1;
        self.step = Step::Accepted;
    }
}

impl Apply<Short> for Order {
    fn apply(&mut self, _: &Short) {
        self.step = Step::Cancelled;
    }
}

impl Apply<Paid> for Order {
    fn apply(&mut self, _: &Paid) {
        self.is_paid = true;
    }
}

impl Apply<Declined> for Order {
    fn apply(&mut self, _: &Declined) {
        self.step = Step::Cancelled;
    }
}

impl Apply<Expired> for Order {
    fn apply(&mut self, _: &Expired) {
        self.step = Step::Cancelled;
    }
}

impl Apply<Shipped> for Order {
    fn apply(&mut self, _: &Shipped) {
        self.step = Step::Shipped;
    }
}

impl Apply<Refunded> for Order {
    fn apply(&mut self, _: &Refunded) {}
}

/// What orders hear of others. Carts, payments and shipments have the number of their order.
#[derive(EventSet)]
pub(crate) enum Heard {
    CheckedOut(CheckedOut),
    Received(Received),
    Sent(Sent),
}

impl ProcessManager for Order {
    type Input = Heard;
    const START: SinkStart = SinkStart::FirstEvent;

    fn instance(heard: &Recorded<Heard>) -> Option<String> {
        Some(heard.stream.id().to_owned())
    }

    fn note(&self, heard: &Recorded<Heard>) -> Option<OrderEvent> {
        let customer = self.customer.clone();
        match &heard.event {
            Heard::CheckedOut(CheckedOut { customer, lines, card }) if self.step == Step::New => {
                Some(Placed { customer: customer.clone(), lines: lines.clone(), card: card.clone() }.into())
            }
            Heard::Received(Received { cents }) if !self.is_paid => Some(Paid { customer, cents: *cents }.into()),
            Heard::Sent(_) if self.step == Step::Accepted => Some(Shipped { customer }.into()),
            Heard::CheckedOut(_) | Heard::Received(_) | Heard::Sent(_) => None,
        }
    }

    fn react(&self, event: &Recorded<OrderEvent>, then: &mut Reaction<Self>) {
        let id = event.stream.id();
        match &event.event {
            OrderEvent::Placed(_) | OrderEvent::Reserved(_) => self.reserve_next(id, then),
            OrderEvent::Accepted(_) if self.is_paid => self.ship(id, then),
            OrderEvent::Accepted(_) => self.ask_for_money(id, then),
            OrderEvent::Paid(_) => {
                then.cancel(UNPAID);
                match self.step {
                    Step::Accepted => self.ship(id, then),
                    Step::Cancelled => self.refund(id, then),
                    Step::New | Step::Reserving | Step::Shipped => {}
                }
            }
            OrderEvent::Short(_) | OrderEvent::Declined(_) | OrderEvent::Expired(_) => self.undo(id, then),
            OrderEvent::Shipped(_) | OrderEvent::Refunded(_) => {}
        }
    }

    fn on_timer(&self, _: &str) -> Option<OrderEvent> {
        let waits = self.step == Step::Accepted && !self.is_paid;
        waits.then(|| Expired { customer: self.customer.clone() }.into())
    }
}

impl Order {
    fn cents(&self) -> i64 {
        self.lines.iter().map(|line| line.cents).sum()
    }

    /// One line after the other, so that it is known which are to be put back.
    fn reserve_next(&self, id: &str, then: &mut Reaction<Self>) {
        let Some(Line { item, pieces, .. }) = self.lines.get(self.reserved) else { return };
        let customer = self.customer.clone();
        let reserved: OrderEvent = match self.reserved + 1 == self.lines.len() {
            true => Accepted { customer: customer.clone(), cents: self.cents() }.into(),
            false => Reserved { item: item.clone() }.into(),
        };
        let what = item.clone();
        then.to::<Stock>(item)
            .send(Take { order: id.to_owned(), pieces: *pieces })
            .and(reserved)
            .or(move |few| Short { customer, because: format!("{what}: {few}") });
    }

    fn ask_for_money(&self, id: &str, then: &mut Reaction<Self>) {
        let (customer, cents) = (self.customer.clone(), self.cents());
        match self.card.clone() {
            Some(card) => {
                // That it was paid is heard in the same way as of a transfer.
                let charging = then.to::<Payment>(id).send(Charge { card, cents });
                charging.or(move |no| Declined { customer, because: no.to_string() });
            }
            None => then.after(PAY_WITHIN, UNPAID),
        }
    }

    fn ship(&self, id: &str, then: &mut Reaction<Self>) {
        let contents: Vec<String> =
            self.lines.iter().map(|Line { item, pieces, .. }| format!("{pieces} {item}")).collect();
        then.to::<Shipment>(id).send(Request { customer: self.customer.clone(), contents: contents.join(", ") });
    }

    fn undo(&self, id: &str, then: &mut Reaction<Self>) {
        for Line { item, pieces, .. } in &self.lines[..self.reserved] {
            then.to::<Stock>(item).send(TakeBack { order: id.to_owned(), pieces: *pieces });
        }
        if self.is_paid {
            self.refund(id, then);
        }
    }

    fn refund(&self, id: &str, then: &mut Reaction<Self>) {
        let refunded = Refunded { customer: self.customer.clone(), cents: self.cents() };
        then.to::<Payment>(id).send(Return).and(refunded);
    }
}
