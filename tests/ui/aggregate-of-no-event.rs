use eventsource::{Aggregate, Apply};
use serde::{Deserialize, Serialize};

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Deposited))]
struct Account;

#[derive(Serialize, Deserialize)]
struct Deposited {
    cents: u64,
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, _: &Deposited) {}
}

fn main() {}
