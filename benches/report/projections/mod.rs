//! Events folded into tables, beside the same work by hand: page, decode, the touched rows, a folded upsert, the checkpoint.

mod inline;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Activity, DomainEvent, Fold, Import, Projections, Recorded, View, ViewStore, ViewTable, copy};
use tokio::sync::oneshot;

use crate::domain::{AccountEvent, Deposited, Withdrawn};
use crate::measure::{Bound, Scenario, rate};
use crate::scenarios::{append, stream};

pub fn all() -> Vec<Scenario> {
    let scenario = |name, store, bound, run| Scenario { name, store, tasks: 1, unit: "events/s", bound, run };
    vec![
        scenario("project-view", "sqlite", Bound::RateAtLeast(0.75), |scale| Box::pin(sqlite::view(scale))),
        scenario("project-view", "postgres", Bound::RateAtLeast(0.75), |scale| Box::pin(postgres::view(scale))),
        scenario("project-view-one-by-one", "postgres", Bound::RateAtLeast(60.0), |scale| {
            Box::pin(postgres::view_beside_one_by_one(scale))
        }),
        scenario("project-custom", "postgres", Bound::RateAtLeast(0.85), |scale| Box::pin(postgres::custom(scale))),
        Scenario {
            unit: "events/s, raw is the limit",
            ..scenario("rebuild", "postgres", Bound::RateAtLeast(1.0), |scale| Box::pin(postgres::rebuild(scale)))
        },
        Scenario {
            unit: "µs an append, raw is without the view",
            ..scenario("inline", "sqlite", Bound::TimeAtMost(2.0), |scale| Box::pin(inline::sqlite(scale)))
        },
        Scenario {
            unit: "µs an append, raw is without the view",
            ..scenario("inline", "postgres", Bound::TimeAtMost(3.0), |scale| Box::pin(inline::postgres(scale)))
        },
    ]
}

/// Accounts whose events lie between each other.
const ACCOUNTS: usize = 20_000;
/// Events of one batch, on both sides.
const BATCH: usize = 1_000;

/// An event that moves money.
trait Moves: DomainEvent {
    fn cents(&self) -> i64;
}

impl Moves for Deposited {
    fn cents(&self) -> i64 {
        self.cents as i64
    }
}

impl Moves for Withdrawn {
    fn cents(&self) -> i64 {
        -(self.cents as i64)
    }
}

#[derive(View, Clone)]
#[view(name = "balances", version = 1, events(Deposited, Withdrawn))]
pub struct Balance {
    #[view(key = stream)]
    account: String,
    cents: i64,
    count: i64,
}

impl<E: Moves> Fold<E> for Balance {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<E>) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self { account: account.clone(), cents: 0, count: 0 });
        Some(Self { cents: row.cents + moved.event.cents(), count: row.count + 1, ..row })
    }
}

/// The view of the release after, with a column more.
#[derive(View, Clone)]
#[view(name = "balances", version = 2, events(Deposited, Withdrawn))]
struct Wider {
    #[view(key = stream)]
    account: String,
    cents: i64,
    count: i64,
    greatest: i64,
}

impl<E: Moves> Fold<E> for Wider {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<E>) -> Option<Self> {
        let row = row.unwrap_or_else(|| Self { account: account.clone(), cents: 0, count: 0, greatest: 0 });
        let cents = moved.event.cents();
        Some(Self { cents: row.cents + cents, count: row.count + 1, greatest: row.greatest.max(cents), ..row })
    }
}

/// Fills a store with events whose neighbours belong to other accounts.
async fn fill(store: &impl Import, events: usize) {
    let source = MemoryStore::new();
    for n in 0..events {
        append(&source, stream(n % ACCOUNTS), (n / ACCOUNTS) as u64, n as u64).await;
    }
    let copied = copy(&source, store).await.expect("copies");
    assert_eq!(copied.stored, events as u64);
}

/// Serves an empty table, so that those that are built beside it can be dropped.
async fn serve_another(store: &impl ViewStore) {
    let ViewTable { name, columns, key, .. } = Balance::TABLE;
    let other = ViewTable::new(name, 9, columns, key);
    store.create_view(&other).await.expect("makes a view");
    store.serve_view(&other).await.expect("serves");
}

/// Builds a view from the first event to the last, and drops it again.
async fn build<V: View>(store: &(impl ViewStore + Clone), events: usize) -> f64 {
    let projections = Projections::new(store).view::<V>().switch_by_hand();
    let statuses = projections.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let built = rate(events, async {
        let running = tokio::spawn(projections.run(async {
            let _ = stopped.await;
        }));
        while statuses.all().iter().any(|status| status.activity != Activity::Live) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(statuses.all()[0].handled, events as u64);
        drop(stop);
        running.await.expect("does not panic").expect("runs");
    });
    let built = built.await;
    for held in store.held_views(V::TABLE.name).await.expect("lists").iter().filter(|held| held.is(&V::TABLE)) {
        store.drop_view(held).await.expect("drops");
    }
    built
}

/// What the rows of a view become by a page of events.
#[derive(Default)]
struct Rows(BTreeMap<String, (i64, i64)>);

fn cents(event: &AccountEvent) -> i64 {
    match event {
        AccountEvent::Deposited(event) => event.cents(),
        AccountEvent::Withdrawn(event) => event.cents(),
    }
}

impl Rows {
    fn fold(&mut self, events: Vec<(String, AccountEvent)>) {
        for (account, event) in events {
            let row = self.0.entry(account).or_default();
            *row = (row.0 + cents(&event), row.1 + 1);
        }
    }
}

fn account(stream: &str) -> String {
    stream.strip_prefix("account-").expect("an account").to_owned()
}
