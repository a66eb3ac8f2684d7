//! Batches of events make the same rows as one event after the other, wherever the batches end.

use std::collections::BTreeMap;

use eventsource::__private::ViewBatch;
use eventsource::memory::MemoryStore;
use eventsource::{
    Checkpoint, ColumnValue, Cursor, DomainEvent, EventStore, Events, Fold, Keys, LiveView, NewEvent, Read, Recorded,
    Row, RowChanges, Scan, StoreError, View, ViewStore,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::domain::{Balance, Closed, Deposited, LookedAt, Opened, Transferred, append, happened};

const ACCOUNTS: [&str; 4] = ["alice", "bob", "Carol", "dörte"];

#[derive(Clone, Debug)]
enum Happened {
    Opened(usize, bool),
    Deposited(usize, i64),
    /// In version 1, which was in dollars.
    DepositedDollars(usize, i64),
    Transferred(usize, usize, i64),
    Closed(usize),
    LookedAt(usize),
}

fn anything() -> impl Strategy<Value = Happened> {
    let account = || 0..ACCOUNTS.len();
    prop_oneof![
        2 => (account(), any::<bool>()).prop_map(|(of, named)| Happened::Opened(of, named)),
        4 => (account(), -500..500_i64).prop_map(|(of, cents)| Happened::Deposited(of, cents)),
        1 => (account(), 0..9_i64).prop_map(|(of, dollars)| Happened::DepositedDollars(of, dollars)),
        3 => (account(), account(), 0..900_i64).prop_map(|(from, to, cents)| Happened::Transferred(from, to, cents)),
        1 => account().prop_map(Happened::Closed),
        1 => account().prop_map(Happened::LookedAt),
    ]
}

async fn store_all(store: &MemoryStore, history: &[Happened]) {
    for happened_now in history {
        match happened_now {
            Happened::Opened(of, named) => {
                let owner = named.then(|| format!("owner of {}", ACCOUNTS[*of]));
                happened(store, ACCOUNTS[*of], &Opened { owner }).await;
            }
            Happened::Deposited(of, cents) => happened(store, ACCOUNTS[*of], &Deposited { cents: *cents }).await,
            Happened::DepositedDollars(of, dollars) => {
                let old = NewEvent::new("account.deposited", 1, format!(r#"{{"dollars":{dollars}}}"#).into_bytes());
                append(store, "account", ACCOUNTS[*of], old).await;
            }
            Happened::Transferred(from, to, cents) => {
                let event = Transferred { from: ACCOUNTS[*from].into(), to: ACCOUNTS[*to].into(), cents: *cents };
                append(store, "transfer", "1", NewEvent::encode(&event).unwrap()).await;
            }
            Happened::Closed(of) => happened(store, ACCOUNTS[*of], &Closed {}).await,
            Happened::LookedAt(of) => happened(store, ACCOUNTS[*of], &LookedAt {}).await,
        }
    }
}

/// One event after the other, with a map for a table and no batch.
fn naive(history: &[Happened], times: &[chrono::DateTime<chrono::Utc>]) -> BTreeMap<String, Balance> {
    let mut rows = BTreeMap::new();
    let new = |account: &str, updated_at| Balance {
        account: account.into(),
        owner: None,
        cents: 0,
        updated_at,
        counterparts: Vec::new(),
    };
    for (happened, at) in history.iter().zip(times) {
        match happened {
            Happened::Opened(of, named) => {
                let row = rows.entry(ACCOUNTS[*of].to_owned()).or_insert_with(|| new(ACCOUNTS[*of], *at));
                row.owner = named.then(|| format!("owner of {}", ACCOUNTS[*of]));
            }
            Happened::Deposited(of, amount) | Happened::DepositedDollars(of, amount) => {
                if let Some(row) = rows.get_mut(ACCOUNTS[*of]) {
                    let factor = if matches!(happened, Happened::DepositedDollars(..)) { 100 } else { 1 };
                    row.cents += row.cents / 10 + amount * factor;
                    row.updated_at = *at;
                }
            }
            Happened::Transferred(from, to, cents) => {
                let mut move_to = |account: usize, other: usize, cents: i64| {
                    let row = rows.entry(ACCOUNTS[account].to_owned()).or_insert_with(|| new(ACCOUNTS[account], *at));
                    row.cents += cents;
                    row.updated_at = *at;
                    row.counterparts.push(ACCOUNTS[other].to_owned());
                };
                move_to(*from, *to, -cents);
                if from != to {
                    move_to(*to, *from, *cents);
                }
            }
            Happened::Closed(of) => drop(rows.remove(ACCOUNTS[*of])),
            Happened::LookedAt(_) => {}
        }
    }
    rows
}

async fn recorded<V: View>(store: &MemoryStore) -> Vec<Recorded<V::Event>> {
    let mut events = Events::<V::Event>::new(store.clone(), Read::all());
    let mut all = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        all.push(event);
    }
    all
}

/// As a runner does it: batch by batch through the store.
async fn write_in_batches<V: View>(store: &MemoryStore, sizes: &[usize]) -> Result<Vec<RowChanges>, StoreError> {
    store.create_view(&V::TABLE).await?;
    let (mut all, mut written) = (Vec::new(), Vec::new());
    let mut events = recorded::<V>(store).await.into_iter().peekable();
    let mut sizes = sizes.iter().copied().cycle();
    while events.peek().is_some() {
        let mut batch = ViewBatch::<V>::new();
        for event in events.by_ref().take(sizes.next().unwrap_or(1)) {
            all.push(Cursor::new(event.position, event.id));
            batch.add(event);
        }
        let stored = store.rows(&V::TABLE, &batch.columns_of_keys()).await?;
        let changes = batch.fold(stored)?;
        let cursor = all.last().copied().unwrap_or_default();
        store.write_rows(&V::TABLE, &changes, Checkpoint::new(cursor, store.identity())).await?;
        written.push(changes);
    }
    Ok(written)
}

async fn rows<V: View>(store: &MemoryStore) -> Vec<Row> {
    store.scan_rows(&V::TABLE, &Scan::by(V::TABLE.key)).await.unwrap()
}

async fn check(history: Vec<Happened>, sizes: Vec<usize>) {
    let store = MemoryStore::new();
    store_all(&store, &history).await;
    let times: Vec<_> = recorded::<Balance>(&store).await.iter().map(|event| event.recorded_at).collect();
    assert_eq!(times.len(), history.len());
    let expected = naive(&history, &times);
    write_in_batches::<Balance>(&store, &sizes).await.unwrap();
    let read = eventsource::ViewReader::<Balance>::new(store.clone()).list().page().await.unwrap().rows;
    assert_eq!(read, expected.values().cloned().collect::<Vec<_>>());
    let live = LiveView::<Balance>::new(store.clone(), Read::all());
    assert_eq!(live.rows().await.unwrap(), expected);
    for account in ACCOUNTS {
        assert_eq!(live.row(account).await.unwrap().as_ref(), expected.get(account));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn batches_of_any_size_are_the_events_one_by_one(
        history in proptest::collection::vec(anything(), 0..60),
        sizes in proptest::collection::vec(1..20_usize, 1..6),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check(history, sizes));
    }
}

#[tokio::test]
async fn a_row_that_comes_and_goes_within_a_batch_is_no_change() {
    let store = MemoryStore::new();
    happened(&store, "alice", &Opened { owner: None }).await;
    happened(&store, "alice", &Closed {}).await;
    assert_eq!(write_in_batches::<Balance>(&store, &[10]).await.unwrap(), [RowChanges::default()]);
    // Beside one that was stored before, and is then deleted.
    let store = MemoryStore::new();
    happened(&store, "alice", &Opened { owner: None }).await;
    happened(&store, "alice", &Closed {}).await;
    let changes = write_in_batches::<Balance>(&store, &[1]).await.unwrap();
    assert_eq!(changes[1], RowChanges::new(Vec::new(), vec![ColumnValue::Text("alice".into())]));
    assert!(rows::<Balance>(&store).await.is_empty());
}

/// Whose fold gives back the row of somebody else.
#[derive(View)]
#[view(name = "muddled", version = 3, events(Opened))]
struct Muddled {
    #[view(key = stream)]
    account: String,
}

impl Fold<Opened> for Muddled {
    fn fold(_: &String, _: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
        Some(Self { account: "somebody else".to_owned() })
    }
}

#[tokio::test]
async fn a_fold_that_returns_another_key_is_an_error() {
    let store = MemoryStore::new();
    happened(&store, "alice", &Opened { owner: None }).await;
    let error = write_in_batches::<Muddled>(&store, &[1]).await.unwrap_err();
    assert!(error.is_invalid());
    let text = "view muddled v3: a fold returned a row with another key than the one it was given";
    assert_eq!(error.to_string(), text);
}

/// What was one event is now two.
#[derive(DomainEvent, Deserialize)]
#[event(name = "money.moved", version = 1)]
struct Moved {
    from: String,
    to: String,
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "money.debited", version = 1, split_from("money.moved", with = debited))]
struct Debited {
    account: String,
    cents: i64,
}

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "money.credited", version = 1, split_from("money.moved", with = credited))]
struct Credited {
    account: String,
    cents: i64,
}

