use eventsource::{Aggregate, Apply, DomainEvent};
use serde::{Deserialize, Serialize};

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Deposited, Withdrawn))]
struct Account;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: u64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.withdrawn", version = 1, alias = "account.deposited")]
struct Withdrawn {
    cents: u64,
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, _: &Deposited) {}
}

impl Apply<Withdrawn> for Account {
    fn apply(&mut self, _: &Withdrawn) {}
}

fn main() {}
