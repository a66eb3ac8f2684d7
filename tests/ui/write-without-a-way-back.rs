use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, write = 1)]
struct Deposited {
    #[event(changed(in = 2, from = u32, with = u64::from))]
    cents: u64,
}

fn main() {}
