use eventsource::{DomainEvent, Fold, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Closed;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened, Closed))]
struct Balance {
    #[view(key = stream)]
    account: String,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

impl Fold<Closed> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Closed>) -> Option<Self> {
        row
    }
}

fn main() {}
