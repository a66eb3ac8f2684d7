use eventsource::{Aggregate, Apply, DomainEvent, IntoEvents, NewEvent};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: u64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "Account", events(Deposited), snapshot(every = 100))]
struct Account;

impl Apply<Deposited> for Account {
    fn apply(&mut self, _: &Deposited) {}
}

fn decide(_: &Account) -> impl IntoEvents<Account> {
    [Deposited { cents: 1 }]
}

fn main() {
    let event = AccountEvent::from(Deposited { cents: 1 });
    let _ = (NewEvent::encode(&event), decide(&Account.after(&event)), Account::NAME);
}
