//! A bank account whose events are about 100 bytes of JSON.

use eventsource::{Aggregate, Apply, DomainEvent};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
pub struct Deposited {
    pub cents: u64,
    pub currency: String,
    pub reference: String,
    pub channel: Channel,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.withdrawn", version = 1)]
pub struct Withdrawn {
    pub cents: u64,
    pub currency: String,
    pub reference: String,
    pub channel: Channel,
}

#[derive(Serialize, Deserialize)]
pub enum Channel {
    Branch,
    Online,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "account", events(Deposited, Withdrawn))]
pub struct Account {
    pub cents: u64,
    pub count: u64,
}

impl Apply<Deposited> for Account {
    fn apply(&mut self, event: &Deposited) {
        self.cents += event.cents;
        self.count += u64::from(matches!(event.channel, Channel::Online | Channel::Branch));
    }
}

impl Apply<Withdrawn> for Account {
    fn apply(&mut self, event: &Withdrawn) {
        self.cents = self.cents.saturating_sub(event.cents);
        self.count += 1;
    }
}

pub fn deposited(n: u64) -> Deposited {
    Deposited {
        cents: 10_000 + n,
        currency: "EUR".to_owned(),
        reference: format!("standing order {n:08}"),
        channel: Channel::Online,
    }
}

pub fn withdrawn(n: u64) -> Withdrawn {
    Withdrawn {
        cents: 1_000 + n,
        currency: "EUR".to_owned(),
        reference: format!("cash withdrawal {n:07}"),
        channel: Channel::Branch,
    }
}

/// Every third event is a withdrawal.
pub fn nth(n: u64) -> AccountEvent {
    if n % 3 == 2 { withdrawn(n).into() } else { deposited(n).into() }
}
