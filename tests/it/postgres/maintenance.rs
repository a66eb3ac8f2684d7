//! Changing what was recorded: permitted, recorded, and nothing of it left where it was cut short.

use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{
    AppendRequest, BoxError, EventStore, ExpectedVersion, Load as Ask, LoadRow, NewEvent, Position, Read, Snapshot,
    SnapshotKey, SnapshotMark, Version,
};
use sqlx::{PgConnection, query};

use super::things::{in_time, number, run, shell, stored, thing, until};
use super::{database, patient, store_in};

const ERASE: &str = "UPDATE eventsource.events SET data = '{}' WHERE stream = 'thing-a'";

async fn write(store: &PgStore, id: &str, data: &str) -> Position {
    let event = NewEvent::new("thing.said", 1, data.as_bytes().to_vec());
    stored(store.append(AppendRequest::new(thing(id), ExpectedVersion::Any, vec![event]).into()).await).streams[0]
        .positions[0]
}

async fn payloads(store: &PgStore) -> Vec<String> {
    let mut all = Vec::new();
    store
        .read(&Read::all(), &mut |event| {
            all.push(format!("{} {}", event.stream, String::from_utf8_lossy(event.data)));
            Ok(())
        })
        .await
        .unwrap();
    all
}

async fn erase(connection: &mut PgConnection) -> Result<(), BoxError> {
    query(ERASE).execute(connection).await?;
    Ok(())
}

fn snapshot(id: &str, position: Position) -> Snapshot {
    let key = SnapshotKey::new("thing", 1, 1);
    Snapshot::new(SnapshotMark::new(thing(id), key, (Version(1), position), chrono::Utc::now()), b"secret".to_vec())
}

