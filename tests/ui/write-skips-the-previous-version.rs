use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 3, write = 1, previous = DepositedV2)]
struct Deposited {
    cents: u64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, upcast(from = 1, same))]
struct DepositedV2 {
    cents: u64,
}

impl From<DepositedV2> for Deposited {
    fn from(old: DepositedV2) -> Self {
        Self { cents: old.cents }
    }
}

impl From<&Deposited> for DepositedV2 {
    fn from(new: &Deposited) -> Self {
        Self { cents: new.cents }
    }
}

fn main() {}