fn debited(moved: &Moved) -> Option<Debited> {
    Some(Debited { account: moved.from.clone(), cents: moved.cents })
}

fn credited(moved: &Moved) -> Option<Credited> {
    Some(Credited { account: moved.to.clone(), cents: moved.cents })
}

#[derive(View, Debug, PartialEq)]
#[view(name = "sums", version = 1, events(Debited, Credited))]
struct Sum {
    #[view(key)]
    account: String,
    cents: i64,
}

impl Fold<Debited> for Sum {
    fn keys(debited: &Recorded<Debited>) -> Keys<String> {
        Keys::one(debited.event.account.as_str())
    }

    fn fold(account: &String, row: Option<Self>, debited: &Recorded<Debited>) -> Option<Self> {
        let before = row.map_or(0, |row| row.cents);
        Some(Self { account: account.clone(), cents: before - debited.event.cents })
    }
}

impl Fold<Credited> for Sum {
    fn keys(credited: &Recorded<Credited>) -> Keys<String> {
        Keys::one(credited.event.account.as_str())
    }

    fn fold(account: &String, row: Option<Self>, credited: &Recorded<Credited>) -> Option<Self> {
        let before = row.map_or(0, |row| row.cents);
        Some(Self { account: account.clone(), cents: before + credited.event.cents })
    }
}

