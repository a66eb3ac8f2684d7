use eventsource::{DomainEvent, Fold, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Reopened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened, Reopened))]
struct Balance {
    #[view(key = stream)]
    account: String,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

impl Fold<Reopened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Reopened>) -> Option<Self> {
        row
    }
}

fn main() {}
