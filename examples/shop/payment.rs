//! The payment of one order: money that has come, by card or by transfer, and money that went back.

use eventsource::{Aggregate, Apply, DomainEvent, Handle};
use serde::{Deserialize, Serialize};

/// Cards of these numbers are declined.
pub(crate) const STOLEN: &str = "stolen";

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "payment.received", version = 1)]
pub(crate) struct Received {
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "payment.returned", version = 1)]
pub(crate) struct Returned {
    pub(crate) cents: i64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "payment", events(Received, Returned))]
pub(crate) struct Payment {
    /// What is there and was not sent back.
    cents: i64,
}

impl Apply<Received> for Payment {
    fn apply(&mut self, received: &Received) {
        self.cents += received.cents;
    }
}

impl Apply<Returned> for Payment {
    fn apply(&mut self, returned: &Returned) {
        self.cents -= returned.cents;
    }
}

/// Takes the money from a card.
pub(crate) struct Charge {
    pub(crate) card: String,
    pub(crate) cents: i64,
}

/// The bank says that a transfer has come.
pub(crate) struct Receive {
    pub(crate) cents: i64,
}

/// Undoes either, so it cannot be refused.
pub(crate) struct Return;

#[derive(Debug, thiserror::Error)]
#[error("the card is declined")]
pub(crate) struct CardDeclined;

impl Handle<Charge> for Payment {
    type Decision = Result<Received, CardDeclined>;

    fn handle(&self, Charge { card, cents }: &Charge) -> Self::Decision {
        if card.starts_with(STOLEN) { Err(CardDeclined) } else { Ok(Received { cents: *cents }) }
    }
}

impl Handle<Receive> for Payment {
    type Decision = Received;

    fn handle(&self, &Receive { cents }: &Receive) -> Received {
        Received { cents }
    }
}

impl Handle<Return> for Payment {
    type Decision = Option<Returned>;

    fn handle(&self, _: &Return) -> Option<Returned> {
        (self.cents > 0).then_some(Returned { cents: self.cents })
    }
}
