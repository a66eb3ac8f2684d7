//! Differences between tables, and between a table and what its folds make today.

use std::time::Duration;

use eventsource::{
    Checkpoint, ColumnType, ColumnValue, Cursor, EventStore, Fold, Projections, Recorded, Row, RowChanges,
    RowDifference, View, ViewStore, compare_views,
};

use super::rebuilt::{Doubled, slowly};
use super::things::*;
use crate::wrapped::Wrapped;

/// Balances whose fold has changed, and whose version has not.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "balances", version = 1, events(Moved, Closed))]
struct Changed {
    #[view(key = stream)]
    account: String,
    #[view(index)]
    cents: i64,
    events: i64,
}

impl Fold<Moved> for Changed {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<Moved>) -> Option<Self> {
        let row = row.unwrap_or(Self { account: account.clone(), cents: 0, events: 0 });
        // Small amounts are forgotten.
        let cents = if moved.event.cents.abs() < 10 { 0 } else { moved.event.cents };
        Some(Self { cents: row.cents + cents, events: row.events + 1, ..row })
    }
}

impl Fold<Closed> for Changed {
    fn fold(_: &String, _: Option<Self>, _: &Recorded<Closed>) -> Option<Self> {
        None
    }
}

async fn write(store: &Wrapped, table: &eventsource::ViewTable, rows: Vec<Row>) {
    store.create_view(table).await.unwrap();
    let checkpoint = Checkpoint::new(Cursor::START, store.identity());
    store.write_rows(table, &RowChanges::new(rows, Vec::new()), checkpoint).await.unwrap();
}

fn key(id: u64) -> ColumnValue {
    format!("{id:05}").into_column()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_differ_or_are_in_one_table_alone_are_told_and_no_others() {
    on_each(async |store| {
        // Several pages; what is missing lies at both ends and where pages meet.
        let (all, only_left, only_right) = (2_500, [0, 999, 2_499], [1, 1_000, 1_001, 2_498]);
        let different = [(500, "cents"), (1_999, "events"), (2_000, "cents")];
        let lefts = (0..all).filter(|id| !only_right.contains(id));
        let lefts = lefts.map(|id| vec![key(id), 7_i64.into_column(), 1_i64.into_column()]).collect();
        let rights = (0..all).filter(|id| !only_left.contains(id));
        let rights = rights.map(|id| {
            let value = |column, usual: i64| if different.contains(&(id, column)) { usual + 1 } else { usual };
            vec![key(id), value("cents", 7).into_column(), value("events", 1).into_column(), 0_i64.into_column()]
        });
        write(&store, &Balance::TABLE, lefts).await;
        write(&store, &Doubled::TABLE, rights.collect()).await;

        let mut told: Vec<RowDifference> = Vec::new();
        let compared = compare_views::<Balance, Doubled>(&store, |difference| told.push(difference.clone()));
        let compared = compared.await.unwrap();
        assert_eq!((compared.rows, compared.unsettled), (all, 0));
        assert_eq!((compared.different, compared.only_left, compared.only_right), (3, 3, 4));
        assert_eq!(compared.not_compared, ["last"]);
        assert!(!compared.is_equal() && told.is_sorted_by_key(|difference| difference.key.clone()));
        let ids = |which: fn(&RowDifference) -> bool| {
            let chosen = told.iter().filter(|difference| which(difference));
            chosen.map(|difference| difference.key.clone()).collect::<Vec<_>>()
        };
        let keys = |ids: &[u64]| ids.iter().copied().map(key).collect::<Vec<_>>();
        assert_eq!(ids(|difference| difference.right.is_none()), keys(&only_left));
        assert_eq!(ids(|difference| difference.left.is_none()), keys(&only_right));
        let both: Vec<_> = told.iter().filter(|told| told.left.is_some() && told.right.is_some()).collect();
        for (difference, (id, column)) in both.iter().zip(different) {
            assert_eq!((&difference.key, &difference.columns[..], difference.settled), (&key(id), &[column][..], true));
            assert_eq!(difference.left.as_ref().unwrap().len(), 3);
        }
        assert!(compare_views::<Balance, Balance>(&store, |_| {}).await.unwrap().is_equal());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fold_that_was_changed_without_its_version_is_found_by_folding_anew() {
    on_each(async |store| {
        let mut expected = Expected::default();
        // In the last of so many rounds no account begins anew, so each has had a small amount.
        for _ in 0..17 {
            expected.append_round(&store).await;
        }
        assert!(
            Projections::new(&store).refold::<Balance>(|_| {}).await.unwrap_err().is_invalid(),
            "nothing to compare"
        );
        let running = Running::start(balances(&store));
        expected.is_reached(&store).await;
        until("it serves", async || store.held_views("balances").await.unwrap()[0].serving).await;

        let mut told = Vec::new();
        let compared = Projections::new(&store).refold::<Changed>(|difference| told.push(difference.clone()));
        let compared = compared.await.unwrap();
        assert_eq!((compared.rows, compared.different, compared.unsettled), (5, 5, 0));
        assert!(told.iter().all(|difference| difference.columns == ["cents"] && difference.settled), "{told:?}");
        // The same folds make the same rows, also while events come.
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let others = store.clone();
        let appending = tokio::spawn(async move {
            while stopped.try_recv().is_err() {
                expected.append_round(&others).await;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            expected
        });
        for _ in 0..2 {
            let compared = Projections::new(&store).refold::<Balance>(|_| {}).await.unwrap();
            assert!(compared.is_equal() && compared.rows == 5, "{compared:?}");
        }
        stop.send(()).unwrap();
        let expected = appending.await.unwrap();
        expected.is_reached(&store).await;
        let held = store.held_views("balances").await.unwrap();
        assert!(held.len() == 1 && held[0].serving, "{held:?}");
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_killed_comparison_has_folded_is_not_folded_on() {
    on_each(async |store| {
        let running = Running::start(balances(&store));
        for round in 0..200 {
            append(&store, round % 7, vec![moved(1), moved(20)]).await;
        }
        until("all is handled", async || running.status().handled == 400).await;
        running.stop().await.unwrap();
        let slow = store.clone();
        let killed = tokio::spawn(slowly(&slow).refold::<Changed>(|_| {}));
        let scratch = async || store.held_views("balances").await.unwrap().into_iter().find(|held| held.version > 1);
        until("it has begun to write", async || match scratch().await {
            Some(held) => {
                let checkpoint = store.load_checkpoint(&held.checkpoint_key()).await.unwrap();
                checkpoint.is_some_and(|checkpoint| checkpoint.cursor.position.0 > 0)
            }
            None => false,
        })
        .await;
        // Two at once would write into one table.
        let at_once = slowly(&slow).refold::<Balance>(|_| {}).await.unwrap_err();
        assert!(at_once.is_invalid() && at_once.to_string().contains("folds it anew already"), "{at_once}");
        killed.abort();
        let _ = killed.await;
        let mut compared = Projections::new(&store).refold::<Balance>(|_| {}).await;
        let again = std::time::Instant::now();
        while compared.is_err() && again.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            compared = Projections::new(&store).refold::<Balance>(|_| {}).await;
        }
        assert!(compared.unwrap().is_equal());
        assert!(scratch().await.is_none());
    })
    .await;
}
