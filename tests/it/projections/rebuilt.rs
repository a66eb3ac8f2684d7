//! A view that is built anew while the old one serves, and a view that is added to a full store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use eventsource::sqlite::SqliteStore;
use eventsource::{
    Activity, CheckpointKey, EventStore, Fold, Projections, Read, Recorded, Subscribe, View, ViewReader, ViewStore,
};
use futures::future::BoxFuture;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use super::things::*;
use crate::postgres::patient;
use crate::wrapped::{Fault, Wrapped};

/// Balances as they shall be from now on: each cent counts twice.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 2, events(Moved))]
pub(super) struct Doubled {
    #[view(key = stream)]
    account: String,
    pub(super) cents: i64,
    pub(super) events: i64,
    last: i64,
}

impl Fold<Moved> for Doubled {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<Moved>) -> Option<Self> {
        let (cents, events) = row.map_or((0, 0), |row| (row.cents, row.events));
        let last = moved.event.cents;
        Some(Self { account: account.clone(), cents: cents + 2 * last, events: events + 1, last })
    }
}

const ACCOUNTS: u64 = 20;

/// One cent for each account.
async fn cents(store: &dyn EventStore, rounds: u64) {
    for id in 0..ACCOUNTS {
        append(store, id, (0..rounds).map(|_| moved(1)).collect()).await;
    }
}

/// Projections whose batches are small and slow.
pub(super) fn slowly(store: &Wrapped) -> Projections<Wrapped> {
    store.fail_writes(Fault::Late(Duration::from_millis(10)), usize::MAX);
    Projections::new(store).lease(Duration::from_secs(1)).batch(20)
}

async fn serving(store: &Wrapped, name: &str) -> Option<u32> {
    let held = store.held_views(name).await.unwrap();
    held.into_iter().find(|held| held.serving).map(|held| held.version)
}

/// Rows, rows of the first version, rows of the second, and all events.
type Seen = (i64, i64, i64, i64);

fn seeing(table: &str) -> String {
    format!(
        "SELECT count(*), count(*) FILTER (WHERE cents = events), count(*) FILTER (WHERE cents = 2 * events), \
         CAST(sum(events) AS bigint) FROM {table}"
    )
}

/// What somebody with SQL sees under the stable name.
trait Shell: Send {
    fn look(&mut self) -> BoxFuture<'_, Result<Seen, sqlx::Error>>;
}

impl Shell for SqliteConnection {
    fn look(&mut self) -> BoxFuture<'_, Result<Seen, sqlx::Error>> {
        Box::pin(async move {
            let row = sqlx::query(sqlx::AssertSqlSafe(seeing("balances"))).fetch_one(self).await?;
            Ok((row.get(0), row.get(1), row.get(2), row.get(3)))
        })
    }
}

impl Shell for PgConnection {
    fn look(&mut self) -> BoxFuture<'_, Result<Seen, sqlx::Error>> {
        Box::pin(async move {
            let row = sqlx::query(sqlx::AssertSqlSafe(seeing("eventsource.balances"))).fetch_one(self).await?;
            Ok((row.get(0), row.get(1), row.get(2), row.get(3)))
        })
    }
}

async fn sqlite_shell(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_a_view_is_rebuilt_the_old_one_stays_current_and_readers_of_sql_see_the_one_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rebuilt.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let shells = [sqlite_shell(&path).await, sqlite_shell(&path).await];
    rebuild(Wrapped::new(store.clone()), Wrapped::new(store), shells).await;

    let database = crate::postgres::database().await;
    let store = crate::postgres::store_in(&database, patient()).await;
    let shell = async || PgConnection::connect(database.url()).await.unwrap();
    rebuild(Wrapped::new(store.clone()), Wrapped::new(store), [shell().await, shell().await]).await;
}

