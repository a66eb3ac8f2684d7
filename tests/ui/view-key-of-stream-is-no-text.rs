use eventsource::{DomainEvent, Fold, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key = stream)]
    account: u32,
}

impl Fold<Opened> for Balance {
    fn fold(_: &u32, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {}
