use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, previous = DepositedV1, upcast(from = 1, with = step))]
struct Deposited {
    cents: u64,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct DepositedV1 {
    dollars: u64,
}

impl From<DepositedV1> for Deposited {
    fn from(old: DepositedV1) -> Self {
        Deposited { cents: old.dollars * 100 }
    }
}

fn step(value: serde_json::Value) -> Result<serde_json::Value, String> {
    Ok(value)
}

fn main() {}