async fn rebuild(store: Wrapped, store_of_tomorrow: Wrapped, [mut shell, mut polling]: [impl Shell + 'static; 2]) {
    cents(&store, 50).await;
    // The program of yesterday, which runs on somewhere while that of today is started.
    let old = Running::start(balances(&store));
    until("the old one serves", async || serving(&store, "balances").await == Some(1)).await;
    let done = Arc::new(AtomicBool::new(false));
    let ended = done.clone();
    let reader = tokio::spawn(async move {
        let (mut versions, mut reads) = (BTreeSet::new(), 0_u32);
        while !ended.load(SeqCst) {
            let (rows, first, second, events) = polling.look().await.expect("no reader ever sees an error");
            assert_eq!(rows, ACCOUNTS as i64, "rows are missing");
            assert!(events >= 50 * rows, "it is half built: {events}");
            assert!(first == rows || second == rows, "rows of both: {first} and {second}");
            versions.insert(if first == rows { 1 } else { 2 });
            reads += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        (versions, reads)
    });

    let new = Running::start(slowly(&store_of_tomorrow).view::<Doubled>());
    let (mut rounds, mut beside) = (50, 0);
    loop {
        cents(&store, 1).await;
        rounds += 1;
        let expected = rounds * ACCOUNTS as i64;
        until("who reads the name is up to date", async || shell.look().await.unwrap().3 == expected).await;
        match serving(&store, "balances").await {
            Some(1) => beside += 1,
            _ => break,
        }
    }
    assert!(beside >= 3, "only {beside} rounds while it was built");
    until("all see the new one", async || shell.look().await.unwrap().2 == ACCOUNTS as i64).await;
    done.store(true, SeqCst);
    let (versions, reads) = reader.await.unwrap();
    assert_eq!(versions, BTreeSet::from([1, 2]));
    assert!(reads > 20, "{reads} reads");
    let compared = eventsource::compare_views::<Balance, Doubled>(&store, |_| {}).await.unwrap();
    assert_eq!((compared.rows, compared.different, compared.unsettled), (ACCOUNTS, ACCOUNTS, 0));
    old.stop().await.unwrap();
    new.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_view_that_is_added_to_a_full_store_serves_when_it_is_complete() {
    on_each(async |store| {
        cents(&store, 10).await;
        let running = Running::start(slowly(&store).view::<Doubled>());
        let mut under_way = 0;
        while running.status().activity != Activity::Live {
            let progress = running.statuses.progress().await.unwrap().remove(0);
            if progress.lag > 20 {
                assert_eq!(serving(&store, "balances").await, None, "{progress:?}");
                under_way += 1;
                append(&store, 0, vec![moved(1)]).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(under_way >= 3, "looked at {under_way} times while it was built");
        assert_eq!(serving(&store, "balances").await, Some(2));
        // What came at the last moment may be a moment behind.
        let (view, events) = (ViewReader::<Doubled>::new(store.clone()), 10 * ACCOUNTS as i64 + under_way);
        let found = async || view.list().page().await.unwrap().rows.iter().map(|row| row.events).sum::<i64>();
        until("all is there", async || found().await == events).await;
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_view_serves_although_events_never_pause() {
    on_each(async |store| {
        cents(&store, 5).await;
        let appending: Vec<_> = (0..2)
            .map(|id| {
                let store = store.clone();
                tokio::spawn(async move {
                    loop {
                        append(&store, id, vec![moved(1)]).await;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                })
            })
            .collect();
        // While it writes a batch, the next event comes.
        let running = Running::start(slowly(&store).batch(10_000).view::<Doubled>());
        until("it serves", async || serving(&store, "balances").await == Some(2)).await;
        appending.iter().for_each(tokio::task::JoinHandle::abort);
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_view_that_is_switched_by_hand_waits_and_is_switched_back_and_dropped_by_hand() {
    on_each(async |store| {
        cents(&store, 2).await;
        let both = || balances(&store).view::<Doubled>().switch_by_hand();
        let live = async |running: &Running| {
            let all_live = || running.statuses.all().iter().all(|status| status.activity == Activity::Live);
            until("all have caught up", async || all_live()).await;
        };
        // Where nobody serves yet, there is nothing to wait for.
        let running = Running::start(balances(&store).switch_by_hand());
        until("the first one serves", async || serving(&store, "balances").await == Some(1)).await;
        running.stop().await.unwrap();
        let running = Running::start(both());
        live(&running).await;
        assert_eq!(serving(&store, "balances").await, Some(1));

        store.serve_view(&Doubled::TABLE).await.unwrap();
        assert_eq!(serving(&store, "balances").await, Some(2));
        // The one before is still there, current, and can be switched back.
        cents(&store, 1).await;
        let balances = ViewReader::<Balance>::new(store.clone());
        let cents_of = async || balances.get("0").await.unwrap().unwrap().cents;
        until("the old one is current", async || cents_of().await == 3).await;
        store.serve_view(&Balance::TABLE).await.unwrap();
        running.stop().await.unwrap();
        let running = Running::start(both());
        live(&running).await;
        assert_eq!(serving(&store, "balances").await, Some(1));
        running.stop().await.unwrap();

        let held = store.held_views("balances").await.unwrap();
        assert!(store.drop_view(&held[0]).await.unwrap_err().is_invalid());
        store.drop_view(&held[1]).await.unwrap();
        assert_eq!(store.held_views("balances").await.unwrap().len(), 1);
        assert_eq!(cents_of().await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rebuild_moves_no_other_consumer_and_stores_no_event() {
    on_each(async |store| {
        cents(&store, 2).await;
        let old = Running::start(balances(&store));
        until("the old one serves", async || serving(&store, "balances").await == Some(1)).await;
        old.stop().await.unwrap();
        // Somebody who sends mails, and has come to the end.
        let key = CheckpointKey::new("mail");
        let head = store.head().await.unwrap().newest;
        let mut mails = store.subscribe_from::<Moved>(Read::all().until(head), None);
        while mails.next().await.unwrap().is_some() {}
        store.save_checkpoint(&key, mails.checkpoint()).await.unwrap();
        let stand = async || {
            let old = store.load_checkpoint(&Balance::TABLE.checkpoint_key()).await.unwrap();
            (store.load_checkpoint(&key).await.unwrap(), old, store.head().await.unwrap().newest)
        };
        let before = stand().await;
        let new = Running::start(Projections::new(&store).view::<Doubled>());
        until("the new one serves", async || serving(&store, "balances").await == Some(2)).await;
        new.stop().await.unwrap();
        Projections::new(&store).refold::<Doubled>(|_| {}).await.unwrap();
        assert_eq!(stand().await, before);
    })
    .await;
}
