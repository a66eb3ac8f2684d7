use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 3, upcast(from = 1, with = to_v2))]
struct Deposited {
    cents: u64,
}

fn to_v2(value: serde_json::Value) -> Result<serde_json::Value, String> {
    Ok(value)
}

fn main() {}
