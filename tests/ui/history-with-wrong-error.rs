use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2)]
struct Deposited {
    #[event(changed(in = 2, from = String, with = parse))]
    cents: u64,
}

struct NoError;

fn parse(text: String) -> Result<u64, NoError> {
    text.parse().map_err(|_| NoError)
}

fn main() {}
