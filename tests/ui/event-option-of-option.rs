use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.renamed", version = 1)]
struct Renamed {
    nickname: Option<Option<String>>,
}

fn main() {}
