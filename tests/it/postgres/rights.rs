//! What roles may do: one that owns nothing and runs the application, and people with psql.

use eventsource::postgres::{Ordering, PgStore};
use eventsource::{
    AppendRequest, Checkpoint, CheckpointKey, Cursor, EventStore, ExpectedVersion, Load as Ask, LoadRow, NewEvent,
    Position, Snapshot, SnapshotKey, SnapshotMark, Version,
};
use eventsource_test_cluster::Database;
use sqlx::Connection;

use super::things::{any, events, everything, in_time, number, request, run, shell, stored, text, thing};
use super::{database, patient, store_in};

const PASSWORD: &str = "application";

/// A role of the test's own that may log in and no more.
pub(super) struct Role {
    pub(super) name: String,
    pub(super) url: String,
    admin: String,
}

impl Role {
    pub(super) async fn create(database: &Database) -> Self {
        let name = format!("role_{}", database.name());
        let mut admin = shell(database.url()).await;
        run(&mut admin, format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")).await.unwrap();
        let url = format!("postgres://{name}:{PASSWORD}@{}/{}", database.address().unwrap(), database.name());
        Self { name, url, admin: database.url().to_owned() }
    }

    pub(super) async fn grant(&self, schema: &str) {
        let grants = PgStore::grants(schema, &self.name).unwrap();
        run(&mut shell(&self.admin).await, grants).await.unwrap();
    }

    /// Roles belong to the whole server, which may be somebody's.
    pub(super) async fn drop(self) {
        let mut admin = shell(&self.admin).await;
        run(&mut admin, format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name)).await.unwrap();
    }
}

