//! Accounts and transfers, and the balances that are folded from them.

use chrono::{DateTime, Utc};
use eventsource::memory::MemoryStore;
use eventsource::{
    AppendRequest, DomainEvent, EventStore, ExpectedVersion, Fold, Keys, NewEvent, Recorded, StreamId, View,
};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.opened", version = 1)]
pub(super) struct Opened {
    pub(super) owner: Option<String>,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.deposited", version = 2)]
pub(super) struct Deposited {
    #[event(changed(in = 2, from = i64, with = cents), renamed(from = "dollars", in = 2))]
    pub(super) cents: i64,
}

fn cents(dollars: i64) -> i64 {
    dollars * 100
}

/// It concerns the accounts of both ends, which may be one.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "money.transferred", version = 1)]
pub(super) struct Transferred {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.closed", version = 1)]
pub(super) struct Closed {}

/// Nobody's balance changes.
#[derive(DomainEvent, Serialize, Deserialize, Clone, Debug)]
#[event(name = "account.looked_at", version = 1)]
pub(super) struct LookedAt {}

#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 1, events(Opened, Deposited, Transferred, Closed, LookedAt))]
pub(super) struct Balance {
    #[view(key)]
    pub(super) account: String,
    #[view(index)]
    pub(super) owner: Option<String>,
    #[view(index)]
    pub(super) cents: i64,
    pub(super) updated_at: DateTime<Utc>,
    #[view(json)]
    pub(super) counterparts: Vec<String>,
}

impl Balance {
    fn of(account: &str, at: DateTime<Utc>) -> Self {
        Self { account: account.to_owned(), owner: None, cents: 0, updated_at: at, counterparts: Vec::new() }
    }
}

impl Fold<Opened> for Balance {
    fn keys(opened: &Recorded<Opened>) -> Keys<String> {
        Keys::one(opened.stream.id())
    }

    fn fold(account: &String, row: Option<Self>, opened: &Recorded<Opened>) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self::of(account, opened.recorded_at));
        Some(Self { owner: opened.event.owner.clone(), ..row })
    }
}

impl Fold<Deposited> for Balance {
    fn keys(deposited: &Recorded<Deposited>) -> Keys<String> {
        Keys::one(deposited.stream.id())
    }

    // The order of events can be seen: interest on what is there, and only what is there can grow.
    fn fold(_: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
        let row = row?;
        let cents = row.cents + row.cents / 10 + deposited.event.cents;
        Some(Self { cents, updated_at: deposited.recorded_at, ..row })
    }
}

impl Fold<Transferred> for Balance {
    fn keys(transferred: &Recorded<Transferred>) -> Keys<String> {
        Keys::several([&transferred.event.from, &transferred.event.to])
    }

    fn fold(account: &String, row: Option<Self>, transferred: &Recorded<Transferred>) -> Option<Self> {
        let Transferred { from, to, cents } = &transferred.event;
        let (other, cents) = if account == from { (to, -cents) } else { (from, *cents) };
        let mut row = row.unwrap_or_else(|| Self::of(account, transferred.recorded_at));
        row.counterparts.push(other.clone());
        Some(Self { cents: row.cents + cents, updated_at: transferred.recorded_at, ..row })
    }
}

impl Fold<Closed> for Balance {
    fn keys(closed: &Recorded<Closed>) -> Keys<String> {
        Keys::one(closed.stream.id())
    }

    fn fold(_: &String, _: Option<Self>, _: &Recorded<Closed>) -> Option<Self> {
        None
    }
}

impl Fold<LookedAt> for Balance {
    fn keys(_: &Recorded<LookedAt>) -> Keys<String> {
        Keys::none()
    }

    fn fold(_: &String, _: Option<Self>, _: &Recorded<LookedAt>) -> Option<Self> {
        unreachable!("it concerns no row")
    }
}

/// Appends an event as it is encoded.
pub(super) async fn append(store: &MemoryStore, category: &str, id: &str, event: NewEvent) {
    let stream = StreamId::new(category, id).unwrap();
    let request = AppendRequest::new(stream, ExpectedVersion::Any, vec![event]);
    store.append(request.into()).await.unwrap();
}

/// Appends an event of an account.
pub(super) async fn happened(store: &MemoryStore, account: &str, event: &impl eventsource::EventSet) {
    append(store, "account", account, NewEvent::encode(event).unwrap()).await;
}