async fn has_snapshot(store: &PgStore, id: &str) -> bool {
    let mut found = false;
    let ask = Ask::new(thing(id)).with_snapshot(Some(SnapshotKey::new("thing", 1, 1)));
    store
        .load(&ask, &mut |row| {
            found |= matches!(row, LoadRow::Snapshot(_));
            Ok(())
        })
        .await
        .unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_changes_events_and_records_who_and_why() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    write(&store, "a", "\"secret\"").await;
    write(&store, "b", "\"kept\"").await;
    store.maintenance("anna", "right to be forgotten", erase).await.unwrap();
    let record = "$maintenance-log {\"actor\":\"anna\",\"reason\":\"right to be forgotten\"}";
    assert_eq!(payloads(&store).await, ["thing-a {}", "thing-b \"kept\"", record]);
    let delete = async |connection: &mut PgConnection| {
        Ok(query("DELETE FROM eventsource.events WHERE stream = 'thing-b'").execute(connection).await?.rows_affected())
    };
    assert_eq!(store.maintenance("ben", "asked to", delete).await.unwrap(), 1);
    let again = "$maintenance-log {\"actor\":\"ben\",\"reason\":\"asked to\"}";
    assert_eq!(payloads(&store).await, ["thing-a {}", record, again]);
    // The permit ends with its transaction, and is for one store.
    let mut shell = shell(database.url()).await;
    assert!(run(&mut shell, ERASE).await.is_err());
    let other = store_in(&database, patient().schema("other")).await;
    assert!(other.maintenance("anna", "of another store", erase).await.is_err());
    assert_eq!(payloads(&store).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_drops_the_snapshots_of_the_streams_that_it_changed() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    for id in ["a", "b"] {
        let position = write(&store, id, "1").await;
        store.save_snapshot(snapshot(id, position)).await.unwrap();
        assert!(has_snapshot(&store, id).await);
    }
    store.maintenance("anna", "erase", erase).await.unwrap();
    assert!(!has_snapshot(&store, "a").await);
    assert!(has_snapshot(&store, "b").await);
    let all =
        async |connection: &mut PgConnection| Ok(query("TRUNCATE eventsource.events").execute(connection).await?);
    store.maintenance("anna", "everything", all).await.unwrap();
    assert!(!has_snapshot(&store, "b").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_from_before_maintenance_is_not_written_after_it() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let other = PgStore::connect(database.url()).await.unwrap();
    let before = write(&store, "a", "\"secret\"").await;
    store.maintenance("anna", "erase", erase).await.unwrap();
    for store in [&store, &other] {
        store.save_snapshot(snapshot("a", before)).await.unwrap();
        assert!(!has_snapshot(store, "a").await);
    }
    let after = write(&store, "a", "2").await;
    store.save_snapshot(snapshot("a", after)).await.unwrap();
    assert!(has_snapshot(&store, "a").await);
}

/// The snapshot's own look for maintenance would see none: it has not committed yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_snapshot_that_is_written_during_maintenance_does_not_outlive_it() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let other = PgStore::connect(database.url()).await.unwrap();
    for earlier in [false, true] {
        let position = write(&store, "a", "\"secret\"").await;
        if earlier {
            other.save_snapshot(snapshot("a", position)).await.unwrap();
        }
        let mut shell = shell(database.url()).await;
        let saving = store
            .maintenance("anna", "erase", async |connection| {
                erase(connection).await?;
                let saving = tokio::spawn({
                    let other = other.clone();
                    async move { other.save_snapshot(snapshot("a", position)).await }
                });
                let waits = "SELECT count(*) FROM pg_stat_activity \
                             WHERE datname = current_database() AND wait_event_type = 'Lock'";
                until("it is written, or waits", async || saving.is_finished() || number(&mut shell, waits).await > 0)
                    .await;
                Ok(saving)
            })
            .await
            .unwrap();
        in_time("it ends", saving).await.unwrap().unwrap();
        assert!(!has_snapshot(&store, "a").await, "earlier: {earlier}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_that_fails_is_ended_or_dropped_leaves_no_trace() {
    let database = database().await;
    let store = store_in(&database, patient().connections(1)).await;
    write(&store, "a", "\"kept\"").await;

    let failed = store.maintenance("anna", "never mind", async |connection| {
        erase(connection).await?;
        Err::<(), _>("changed my mind".into())
    });
    let error = failed.await.unwrap_err();
    assert!(error.to_string().contains("changed my mind"), "{error}");

    let passed_over = store.maintenance("anna", "an error passed over", async |connection| {
        erase(connection).await?;
        Ok(query("SELECT 1 / 0").execute(connection).await.is_err())
    });
    passed_over.await.unwrap_err();

    for end in ["COMMIT", "ROLLBACK"] {
        let ended = store.maintenance("anna", end, async |connection| Ok(query(end).execute(connection).await?));
        let error = ended.await.unwrap_err();
        assert!(error.to_string().contains("ended before its time"), "{end}: {error}");
    }

    let dropped = store.maintenance("anna", "dropped", async |connection| {
        erase(connection).await?;
        std::future::pending::<Result<(), _>>().await
    });
    assert!(tokio::time::timeout(Duration::from_millis(100), dropped).await.is_err());

    // There is one connection, so what follows would be inside a transaction that was left open.
    assert_eq!(payloads(&store).await, ["thing-a \"kept\""]);
    write(&store, "a", "\"after\"").await;
    let mut shell = shell(database.url()).await;
    assert!(run(&mut shell, ERASE).await.is_err());
    store.close().await.unwrap();
    let store = PgStore::connect(database.url()).await.unwrap();
    assert_eq!(payloads(&store).await, ["thing-a \"kept\"", "thing-a \"after\""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maintenance_takes_as_long_as_it_takes() {
    let database = database().await;
    drop(store_in(&database, patient()).await);
    let options = patient().statement_timeout(Duration::from_secs(1));
    let store = PgStore::connect_with(database.url(), options).await.unwrap();
    write(&store, "a", "\"secret\"").await;
    let slow = store.maintenance("anna", "slowly", async |connection| {
        query("SELECT pg_sleep(2)").execute(&mut *connection).await?;
        erase(connection).await
    });
    slow.await.unwrap();
    assert_eq!(payloads(&store).await[0], "thing-a {}");
}
