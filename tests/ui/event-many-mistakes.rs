use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "Opened", version = 3, alias = "", upcast(from = 3, with = f), colour = "red")]
struct Opened {
    #[event(since = 2)]
    note: Option<Option<String>>,
}

fn main() {}
