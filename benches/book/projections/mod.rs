//! Events folded into tables, beside the same work by hand: page, decode, the touched rows, a folded upsert, the checkpoint.

mod inline;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::{Activity, DomainEvent, Fold, Import, Projections, Recorded, View, ViewStore, ViewTable, copy};
use tokio::sync::oneshot;

use super::by_hand::{decode, encode};
use super::domain::{AccountEvent, Deposited, Withdrawn, nth};
use super::scenario::Bound::{AtLeast, Unsaid};
use super::scenario::{Round, Scale, Scenario};
use super::sides::{Side, Sides};
use super::work::{APPENDS, EVENTS, append, stream};

pub fn all() -> Vec<Scenario> {
    const BY_HAND: &str = "a page, its rows, one upsert with the checkpoint, by hand";
    const WITHOUT: &str = "the same appends without the view";
    vec![
        Scenario::new("memory/project-view", EVENTS, Unsaid, "the same payloads, decoded and folded in a map", memory),
        Scenario::new("sqlite/project-view", EVENTS, AtLeast(0.75), BY_HAND, sqlite::view),
        Scenario::new("sqlite/inline", APPENDS, AtLeast(1.0 / 2.0), WITHOUT, inline::sqlite),
        Scenario::new("postgres/project-view", EVENTS, AtLeast(0.75), BY_HAND, postgres::view),
        Scenario::new(
            "postgres/project-view-one-by-one",
            EVENTS,
            AtLeast(60.0),
            "a transaction for each event",
            postgres::view_beside_one_by_one,
        ),
        Scenario::new(
            "postgres/project-custom",
            EVENTS,
            AtLeast(0.85),
            "a statement for each event, 500 in a transaction; ours too",
            postgres::custom,
        ),
        Scenario::new(
            "postgres/rebuild",
            EVENTS,
            AtLeast(1.0),
            "the limit; another version serves meanwhile",
            postgres::rebuild,
        ),
        Scenario::new("postgres/inline", APPENDS, AtLeast(1.0 / 3.0), WITHOUT, inline::postgres),
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
        append(&source, stream(n % ACCOUNTS), (n / ACCOUNTS) as u64, n as u64..n as u64 + 1).await;
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

/// Builds a view from the first event to the last, and drops it again, which is not measured.
async fn build<V: View>(side: &mut Side, round: Round, store: &(impl ViewStore + Clone), events: usize) {
    let projections = Projections::new(store).view::<V>().switch_by_hand();
    let statuses = projections.statuses();
    let (stop, stopped) = oneshot::channel::<()>();
    let built = async {
        let running = tokio::spawn(projections.run(async {
            let _ = stopped.await;
        }));
        while statuses.all().iter().any(|status| status.activity != Activity::Live) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(statuses.all()[0].handled, events as u64);
        drop(stop);
        running.await.expect("does not panic").expect("runs");
    };
    side.whole(round, events, built).await;
    for held in store.held_views(V::TABLE.name).await.expect("lists").iter().filter(|held| held.is(&V::TABLE)) {
        store.drop_view(held).await.expect("drops");
    }
}

async fn memory(scale: Scale) -> Sides {
    let store = MemoryStore::new();
    fill(&store, scale.replayed).await;
    serve_another(&store).await;
    let stored: Vec<(String, (&str, Vec<u8>))> =
        (0..scale.replayed).map(|n| ((n % ACCOUNTS).to_string(), encode(&nth(n as u64)))).collect();
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        build::<Balance>(&mut sides.ours, round, &store, scale.replayed).await;
        let by_hand = async {
            let mut rows = Rows::default();
            rows.fold(stored.iter().map(|(account, (name, data))| (account.clone(), decode(name, data))));
            assert_eq!(rows.0.len(), ACCOUNTS.min(scale.replayed));
        };
        sides.raw.whole(round, scale.replayed, by_hand).await;
    }
    sides
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
    fn fold(&mut self, events: impl IntoIterator<Item = (String, AccountEvent)>) {
        for (account, event) in events {
            let row = self.0.entry(account).or_default();
            *row = (row.0 + cents(&event), row.1 + 1);
        }
    }
}

fn account(stream: &str) -> String {
    stream.strip_prefix("account-").expect("an account").to_owned()
}
