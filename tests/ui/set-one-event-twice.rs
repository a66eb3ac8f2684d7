use eventsource::{DomainEvent, EventSet};
use serde::{Deserialize, Serialize};

#[derive(EventSet)]
enum Event {
    Deposited(Deposited),
    Again(Deposited),
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: u64,
}

fn main() {}
