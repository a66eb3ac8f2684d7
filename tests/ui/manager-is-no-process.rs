use eventsource::{Aggregate, Apply, DomainEvent, Projections, memory::MemoryStore};
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

fn main() {
    let _ = Projections::new(&MemoryStore::new()).manager::<Order>();
}
