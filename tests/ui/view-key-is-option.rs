use eventsource::{DomainEvent, Fold, Keys, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key)]
    account: Option<String>,
}

impl Fold<Opened> for Balance {
    fn keys(_: &Recorded<Opened>) -> Keys<Option<String>> {
        Keys::none()
    }

    fn fold(_: &Option<String>, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {}
