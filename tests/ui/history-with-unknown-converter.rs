use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2)]
struct Deposited {
    #[event(changed(in = 2, from = String, with = parse))]
    cents: u64,
}

fn main() {}
