use eventsource::{Aggregate, Apply, DomainEvent};
use serde::Deserialize;

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(DepositedV1))]
struct Account;

#[derive(DomainEvent, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct DepositedV1 {
    dollars: u64,
}

impl Apply<DepositedV1> for Account {
    fn apply(&mut self, _: &DepositedV1) {}
}

fn main() {}
