//! The first deploy: it reads up to version 3 and still stores version 2.

mod teller;

use std::error::Error;

use eventsource::{Aggregate, Apply, DomainEvent, EventSchema};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(
    name = "account.deposited", version = 3, oldest = 2, write = 2,
    removed(field = "teller", in = 3, from = String, default = "nobody"),
)]
#[serde(deny_unknown_fields)]
struct Deposited {
    #[event(renamed(from = "cents", in = 3), changed(in = 3, from = i64, with = euros, back = minor))]
    amount: Money,
    #[event(added = 3, default = "unknown")]
    channel: String,
}

#[derive(EventSchema, Serialize, Deserialize)]
struct Money {
    minor: i64,
    currency: String,
}

fn euros(minor: i64) -> Money {
    Money { minor, currency: "EUR".into() }
}

fn minor(money: &Money) -> Result<i64, String> {
    if money.currency != "EUR" {
        return Err(format!("{} is not known to older programs", money.currency));
    }
    Ok(money.minor)
}

#[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[aggregate(name = "account", events(Deposited), snapshot(every = 10))]
struct Account {
    minor: i64,
    channels: Vec<String>,
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, event: &Deposited) {
        self.minor += event.amount.minor;
        if !self.channels.contains(&event.channel) {
            self.channels.push(event.channel.clone());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let decide = |_: &Account, n| Deposited { amount: euros(n), channel: "web".into() };
    teller::run(decide, |account| account.minor.to_string()).await
}
