use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2)]
struct Deposited {
    #[event(aded = 2)]
    cents: Option<u64>,
}

fn main() {}