async fn snapshot_of(store: &PgStore, id: &str) -> Option<Vec<u8>> {
    let mut found = None;
    let ask = Ask::new(thing(id)).with_snapshot(Some(SnapshotKey::new("thing", 1, 1)));
    store
        .load(&ask, &mut |row| {
            if let LoadRow::Snapshot(snapshot) = row {
                found = Some(snapshot.data.to_vec());
            }
            Ok(())
        })
        .await
        .unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_the_grants_alone_runs_the_application() {
    let database = database().await;
    let role = Role::create(&database).await;
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        let schema = format!("{ordering:?}").to_lowercase();
        let options = patient().schema(&schema).ordering(ordering);
        PgStore::migrate_with(database.url(), options.clone()).await.unwrap();
        role.grant(&schema).await;
        let store = PgStore::connect_with(&role.url, options.clone()).await.unwrap();

        let place = stored(store.append(request("a", ExpectedVersion::NoStream, 3)).await);
        let last = place.streams[0].positions[2];
        let two = AppendRequest::new(thing("a"), ExpectedVersion::Exact(Version(3)), events(1));
        stored(store.append(two.and(thing("b"), ExpectedVersion::Any, events(2)).into()).await);
        let keyed = AppendRequest::new(thing("b"), ExpectedVersion::StreamExists, events(1)).with_command_key("key");
        stored(store.append(keyed.on_condition(thing("a"), Version(4)).into()).await);
        let mut connection = shell(&role.url).await;
        let mut transaction = connection.begin().await.unwrap();
        stored(store.append_in(&mut transaction, &any("c")).await);
        transaction.commit().await.unwrap();
        assert_eq!(everything(&store).await.len(), 8);
        assert!(in_time("waiting", store.wait_past(last)).await.unwrap() > last);
        store.position_at(chrono::Utc::now()).await.unwrap();
        store.status().await.unwrap();

        let key = SnapshotKey::new("thing", 1, 1);
        for state in [b"one", b"two"] {
            let mark = SnapshotMark::new(thing("a"), key.clone(), (Version(3), last), chrono::Utc::now());
            store.save_snapshot(Snapshot::new(mark, state.to_vec())).await.unwrap();
        }
        assert_eq!(snapshot_of(&store, "a").await.unwrap(), b"two");
        assert_eq!(store.snapshot_streams("thing", "thing", 5).await.unwrap(), [thing("a")]);
        let key = CheckpointKey::new("view");
        for epoch in [1, 2] {
            let checkpoint = Checkpoint::new(Cursor::START, store.identity()).owner_epoch(epoch);
            store.save_checkpoint(&key, checkpoint).await.unwrap();
            assert_eq!(store.load_checkpoint(&key).await.unwrap(), Some(checkpoint));
        }
        assert_eq!(number(&mut connection, format!("SELECT count(*) FROM {schema}.event_log")).await, 8);
        store.close().await.unwrap();
    }
    role.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_the_grants_alone_can_change_neither_events_nor_tables() {
    let database = database().await;
    let role = Role::create(&database).await;
    let owner = store_in(&database, patient()).await;
    role.grant("eventsource").await;
    stored(owner.append(any("a")).await);
    let mut shell = shell(&role.url).await;
    run(&mut shell, "SET search_path = eventsource").await.unwrap();
    let permit = "SELECT set_config('eventsource.maintenance_' || 'events'::regclass::oid, '1', false)";
    for forbidden in [
        "UPDATE events SET data = ''",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE store SET epoch = 7",
        "DELETE FROM store",
        "DELETE FROM snapshots",
        "DELETE FROM checkpoints",
        "UPDATE types SET name = 'x'",
        "UPDATE views SET serving = true",
        "SELECT setval('events_position_seq', 1)",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "CREATE TABLE more ()",
        "CREATE OR REPLACE FUNCTION watermark() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
    ] {
        for prelude in ["", permit] {
            let error = run(&mut shell, format!("{prelude};{forbidden}")).await.expect_err(forbidden);
            assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}: {error}");
        }
    }
    let store = PgStore::connect(&role.url).await.unwrap();
    let erased = store.maintenance("eve", "no right", async |connection| {
        Ok(sqlx::query("DELETE FROM eventsource.events").execute(connection).await?)
    });
    erased.await.unwrap_err();
    assert!(store.begin_epoch().await.unwrap_err().to_string().contains("privilege"));
    assert_eq!(everything(&store).await, everything(&owner).await);
    assert_eq!(everything(&store).await.len(), 1);
    store.close().await.unwrap();
    role.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_lacks_a_privilege_is_refused_when_it_connects() {
    let database = database().await;
    let role = Role::create(&database).await;
    let mut admin = shell(database.url()).await;
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        let schema = format!("{ordering:?}").to_lowercase();
        let options = patient().schema(&schema).ordering(ordering).listen(false);
        PgStore::migrate_with(database.url(), options.clone()).await.unwrap();
        run(&mut admin, format!("SET search_path = {schema}")).await.unwrap();
        let error = PgStore::connect_with(&role.url, options.clone()).await.unwrap_err();
        assert!(error.to_string().contains("PgStore::grants"), "none at all: {error}");
        for privilege in [
            "USAGE ON SCHEMA {schema}",
            "USAGE ON SEQUENCE events_position_seq",
            "SELECT ON store",
            "SELECT ON events",
            "INSERT ON events",
            "SELECT ON snapshots",
            "INSERT ON snapshots",
            "UPDATE ON snapshots",
            "SELECT ON checkpoints",
            "INSERT ON checkpoints",
            "UPDATE ON checkpoints",
            "SELECT ON parked",
            "INSERT ON parked",
            "UPDATE ON parked",
            "DELETE ON parked",
            "SELECT ON views",
            "SELECT ON types",
            "INSERT ON types",
            "UPDATE ON turn",
            "SELECT ON turn",
        ] {
            role.grant(&schema).await;
            let privilege = privilege.replace("{schema}", &schema);
            run(&mut admin, format!("REVOKE {privilege} FROM {}", role.name)).await.unwrap();
            let connected = PgStore::connect_with(&role.url, options.clone()).await;
            if ordering == Ordering::Floor && privilege.contains("turn") {
                connected.unwrap().close().await.unwrap();
                continue;
            }
            let error = connected.expect_err(&privilege);
            assert!(error.to_string().contains("PgStore::grants"), "{privilege}: {error}");
            assert!(!error.is_transient());
        }
    }
    role.drop().await;
}

