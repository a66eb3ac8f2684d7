use eventsource::{Aggregate, Apply, DomainEvent};
use serde::{Deserialize, Serialize};

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Deposited))]
struct Account<T> {
    owner: T,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: u64,
}

impl<T> Apply<Deposited> for Account<T> {
    fn apply(&mut self, _: &Deposited) {}
}

fn main() {}
