use eventsource::EventSet;
use serde::{Deserialize, Serialize};

#[derive(EventSet)]
enum Event {
    Deposited(Deposited),
}

#[derive(Serialize, Deserialize)]
struct Deposited {
    cents: u64,
}

fn main() {}
