use eventsource::memory::MemoryStore;
use eventsource::{DomainEvent, Fold, LiveView, Read, Recorded, View};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key)]
    account: String,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {
    let balances = LiveView::<Balance>::new(MemoryStore::new(), Read::all());
    let _: Box<dyn Future<Output = _>> = Box::new(balances.rows());
}
