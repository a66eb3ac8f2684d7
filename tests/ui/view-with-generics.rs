use eventsource::{DomainEvent, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance<T> {
    #[view(key = stream)]
    account: String,
    rest: T,
}

fn main() {}
