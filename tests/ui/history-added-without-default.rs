use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2)]
struct Deposited {
    #[event(added = 2)]
    cents: u64,
}

fn main() {}
