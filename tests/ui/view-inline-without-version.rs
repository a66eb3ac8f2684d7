use eventsource::{Aggregate, Apply, DomainEvent, Fold, InlineViews, Recorded, View, memory::MemoryStore};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.opened", version = 1)]
struct Opened {}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Opened))]
struct Account;

impl Apply<Opened> for Account {
    fn apply(&mut self, _: &Opened) {}
}

#[derive(View)]
#[view(name = "balances", version = 1, events(Opened))]
struct Balance {
    #[view(key = stream)]
    account: String,
}

impl Fold<Opened> for Balance {
    fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        row
    }
}

fn main() {
    let _ = InlineViews::new(MemoryStore::new()).add::<Account, Balance>();
}
