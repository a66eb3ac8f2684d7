use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, upcast(from = 1, with = missing))]
struct Deposited {
    cents: u64,
}

fn main() {}
