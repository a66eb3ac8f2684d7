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

/// The same account with snapshots.
pub mod snapshots {
    use eventsource::{Aggregate, AppendRequest, Apply, EventStore, ExpectedVersion, NewEvent, Repository, Version};
    use serde::{Deserialize, Serialize};

    use super::{Deposited, Withdrawn, nth};

    #[derive(Aggregate, Default, Clone, Serialize, Deserialize)]
    #[aggregate(name = "account", events(Deposited, Withdrawn), snapshot(every = 990), event_enum = SavedEvent)]
    pub struct Saved {
        pub cents: u64,
    }

    impl Apply<Deposited> for Saved {
        fn apply(&mut self, event: &Deposited) {
            self.cents += event.cents;
        }
    }

    impl Apply<Withdrawn> for Saved {
        fn apply(&mut self, event: &Withdrawn) {
            self.cents = self.cents.saturating_sub(event.cents);
        }
    }

    /// A stream of 990 events with a snapshot, and ten more.
    pub async fn prepare(store: &(impl EventStore + Clone)) {
        let stream = crate::book::work::stream(0);
        let events = |numbers: std::ops::Range<u64>| numbers.map(|n| NewEvent::encode(&nth(n)).expect("encodes"));
        let first = AppendRequest::new(stream.clone(), ExpectedVersion::NoStream, events(0..980).collect());
        store.append(first.into()).await.expect("appends");
        let accounts = Repository::<Saved>::new(store.clone());
        let decide = |_: &Saved| -> Vec<SavedEvent> { (0..10).map(|n| super::deposited(n).into()).collect() };
        accounts.execute("0", decide).await.expect("executes");
        while store.snapshot_streams("account", "state", 1).await.expect("asks").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let last = AppendRequest::new(stream, Version(990), events(0..10).collect());
        store.append(last.into()).await.expect("appends");
    }
}
