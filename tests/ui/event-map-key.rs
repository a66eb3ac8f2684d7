use eventsource::DomainEvent;
use serde::{Deserialize, Serialize};

use std::collections::HashMap;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "board.drawn", version = 1)]
struct Drawn {
    cells: HashMap<(u8, u8), char>,
}

fn main() {}
