use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, write = 1, previous = DepositedV1)]
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
        Self { cents: old.dollars * 100 }
    }
}

impl From<&Deposited> for DepositedV1 {
    fn from(new: &Deposited) -> Self {
        Self { dollars: new.cents / 100 }
    }
}

fn main() {}
