//! Snapshots: they save work, and nothing depends on them.

use std::sync::Arc;
use std::time::Duration;

use eventsource::{
    Aggregate, Apply, AsOf, EventStore, ExecuteOptions, Load, LoadRow, Repository, Snapshot, SnapshotMark, Version,
};
use eventsource_test_cluster::Database;
use serde::{Deserialize, Serialize};

use super::account::*;

/// The same account as other code knows it: the shape is the same, the meaning is not.
mod elsewhere {
    use super::{Aggregate, Apply, Deposited, Deserialize, Serialize, Withdrawn};

    #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[aggregate(name = "account", events(Deposited, Withdrawn), snapshot(every = 10))]
    pub(super) struct Account {
        pub(super) cents: u64,
        pub(super) movements: u64,
    }

    impl Apply<Deposited> for Account {
        fn apply(&mut self, event: &Deposited) {
            self.cents += event.cents * 2;
        }
    }

    impl Apply<Withdrawn> for Account {
        fn apply(&mut self, _: &Withdrawn) {}
    }
}

/// The same account with a field more.
mod grown {
    use super::{Aggregate, Apply, Deposited, Deserialize, Serialize, Withdrawn};

    #[derive(Aggregate, Default, Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[aggregate(name = "account", events(Deposited, Withdrawn), snapshot(every = 10))]
    pub(super) struct Account {
        pub(super) cents: u64,
        pub(super) movements: u64,
        #[serde(default)]
        pub(super) greatest: u64,
    }

    impl Apply<Deposited> for Account {
        fn apply(&mut self, event: &Deposited) {
            self.cents += event.cents;
            self.greatest = self.greatest.max(event.cents);
        }
    }

    impl Apply<Withdrawn> for Account {
        fn apply(&mut self, _: &Withdrawn) {}
    }
}

/// How many events a load reads behind a snapshot of `Account`, and the version of the snapshot.
async fn read_by_a_load(accounts: &Repository<Account>) -> (Option<Version>, usize) {
    let mut seen = (None, 0);
    // Any key of this kind is found by asking for the newest that the code can read.
    let load = Load::new(accounts.stream("alice").unwrap()).with_snapshot(accounts.snapshot_key());
    let visit = &mut |row: LoadRow<'_>| {
        match row {
            LoadRow::Snapshot(snapshot) => seen.0 = Some(snapshot.version),
            LoadRow::Event(_) | LoadRow::Bare(_) => seen.1 += 1,
        }
        Ok(())
    };
    accounts.store().load(&load, visit).await.unwrap();
    seen
}

