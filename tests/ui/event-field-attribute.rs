use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    #[event(added = 2)]
    cents: u64,
}

fn main() {}
