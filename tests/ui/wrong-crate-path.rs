use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1, crate = "no_such_crate")]
struct Deposited {
    cents: u64,
}

fn main() {}