/// Snapshots are written when there is time, so a test waits for one.
async fn snapshot_at(accounts: &Repository<Account>, version: Version) {
    for _ in 0..500 {
        if read_by_a_load(accounts).await.0 == Some(version) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no snapshot at version {version}: {:?}", read_by_a_load(accounts).await);
}

async fn deposits(accounts: &Repository<Account>, count: usize) {
    for _ in 0..count {
        accounts.execute("alice", |_| deposited(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_snapshot_is_taken_each_time_the_version_passes_a_multiple() {
    on_each(async |accounts| {
        deposits(&accounts, 9).await;
        assert_eq!(read_by_a_load(&accounts).await, (None, 9));
        accounts.execute("alice", |_| vec![deposited(1); 3]).await.unwrap();
        snapshot_at(&accounts, Version(12)).await;
        deposits(&accounts, 3).await;
        assert_eq!(read_by_a_load(&accounts).await, (Some(Version(12)), 3));
        let account = accounts.load("alice").await.unwrap();
        assert_eq!((account.cents, account.movements, account.version), (15, 15, Version(15)));
        deposits(&accounts, 5).await;
        snapshot_at(&accounts, Version(20)).await;
        assert_eq!(accounts.load_at("alice", Version(14)).await.unwrap().cents, 14);
        assert_eq!(accounts.check_snapshots(100).await.unwrap().different, []);
        assert_eq!(accounts.check_snapshots(100).await.unwrap().checked, 1);
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_of_another_shape_is_as_if_it_were_not_there() {
    on_each(async |accounts| {
        accounts.execute("alice", |_| vec![deposited(3); 10]).await.unwrap();
        snapshot_at(&accounts, Version(10)).await;
        let grown = Repository::<grown::Account>::new(accounts.store().clone());
        let account = grown.load("alice").await.unwrap();
        assert_eq!((account.cents, account.greatest, account.version), (30, 3, Version(10)));
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_as_if_it_were_not_there() {
    on_each(async |accounts| {
        deposits(&accounts, 12).await;
        snapshot_at(&accounts, Version(10)).await;
        let last = accounts.load("alice").await.unwrap();
        for data in [&b"{\"cents\":"[..], b"[]", b""] {
            let key = accounts.snapshot_key().unwrap();
            let at = (last.version, last.position);
            let mark = SnapshotMark::new(accounts.stream("alice").unwrap(), key, at, eventsource::now());
            accounts.store().save_snapshot(Snapshot::new(mark, data.to_vec())).await.unwrap();
            let account = accounts.load("alice").await.unwrap();
            assert_eq!((account.cents, account.version), (12, Version(12)));
            assert_eq!(accounts.execute("alice", |_| ()).await.unwrap().cents, 12);
        }
    })
    .await;
}

#[tokio::test]
async fn a_check_finds_snapshots_that_another_apply_has_left() {
    on_each(async |accounts| {
        let other = Repository::<elsewhere::Account>::new(accounts.store().clone());
        assert_eq!(other.snapshot_key(), accounts.snapshot_key());
        deposits(&accounts, 10).await;
        snapshot_at(&accounts, Version(10)).await;
        let check = other.check_snapshots(10).await.unwrap();
        assert_eq!((check.checked, check.different), (1, vec![accounts.stream("alice").unwrap()]));
    })
    .await;
}

#[tokio::test]
async fn a_back_dated_question_is_not_answered_by_a_newer_snapshot() {
    on_each(async |accounts| {
        let day = |day: u32| format!("2024-03-{day:02}T00:00:00Z").parse().unwrap();
        for n in 0..12 {
            let options = ExecuteOptions::new().occurred_at(day(if n == 4 { 9 } else { 1 }));
            accounts.execute_with("alice", options, |_| deposited(1)).await.unwrap();
        }
        snapshot_at(&accounts, Version(10)).await;
        assert_eq!(accounts.load_at("alice", AsOf::OccurredAt(day(2))).await.unwrap().cents, 11);
        assert_eq!(accounts.load_at("alice", AsOf::OccurredAt(day(9))).await.unwrap().cents, 12);
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_taken_behind_one_that_cannot_be_read_knows_when_its_events_occurred() {
    on_each(async |accounts| {
        // Later than recorded: the time at which its last event was recorded is the least that a snapshot says.
        let day = |day: u32| format!("2999-03-{day:02}T00:00:00Z").parse().unwrap();
        let on = |on: u32| ExecuteOptions::new().occurred_at(day(on));
        for n in 0..5 {
            accounts.execute_with("alice", on(if n == 3 { 9 } else { 1 }), |_| deposited(1)).await.unwrap();
        }
        let last = accounts.load("alice").await.unwrap();
        let at = (last.version, last.position);
        let mark = SnapshotMark::new(accounts.stream("alice").unwrap(), accounts.snapshot_key().unwrap(), at, day(1));
        accounts.store().save_snapshot(Snapshot::new(mark, b"[]".to_vec())).await.unwrap();
        // A repository that has seen nothing of it.
        let accounts = Repository::<Account>::new(accounts.store().clone());
        accounts.execute_with("alice", on(1), |_| vec![deposited(1); 5]).await.unwrap();
        snapshot_at(&accounts, Version(10)).await;
        assert_eq!(accounts.load_at("alice", AsOf::OccurredAt(day(2))).await.unwrap().cents, 9);
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_from_before_maintenance_is_not_written_after_it() {
    let store = eventsource::sqlite::SqliteStore::in_memory().await.unwrap();
    let accounts = Repository::<Account>::new(store.clone());
    deposits(&accounts, 10).await;
    snapshot_at(&accounts, Version(10)).await;
    let last = accounts.load("alice").await.unwrap();
    store
        .maintenance("anna", "right to be forgotten", async |connection| {
            sqlx::query("DELETE FROM events").execute(connection).await?;
            Ok(())
        })
        .await
        .unwrap();
    // As a queue would do it that had taken the snapshot just before.
    let at = (last.version, last.position);
    let key = accounts.snapshot_key().unwrap();
    let mark = SnapshotMark::new(accounts.stream("alice").unwrap(), key, at, eventsource::now());
    store.save_snapshot(Snapshot::new(mark, br#"{"cents":10,"movements":10}"#.to_vec())).await.unwrap();
    assert_eq!(accounts.load("alice").await.unwrap().version, Version(0));
    deposits(&accounts, 10).await;
    snapshot_at(&accounts, Version(10)).await;
}

#[tokio::test]
async fn closing_writes_the_snapshots_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.db");
    let open = async || Arc::new(eventsource::sqlite::SqliteStore::open(&path).await.unwrap());
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    let connect = async || Arc::new(postgres(&database).await);
    closed_and_opened_again(open().await, async || open().await).await;
    closed_and_opened_again(connect().await, async || connect().await).await;
}

async fn closed_and_opened_again<S: EventStore>(store: Arc<S>, again: impl AsyncFn() -> Arc<S>) {
    let accounts = Repository::<Account>::new(store.clone());
    accounts.execute("alice", |_| vec![deposited(1); 10]).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(read_by_a_load(&Repository::new(again().await)).await, (Some(Version(10)), 0));
}
