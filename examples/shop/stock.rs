//! What lies on the shelf of one item, and is not promised to anybody.

use eventsource::{Aggregate, Apply, DomainEvent, Handle};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "stock.delivered", version = 1)]
pub(crate) struct Delivered {
    pub(crate) pieces: u32,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "stock.taken", version = 1)]
pub(crate) struct Taken {
    pub(crate) order: String,
    pub(crate) pieces: u32,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "stock.put_back", version = 1)]
pub(crate) struct PutBack {
    pub(crate) order: String,
    pub(crate) pieces: u32,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "stock", events(Delivered, Taken, PutBack))]
pub(crate) struct Stock {
    pub(crate) pieces: u32,
}

impl Apply<Delivered> for Stock {
    fn apply(&mut self, delivered: &Delivered) {
        self.pieces += delivered.pieces;
    }
}

impl Apply<Taken> for Stock {
    fn apply(&mut self, taken: &Taken) {
        self.pieces -= taken.pieces;
    }
}

impl Apply<PutBack> for Stock {
    fn apply(&mut self, put_back: &PutBack) {
        self.pieces += put_back.pieces;
    }
}

pub(crate) struct Deliver {
    pub(crate) pieces: u32,
}

pub(crate) struct Take {
    pub(crate) order: String,
    pub(crate) pieces: u32,
}

/// Undoes a `Take`, so it cannot be refused.
pub(crate) struct TakeBack {
    pub(crate) order: String,
    pub(crate) pieces: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("{wanted} wanted, {left} left")]
pub(crate) struct TooFew {
    wanted: u32,
    left: u32,
}

impl Handle<Deliver> for Stock {
    type Decision = Delivered;

    fn handle(&self, &Deliver { pieces }: &Deliver) -> Delivered {
        Delivered { pieces }
    }
}

impl Handle<Take> for Stock {
    type Decision = Result<Taken, TooFew>;

    fn handle(&self, Take { order, pieces }: &Take) -> Self::Decision {
        if *pieces > self.pieces {
            return Err(TooFew { wanted: *pieces, left: self.pieces });
        }
        Ok(Taken { order: order.clone(), pieces: *pieces })
    }
}

impl Handle<TakeBack> for Stock {
    type Decision = PutBack;

    fn handle(&self, TakeBack { order, pieces }: &TakeBack) -> PutBack {
        PutBack { order: order.clone(), pieces: *pieces }
    }
}