#[tokio::test]
async fn both_parts_of_a_split_event_are_folded() {
    let store = MemoryStore::new();
    let moved = |cents| {
        let data = format!(r#"{{"from":"alice","to":"bob","cents":{cents}}}"#);
        NewEvent::new("money.moved", 1, data.into_bytes())
    };
    append(&store, "money", "1", moved(70)).await;
    append(&store, "money", "1", moved(5)).await;
    write_in_batches::<Sum>(&store, &[10]).await.unwrap();
    let sums = eventsource::ViewReader::<Sum>::new(store.clone()).list().page().await.unwrap().rows;
    let expected = [("alice", -75), ("bob", 75)].map(|(account, cents)| Sum { account: account.to_owned(), cents });
    assert_eq!(sums, expected);
    let live = LiveView::<Sum>::new(store, Read::all()).rows().await.unwrap();
    assert_eq!(live.into_values().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_row_that_no_store_could_keep_is_refused_by_every_one() {
    #[derive(View)]
    #[view(name = "rates", version = 1, events(Opened))]
    struct Rate {
        #[view(key = stream)]
        account: String,
        rate: f64,
    }

    impl Fold<Opened> for Rate {
        fn fold(account: &String, _: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
            Some(Self { account: account.clone(), rate: f64::NAN })
        }
    }

    let store = MemoryStore::new();
    happened(&store, "alice", &Opened { owner: None }).await;
    let error = write_in_batches::<Rate>(&store, &[1]).await.unwrap_err();
    assert!(error.is_encode());
    assert_eq!(error.to_string(), "view rates v1: column rate cannot be stored: SQLite keeps no NaN");
    assert!(rows::<Rate>(&store).await.is_empty());
}
