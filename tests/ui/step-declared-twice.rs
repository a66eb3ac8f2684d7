use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2,
    upcast(from = 1, with = step), upcast(from = 1, with = step))]
struct Deposited {
    cents: u64,
}

fn step(value: serde_json::Value) -> Result<serde_json::Value, String> {
    Ok(value)
}

fn main() {}
