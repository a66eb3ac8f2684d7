use eventsource::memory::MemoryStore;
use eventsource::{DomainEvent, Fold, LiveView, Read, Recorded, View, ViewReader};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    account: String,
    #[view(index)]
    cents: i64,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {
    let store = MemoryStore::new();
    let _ = LiveView::<Balance>::new(store.clone(), Read::all()).row("alice");
    let _ = ViewReader::<Balance>::new(store).list().page();
}
