use eventsource::{Aggregate, Apply, DomainEvent, ProcessManager, Reaction, Recorded};
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

#[derive(Serialize, Deserialize)]
struct Paid {}

impl ProcessManager for Order {
    type Input = Paid;

    fn react(&self, _: &Recorded<OrderEvent>, _: &mut Reaction<Self>) {}
}

fn main() {}
