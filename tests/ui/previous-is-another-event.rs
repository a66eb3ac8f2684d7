use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.withdrawn", version = 2, previous = DepositedV1)]
struct Withdrawn {
    cents: u64,
}

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct DepositedV1 {
    dollars: u64,
}

impl From<DepositedV1> for Withdrawn {
    fn from(old: DepositedV1) -> Self {
        Withdrawn { cents: old.dollars * 100 }
    }
}

fn main() {}
