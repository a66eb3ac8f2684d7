use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, upcast(from = 1, with = step))]
struct Deposited {
    cents: u64,
}

fn step(value: Value) -> Result<Value, u8> {
    Ok(value)
}

fn main() {}
