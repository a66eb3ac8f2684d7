use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, upcast(from = 1, with = step))]
struct Deposited {
    cents: u64,
}

fn step(cents: u64) -> u64 {
    cents
}

fn main() {}
