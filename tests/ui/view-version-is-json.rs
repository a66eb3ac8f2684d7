use eventsource::{DomainEvent, Fold, Recorded, Version, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key = stream)]
    account: String,
    #[view(json, version)]
    version: Version,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {}
