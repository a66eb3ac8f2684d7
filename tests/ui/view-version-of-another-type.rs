use eventsource::{DomainEvent, Fold, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key = stream)]
    account: String,
    #[view(version)]
    version: i64,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {}
