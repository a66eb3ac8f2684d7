//! Orders that wait for their payment, which others hear of, and then tell a shop.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use eventsource::{
    Aggregate, Apply, DomainEvent, EventStore, Events, NewEvent, ProcessManager, Reaction, Read, Recorded, Repository,
    StreamId,
};
use serde::{Deserialize, Serialize};

use super::things::managing;
use super::transfer::{Account, Deposit};
use crate::projections::things::{Running, until};
use crate::wrapped::Wrapped;

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.placed", version = 1)]
pub(super) struct Placed {
    /// Its account gets the money.
    pub(super) shop: String,
    pub(super) waits: Duration,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.reminded", version = 1)]
pub(super) struct Reminded {}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.paid", version = 1)]
pub(super) struct Paid {
    pub(super) cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "order.expired", version = 1)]
pub(super) struct Expired {}

/// What a bank tells, to whom it concerns.
#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "payment.received", version = 1)]
pub(super) struct Received {
    pub(super) order: String,
    pub(super) cents: i64,
}

#[derive(Aggregate, Default, Clone)]
#[aggregate(name = "order", events(Placed, Reminded, Paid, Expired))]
pub(super) struct Order {
    shop: String,
    waits: bool,
}

impl Apply<Placed> for Order {
    fn apply(&mut self, placed: &Placed) {
        (self.shop, self.waits) = (placed.shop.clone(), true);
    }
}

impl Apply<Reminded> for Order {
    fn apply(&mut self, _: &Reminded) {}
}

impl Apply<Paid> for Order {
    fn apply(&mut self, _: &Paid) {
        self.waits = false;
    }
}

impl Apply<Expired> for Order {
    fn apply(&mut self, _: &Expired) {
        self.waits = false;
    }
}

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const REMINDED_AFTER: Duration = DAY.saturating_mul(3);
/// Lets timers of orders panic.
pub(super) static IS_BROKEN: AtomicBool = AtomicBool::new(false);
/// The shop of those that do.
pub(super) const CURSED: &str = "cursed";

impl ProcessManager for Order {
    type Input = Received;

    fn instance(received: &Recorded<Received>) -> Option<String> {
        (received.event.order != "none").then(|| received.event.order.clone())
    }

    fn note(&self, received: &Recorded<Received>) -> Option<OrderEvent> {
        assert!(received.event.cents >= 0, "who pays {} cents", received.event.cents);
        self.waits.then_some(Paid { cents: received.event.cents }.into())
    }

    fn react(&self, event: &Recorded<OrderEvent>, then: &mut Reaction<Self>) {
        match &event.event {
            OrderEvent::Placed(placed) => {
                then.after(placed.waits, "overdue");
                then.after(REMINDED_AFTER, "remind");
            }
            OrderEvent::Reminded(_) => then.after(REMINDED_AFTER, "remind"),
            OrderEvent::Paid(paid) => {
                then.cancel("overdue");
                then.cancel("remind");
                then.to::<Account>(&self.shop).send(Deposit { cents: paid.cents, slip: event.stream.id().to_owned() });
            }
            OrderEvent::Expired(_) => then.cancel("remind"),
        }
    }

    fn on_timer(&self, timer: &str) -> Option<OrderEvent> {
        assert!(self.shop != CURSED || !IS_BROKEN.load(SeqCst), "a timer of a cursed shop");
        match timer {
            "overdue" => self.waits.then_some(Expired {}.into()),
            "remind" => self.waits.then_some(Reminded {}.into()),
            _ => None,
        }
    }
}

pub(super) async fn place(store: &Wrapped, order: &str, shop: &str, waits: Duration) {
    let placed = |_: &Order| Placed { shop: shop.to_owned(), waits };
    Repository::<Order>::new(store.clone()).execute(order, placed).await.unwrap();
}

pub(super) async fn pay(store: &Wrapped, order: &str, cents: i64) {
    let received = NewEvent::encode(&Received { order: order.to_owned(), cents }).unwrap();
    let bank = StreamId::new("payment", "bank").unwrap();
    let request = eventsource::AppendRequest::new(bank, eventsource::ExpectedVersion::Any, vec![received]);
    store.append(request.into()).await.unwrap();
}

/// A manager hears what comes from its first start on.
pub(super) async fn listen(store: &Wrapped) {
    Running::start(managing::<Order>(store)).stop().await.unwrap();
}

/// What has become of an order.
pub(super) async fn fate(store: &Wrapped, order: &str) -> Vec<String> {
    let read = Read::stream(&StreamId::new("order", order).unwrap());
    let mut events = Events::<OrderEvent>::new(store.clone(), read);
    let mut names = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        names.push(event.name.trim_start_matches("order.").to_owned());
    }
    names
}

pub(super) async fn becomes(store: &Wrapped, order: &str, wanted: &[&str]) {
    until(&format!("order {order} is {wanted:?}"), async || fate(store, order).await == wanted).await;
}
