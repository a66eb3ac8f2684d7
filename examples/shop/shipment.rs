//! The parcel of one order.

use eventsource::{Aggregate, Apply, DomainEvent, Handle};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "shipment.requested", version = 1)]
pub(crate) struct Requested {
    /// As people in the warehouse read it.
    pub(crate) contents: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "shipment.sent", version = 1)]
pub(crate) struct Sent {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "shipment", events(Requested, Sent))]
pub(crate) struct Shipment {
    waits: bool,
}

impl Apply<Requested> for Shipment {
    fn apply(&mut self, _: &Requested) {
        self.waits = true;
    }
}

impl Apply<Sent> for Shipment {
    fn apply(&mut self, _: &Sent) {
        self.waits = false;
    }
}

pub(crate) struct Request {
    pub(crate) contents: String,
}

pub(crate) struct HandOver;

#[derive(Debug, thiserror::Error)]
#[error("there is no parcel that waits")]
pub(crate) struct NoParcel;

impl Handle<Request> for Shipment {
    type Decision = Requested;

    fn handle(&self, Request { contents }: &Request) -> Requested {
        Requested { contents: contents.clone() }
    }
}

impl Handle<HandOver> for Shipment {
    type Decision = Result<Sent, NoParcel>;

    fn handle(&self, _: &HandOver) -> Self::Decision {
        if self.waits { Ok(Sent {}) } else { Err(NoParcel) }
    }
}
