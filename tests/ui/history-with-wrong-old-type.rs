use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 2)]
struct Deposited {
    #[event(changed(in = 2, from = i32, with = parse))]
    cents: u64,
}

fn parse(text: String) -> Result<u64, std::num::ParseIntError> {
    text.parse()
}

fn main() {}
