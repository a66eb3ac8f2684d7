//! A cart: filled, and checked out once.

use eventsource::{Aggregate, Apply, DomainEvent, EventSchema, Handle};
use serde::{Deserialize, Serialize};

/// Some pieces of one thing.
#[derive(Clone, Debug, PartialEq, Eq, EventSchema, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) item: String,
    pub(crate) pieces: u32,
    /// Of all pieces together.
    pub(crate) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "cart.filled", version = 1)]
pub(crate) struct Filled {
    pub(crate) line: Line,
}

/// All that an order begins with.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "cart.checked_out", version = 1)]
pub(crate) struct CheckedOut {
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
    /// Whoever has none pays by bank transfer.
    pub(crate) card: Option<String>,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "cart", events(Filled, CheckedOut))]
pub(crate) struct Cart {
    lines: Vec<Line>,
    is_checked_out: bool,
}

impl Apply<Filled> for Cart {
    fn apply(&mut self, filled: &Filled) {
        self.lines.push(filled.line.clone());
    }
}

impl Apply<CheckedOut> for Cart {
    fn apply(&mut self, _: &CheckedOut) {
        self.is_checked_out = true;
    }
}

pub(crate) struct Fill {
    pub(crate) line: Line,
}

pub(crate) struct CheckOut {
    pub(crate) customer: String,
    pub(crate) card: Option<String>,
}

/// What a cart says when it says no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum No {
    #[error("the cart is checked out")]
    CheckedOut,
    #[error("the cart is empty")]
    Empty,
}

impl Handle<Fill> for Cart {
    type Decision = Result<Filled, No>;

    fn handle(&self, Fill { line }: &Fill) -> Self::Decision {
        if self.is_checked_out { Err(No::CheckedOut) } else { Ok(Filled { line: line.clone() }) }
    }
}

impl Handle<CheckOut> for Cart {
    type Decision = Result<CheckedOut, No>;

    fn handle(&self, CheckOut { customer, card }: &CheckOut) -> Self::Decision {
        match (self.is_checked_out, &self.lines[..]) {
            (true, _) => Err(No::CheckedOut),
            (false, []) => Err(No::Empty),
            (false, lines) => Ok(CheckedOut { customer: customer.clone(), lines: lines.to_vec(), card: card.clone() }),
        }
    }
}
