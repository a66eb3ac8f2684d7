use eventsource::{DomainEvent, EventSet};
use serde::{Deserialize, Serialize};

#[derive(EventSet)]
enum Event {
    Transferred(Transferred),
    Deposited(Deposited),
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.transferred", version = 1)]
struct Transferred {
    cents: u64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1, split_from("account.transferred", with = part))]
struct Deposited {
    cents: u64,
}

fn part(old: &Transferred) -> Option<Deposited> {
    Some(Deposited { cents: old.cents })
}

fn main() {}
