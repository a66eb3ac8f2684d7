use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, write = 1)]
struct Deposited {
    #[event(changed(in = 2, from = u32, with = u64::from, back = narrow))]
    cents: u64,
}

fn narrow(cents: u64) -> u32 {
    cents as u32
}

fn main() {}
