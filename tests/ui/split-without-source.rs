use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1, split_from(with = part))]
struct Deposited {
    cents: u64,
}

fn part(old: &Deposited) -> Option<Deposited> {
    Some(Deposited { cents: old.cents })
}

fn main() {}
