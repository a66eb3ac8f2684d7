//! The build that runs before the deploy: it knows version 2 of a deposit.

mod teller;

use std::error::Error;

use eventsource::{Aggregate, Apply, DomainEvent};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2, oldest = 2)]
#[serde(deny_unknown_fields)]
struct Deposited {
    cents: i64,
    teller: String,
}

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "account", events(Deposited), snapshot(every = 10))]
struct Account {
    cents: i64,
    tellers: usize,
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, event: &Deposited) {
        self.cents += event.cents;
        self.tellers += event.teller.len();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let decide = |_: &Account, n| Deposited { cents: n, teller: "Bob".into() };
    teller::run(decide, |account| account.cents.to_string()).await
}