#[tokio::test]
async fn a_role_is_quoted_in_the_grants() {
    let grants = PgStore::grants("eventsource", "o\"brien; DROP ROLE x").unwrap();
    assert!(grants.contains("TO \"o\"\"brien; DROP ROLE x\";"), "{grants}");
    assert!(PgStore::grants("eventsource", "").unwrap_err().is_invalid());
    assert!(PgStore::grants("Event Source", "app").unwrap_err().is_invalid());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_not_changed_from_a_shell_not_even_by_their_owner() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    stored(store.append(request("a", ExpectedVersion::Any, 2)).await);
    let before = everything(&store).await;
    let mut shell = shell(database.url()).await;
    run(&mut shell, "SET search_path = eventsource").await.unwrap();
    for forbidden in [
        "UPDATE events SET data = ''",
        "UPDATE events SET version = version WHERE version = 1",
        "DELETE FROM events",
        "TRUNCATE events",
        "TRUNCATE events CASCADE",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET data = ''",
        "MERGE INTO events USING events AS others ON false WHEN NOT MATCHED BY SOURCE THEN DELETE",
    ] {
        let error = run(&mut shell, forbidden).await.expect_err(forbidden);
        let code = error.as_database_error().unwrap().code().unwrap().into_owned();
        // PostgreSQL 15 does not know the last one.
        assert!(code == "23001" || (forbidden.starts_with("MERGE") && code == "42601"), "{forbidden}: {error}");
        assert!(code != "23001" || error.to_string().contains("PgStore::maintenance"), "{error}");
    }
    assert_eq!(everything(&store).await, before);
}

#[tokio::test]
async fn the_view_shows_events_under_the_textbooks_names() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let event = NewEvent::new("thing.done", 3, r#"{"who":"Ünal"}"#.as_bytes().to_vec())
        .with_occurred_at("1993-01-01T00:00:00Z".parse().unwrap());
    stored(store.append(AppendRequest::new(thing("a-b-c"), ExpectedVersion::Any, vec![event]).into()).await);
    let mut binary = NewEvent::new("thing.done", 1, vec![0xff, 0, 1]);
    binary.encoding = 7;
    stored(store.append(AppendRequest::new(thing("x"), ExpectedVersion::Any, vec![binary]).into()).await);
    let mut shell = shell(database.url()).await;
    let columns = "SELECT concat_ws('|', position, aggregate_type, aggregate_id, sequence_number, event_type, \
                   event_version, event_data->>'who', metadata, occurred_at AT TIME ZONE 'UTC', recorded_at IS NOT NULL) \
                   FROM eventsource.event_log";
    let first = text(&mut shell, format!("{columns} WHERE aggregate_id = 'a-b-c'")).await;
    let key = first.split('|').nth(7).unwrap();
    assert!(!key.contains("$events"), "{first}");
    assert_eq!(first, "1|thing|a-b-c|1|thing.done|3|Ünal|1993-01-01 00:00:00|t");
    // What is not JSON has no text.
    assert_eq!(number(&mut shell, "SELECT count(*) FROM eventsource.event_log WHERE event_data IS NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_name_and_version_that_was_stored_is_noted_once() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let other = PgStore::connect(database.url()).await.unwrap();
    let event = |name: &'static str, version| NewEvent::new(name, version, b"{}".to_vec());
    for store in [&store, &other] {
        let both = vec![event("thing.done", 2), event("thing.done", 1), event("thing.undone", 1)];
        stored(store.append(AppendRequest::new(thing("a"), ExpectedVersion::Any, both).into()).await);
        stored(store.append(any("a")).await);
    }
    let mut connection = shell(database.url()).await;
    let mut transaction = connection.begin().await.unwrap();
    let request = AppendRequest::new(thing("a"), ExpectedVersion::Any, vec![event("thing.within", 1)]);
    stored(store.append_in(&mut transaction, &request).await);
    transaction.commit().await.unwrap();
    let all = "SELECT string_agg(name || schema_version, ' ' ORDER BY name, schema_version) FROM eventsource.types";
    assert_eq!(text(&mut connection, all).await, "thing.done1 thing.done2 thing.undone1 thing.within1");
    assert_eq!(everything(&store).await.last().unwrap().position, Position(9));
}
