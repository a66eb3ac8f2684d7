use eventsource::{Aggregate, Apply, DomainEvent, NoInput, ProcessManager, Reaction, Recorded};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.placed", version = 1)]
struct Placed {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "order", events(Placed))]
struct Order {}

impl Apply<Placed> for Order {
    fn apply(&mut self, _: &Placed) {}
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "shipment.sent", version = 1)]
struct Sent {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "shipment", events(Sent))]
struct Shipment {}

impl Apply<Sent> for Shipment {
    fn apply(&mut self, _: &Sent) {}
}

struct SendOut {}

impl ProcessManager for Order {
    type Input = NoInput;

    fn react(&self, event: &Recorded<OrderEvent>, then: &mut Reaction<Self>) {
        then.to::<Shipment>(event.stream.id()).send(SendOut {});
    }
}

fn main() {}
