use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.changed", version = 1)]
enum Changed {
    Up { cents: u64 },
}

fn main() {}
