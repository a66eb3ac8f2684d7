//! An order, from checkout to shipment: the process that tells all others what to do, and undoes what came to nothing.

use std::fmt;
use std::time::Duration;

use eventsource::{
    Aggregate, Apply, DomainEvent, EventSchema, EventSet, ProcessManager, Reaction, Recorded, SinkStart,
};
use serde::{Deserialize, Serialize};

use super::cart::{CheckedOut, Line};
use super::payment::{Charge, Payment, Received, Return};
use super::shipment::{Request, Sent, Shipment};
use super::stock::{Stock, Take, TakeBack};

/// Two weeks, elsewhere.
pub(crate) const PAY_WITHIN: Duration = Duration::from_secs(1);
const UNPAID: &str = "unpaid";

/// It knows the card, so it is published to nobody.
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
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.paid", version = 1)]
pub(crate) struct Paid {
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.shipped", version = 1)]
pub(crate) struct Shipped {
    pub(crate) customer: String,
}

/// It came to nothing.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.cancelled", version = 1)]
pub(crate) struct Cancelled {
    pub(crate) customer: String,
    pub(crate) because: Because,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EventSchema, Serialize, Deserialize)]
pub(crate) enum Because {
    SoldOut,
    CardDeclined,
    NotPaid,
}

/// What was paid for an order that came to nothing has gone back.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.refunded", version = 1)]
pub(crate) struct Refunded {
    pub(crate) customer: String,
    pub(crate) cents: i64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "order", events(Placed, Reserved, Accepted, Paid, Shipped, Cancelled, Refunded))]
pub(crate) struct Order {
    customer: String,
    lines: Vec<Line>,
    card: Option<String>,
    /// So many lines.
    reserved: usize,
    /// Who pays by transfer may be early, or late.
    paid: i64,
    step: Step,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    #[default]
    New,
    Reserving,
    Accepted,
    Shipped,
    Cancelled,
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

impl Apply<Paid> for Order {
    fn apply(&mut self, paid: &Paid) {
        self.paid += paid.cents;
    }
}

impl Apply<Shipped> for Order {
    fn apply(&mut self, _: &Shipped) {
        self.step = Step::Shipped;
    }
}

impl Apply<Cancelled> for Order {
    fn apply(&mut self, _: &Cancelled) {
        self.step = Step::Cancelled;
    }
}

impl Apply<Refunded> for Order {
    fn apply(&mut self, refunded: &Refunded) {
        self.paid -= refunded.cents;
    }
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
            Heard::Received(Received { cents }) if self.paid == 0 => Some(Paid { customer, cents: *cents }.into()),
            Heard::Sent(_) if self.step == Step::Accepted => Some(Shipped { customer }.into()),
            Heard::CheckedOut(_) | Heard::Received(_) | Heard::Sent(_) => None,
        }
    }

    fn react(&self, event: &Recorded<OrderEvent>, then: &mut Reaction<Self>) {
        let id = event.stream.id();
        match &event.event {
            OrderEvent::Placed(_) | OrderEvent::Reserved(_) => self.reserve_next(id, then),
            OrderEvent::Accepted(_) if self.paid > 0 => self.ship(id, then),
            OrderEvent::Accepted(_) => self.ask_for_money(id, then),
            OrderEvent::Paid(_) => {
                then.cancel(UNPAID);
                match self.step {
                    Step::Accepted => self.ship(id, then),
                    Step::Cancelled => self.refund(id, then),
                    Step::New | Step::Reserving | Step::Shipped => {}
                }
            }
            OrderEvent::Cancelled(_) => {
                self.put_back(id, then);
                if self.paid > 0 {
                    self.refund(id, then);
                }
            }
            OrderEvent::Shipped(_) | OrderEvent::Refunded(_) => {}
        }
    }

    fn on_timer(&self, _: &str) -> Option<OrderEvent> {
        let waits = self.step == Step::Accepted && self.paid == 0;
        waits.then(|| Cancelled { customer: self.customer.clone(), because: Because::NotPaid }.into())
    }
}

impl Order {
    /// One line after the other, so that it is known which are to be put back.
    fn reserve_next(&self, id: &str, then: &mut Reaction<Self>) {
        let Some(Line { item, pieces, .. }) = self.lines.get(self.reserved) else { return };
        let customer = self.customer.clone();
        let reserved: OrderEvent = match self.reserved + 1 == self.lines.len() {
            true => Accepted { customer: customer.clone() }.into(),
            false => Reserved { item: item.clone() }.into(),
        };
        let taking = then.to::<Stock>(item).send(Take { order: id.to_owned(), pieces: *pieces });
        taking.and(reserved).or(|_| Cancelled { customer, because: Because::SoldOut });
    }

    fn ask_for_money(&self, id: &str, then: &mut Reaction<Self>) {
        let Some(card) = self.card.clone() else { return then.after(PAY_WITHIN, UNPAID) };
        let (customer, cents) = (self.customer.clone(), self.lines.iter().map(|line| line.cents).sum());
        // That it was paid is heard in the same way as of a transfer.
        let charging = then.to::<Payment>(id).send(Charge { card, cents });
        charging.or(|_| Cancelled { customer, because: Because::CardDeclined });
    }

    fn ship(&self, id: &str, then: &mut Reaction<Self>) {
        let contents = self.lines.iter().map(|line| format!("{} {}", line.pieces, line.item)).collect::<Vec<_>>();
        then.to::<Shipment>(id).send(Request { contents: contents.join(", ") });
    }

    fn put_back(&self, id: &str, then: &mut Reaction<Self>) {
        for Line { item, pieces, .. } in self.lines.iter().take(self.reserved) {
            then.to::<Stock>(item).send(TakeBack { order: id.to_owned(), pieces: *pieces });
        }
    }

    fn refund(&self, id: &str, then: &mut Reaction<Self>) {
        let refunded = Refunded { customer: self.customer.clone(), cents: self.paid };
        then.to::<Payment>(id).send(Return).and(refunded);
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SoldOut => "sold out",
            Self::CardDeclined => "the card is declined",
            Self::NotPaid => "not paid in time",
        })
    }
}
