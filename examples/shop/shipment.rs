//! The parcel of one order.

use eventsource::{Aggregate, Apply, DomainEvent, Handle};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "shipment.requested", version = 1)]
pub(crate) struct Requested {
    pub(crate) customer: String,
    /// As people in the warehouse read it.
    pub(crate) contents: String,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "shipment.sent", version = 1)]
pub(crate) struct Sent {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "shipment", events(Requested, Sent))]
pub(crate) struct Shipment {
    is_requested: bool,
}

impl Apply<Requested> for Shipment {
    fn apply(&mut self, _: &Requested) {
        self.is_requested = true;
    }
}

impl Apply<Sent> for Shipment {
    fn apply(&mut self, _: &Sent) {
        self.is_requested = false;
    }
}

pub(crate) struct Request {
    pub(crate) customer: String,
    pub(crate) contents: String,
}

pub(crate) struct HandOver;

#[derive(Debug, thiserror::Error)]
#[error("there is no parcel to be sent")]
pub(crate) struct NoParcel;

impl Handle<Request> for Shipment {
    type Decision = Requested;

    fn handle(&self, Request { customer, contents }: &Request) -> Requested {
        Requested { customer: customer.clone(), contents: contents.clone() }
    }
}

impl Handle<HandOver> for Shipment {
    type Decision = Result<Sent, NoParcel>;

    fn handle(&self, _: &HandOver) -> Self::Decision {
        if self.is_requested { Ok(Sent {}) } else { Err(NoParcel) }
    }
}
