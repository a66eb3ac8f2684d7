//! Which servers and stores are refused, and with what words; migration; a backup that takes the store's place.

use std::path::Path;

use eventsource::postgres::{Ordering, PgStore};
use eventsource::{Checkpoint, Cursor, EventStore, ExpectedVersion, Position, StoreError};
use eventsource_test_cluster::{Cluster, Database};
use futures::future::join_all;
use tokio::task::block_in_place;

use super::things::{any, check_order, everything, in_time, number, page, request, run, shell, stored};
use super::{database, patient, store_in};

#[track_caller]
fn says(error: &StoreError, words: &str) {
    assert!(error.to_string().contains(words), "`{words}` is not in: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_that_migrate_at_once_make_one_store() {
    let database = database().await;
    let migrations = (0..8).map(|_| {
        let url = database.url().to_owned();
        tokio::spawn(async move { PgStore::migrate(&url).await })
    });
    for migrated in in_time("migrating", join_all(migrations)).await {
        migrated.unwrap().unwrap();
    }
    let identity = PgStore::connect(database.url()).await.unwrap().identity();
    PgStore::migrate(database.url()).await.unwrap();
    assert_eq!(PgStore::connect(database.url()).await.unwrap().identity(), identity);
    let mut shell = shell(database.url()).await;
    assert_eq!(number(&mut shell, "SELECT count(*) FROM eventsource.store").await, 1);
}

#[tokio::test]
async fn a_database_without_a_store_says_that_it_must_be_migrated() {
    let database = database().await;
    let error = PgStore::connect(database.url()).await.unwrap_err();
    assert!(error.is_incompatible());
    says(&error, "PgStore::migrate");
    says(&error, "eventsource");
}

#[tokio::test]
async fn a_store_that_this_release_cannot_use_is_refused() {
    let database = database().await;
    type Case = (&'static str, &'static str, fn(&StoreError) -> bool);
    let cases: [Case; 7] = [
        ("UPDATE store SET format = 99", "newer format, 99", StoreError::is_incompatible),
        ("UPDATE store SET format = 0", "older format, 0", StoreError::is_incompatible),
        ("UPDATE store SET min_writer = 7", "protocol 7", StoreError::is_incompatible),
        ("UPDATE store SET ordering = 'psychic'", "psychic", StoreError::is_incompatible),
        ("ALTER TABLE events ALTER COLUMN position SET CACHE 10", "cache", StoreError::is_incompatible),
        ("DROP TABLE snapshots", "PgStore::migrate", StoreError::is_incompatible),
        ("DELETE FROM store", "missing", StoreError::is_corrupt),
    ];
    for (number, (spoil, words, kind)) in cases.into_iter().enumerate() {
        let options = patient().schema(format!("case_{number}"));
        drop(store_in(&database, options.clone()).await);
        let mut shell = shell(database.url()).await;
        run(&mut shell, format!("SET search_path = case_{number}; {spoil}")).await.unwrap();
        let error = PgStore::connect_with(database.url(), options.clone()).await.expect_err(spoil);
        says(&error, words);
        assert!(kind(&error), "{error:?}");
        if words.contains("99") {
            let error = PgStore::migrate_with(database.url(), options).await.unwrap_err();
            says(&error, "format 99");
        }
    }
}

#[tokio::test]
async fn a_process_that_asks_for_another_ordering_is_refused() {
    let database = database().await;
    let with = |ordering| patient().ordering(ordering);
    let store = store_in(&database, with(Ordering::Serialized)).await;
    let error = PgStore::connect_with(database.url(), with(Ordering::Floor)).await.unwrap_err();
    assert!(error.is_incompatible());
    says(&error, "Serialized");
    says(&error, "Floor");
    // Who does not ask gets the store's own.
    let other = PgStore::connect(database.url()).await.unwrap();
    stored(other.append(any("a")).await);
    stored(store.append(any("a")).await);
    assert_eq!(other.status().await.unwrap().ordering, Ordering::Serialized);
}

#[tokio::test]
async fn a_database_that_is_not_in_utf_8_is_refused() {
    let database = database().await;
    let name = format!("{}_ascii", database.name());
    let mut admin = shell(database.url()).await;
    run(
        &mut admin,
        format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"),
    )
    .await
    .unwrap();
    let url = database.url().replace(database.name(), &name);
    for refused in [PgStore::migrate(&url).await.err(), PgStore::connect(&url).await.err()] {
        let error = refused.unwrap();
        assert!(error.is_incompatible());
        says(&error, "SQL_ASCII");
    }
    run(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_read_only_says_so_when_something_is_written() {
    let database = database().await;
    drop(store_in(&database, patient()).await);
    let mut admin = shell(database.url()).await;
    run(&mut admin, format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()))
        .await
        .unwrap();
    let store = PgStore::connect(database.url()).await.unwrap();
    says(&store.append(any("a")).await.unwrap_err(), "read-only");
    assert!(page(&store, Position(0)).await.unwrap().0.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_refused() {
    let cluster = Cluster::builder().start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient()).await;
    stored(store.append(any("a")).await);
    drop(store);
    block_in_place(|| {
        cluster.stop_fast().unwrap();
        // With that file, a server only follows another one, which it has not been told of.
        std::fs::write(cluster.directory().join("data/standby.signal"), "").unwrap();
        cluster.start().unwrap();
    });
    let error = PgStore::connect(database.url()).await.unwrap_err();
    assert!(error.is_incompatible());
    says(&error, "standby");
}

async fn cursors(store: &PgStore) -> Vec<Cursor> {
    everything(store).await.into_iter().map(|seen| Cursor::new(seen.position, seen.id)).collect()
}

async fn restored(cluster: &Cluster, name: &str, dump: &Path) -> String {
    block_in_place(|| cluster.restore(name, dump)).unwrap();
    cluster.url(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_ahead_of_a_restored_backup_is_an_error_and_one_behind_it_goes_on() {
    let old = Cluster::shared().unwrap();
    let database = Database::create_on(old).await.unwrap();
    let store = store_in(&database, patient()).await;
    for n in 0..6 {
        stored(store.append(any(n)).await);
    }
    let dump = block_in_place(|| old.dump(database.name())).unwrap();
    for n in 0..4 {
        stored(store.append(any(n)).await);
    }
    let checkpoints: Vec<_> =
        cursors(&store).await.into_iter().map(|cursor| Checkpoint::new(cursor, store.identity())).collect();
    let (behind, ahead) = checkpoints.split_at(6);

    let new = block_in_place(|| Cluster::builder().start()).unwrap();
    let url = restored(&new, "restored", &dump).await;
    let after = PgStore::connect(&url).await.unwrap();
    assert_eq!(after.identity(), store.identity(), "a copy is the same store until somebody says otherwise");
    let check = async || {
        for checkpoint in ahead {
            let error = checkpoint.verify(&after).await.unwrap_err();
            assert!(error.is_rewound(), "{error}");
        }
        for checkpoint in behind {
            checkpoint.verify(&after).await.unwrap();
        }
    };
    check().await;
    // Past the positions of the checkpoints.
    for n in 0..8 {
        stored(after.append(any(n)).await);
    }
    check().await;
    let all = everything(&after).await;
    check_order(&all);
    assert_eq!(all.len(), 14);
    let from = behind.last().unwrap().cursor.position;
    let (next, _) = page(&after, from).await.unwrap();
    assert_eq!(next, all[6..]);
    assert!(Checkpoint::new(Cursor::START, after.identity()).verify(&after).await.is_ok());

    after.begin_epoch().await.unwrap();
    let begun = PgStore::connect(&url).await.unwrap().identity();
    assert_eq!((begun.id, begun.epoch), (store.identity().id, store.identity().epoch + 1));
}

#[tokio::test]
async fn a_checkpoint_of_another_store_is_an_error() {
    let database = database().await;
    let one = store_in(&database, patient().schema("one")).await;
    let two = store_in(&database, patient().schema("two")).await;
    let request = request("a", ExpectedVersion::Any, 1);
    stored(one.append(request.clone()).await);
    stored(two.append(request).await);
    let cursor = cursors(&one).await.pop().unwrap();
    Checkpoint::new(cursor, one.identity()).verify(&one).await.unwrap();
    assert!(Checkpoint::new(cursor, one.identity()).verify(&two).await.unwrap_err().is_rewound());
}
