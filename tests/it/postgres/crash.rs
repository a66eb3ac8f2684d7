//! A server that crashes, loses its connections, fills its disk or has no room for us.

use std::path::Path;
use std::process::Command;

use eventsource::postgres::PgStore;
use eventsource::{
    AppendOutcome, AppendRequest, Checkpoint, CheckpointKey, Cursor, EventStore, ExpectedVersion, Load as Ask,
    NewEvent, Position,
};
use eventsource_test_cluster::{Cluster, Database};
use sqlx::{Connection, PgConnection};
use tokio::task::block_in_place;
use uuid::Uuid;

use super::load::Load;
use super::things::{any, events, everything, in_time, number, page, request, run, shell, stored, thing, until};
use super::{database, patient, store_in};

const CRASHES: usize = 10;
/// Appends between two crashes.
const BETWEEN: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn crashes_of_the_server_lose_nothing_acknowledged_and_store_nothing_twice() {
    let cluster = Cluster::builder().start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient()).await;
    let other = PgStore::connect(database.url()).await.unwrap();
    let load = Load::start(&[store.clone(), other]);
    for _ in 0..CRASHES {
        load.goes_on(BETWEEN).await;
        block_in_place(|| cluster.stop_immediate()).unwrap();
        block_in_place(|| cluster.start()).unwrap();
    }
    load.goes_on(BETWEEN).await;
    load.check(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_killed_under_load_lose_nothing_and_store_nothing_twice() {
    let database = database().await;
    let store = store_in(&database, patient()).await;
    let other = PgStore::connect_with(database.url(), patient().group_commit(false)).await.unwrap();
    let load = Load::start(&[store.clone(), other]);
    let mut shell = shell(database.url()).await;
    let mut killed = 0;
    while killed < 100 {
        load.goes_on(10).await;
        let some = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3) AS victims";
        killed += number(&mut shell, some).await;
    }
    load.goes_on(BETWEEN).await;
    load.check(&store).await;
}

/// Whatever comes first after a restart finds connections that are dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_while_the_store_was_idle_the_first_call_of_any_kind_works() {
    let cluster = Cluster::builder().start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let options = patient().listen(false);
    for kind in FIRST_CALLS {
        let store = store_in(&database, options.clone()).await;
        // Several connections are idle then, and one is the writer's.
        let warm = (0..4).map(|_| async { page(&store, Position(0)).await.unwrap() });
        futures::future::join_all(warm).await;
        let last = stored(store.append(any(kind)).await).streams[0].positions[0];
        block_in_place(|| cluster.restart()).unwrap();
        in_time(kind, first_call(&store, kind, last)).await;
    }
}

const FIRST_CALLS: [&str; 10] = [
    "append",
    "append-many",
    "append-new-type",
    "append-on-condition",
    "repeat",
    "load",
    "read",
    "wait",
    "checkpoint",
    "position",
];

async fn first_call(store: &PgStore, kind: &'static str, last: Position) {
    let key = CheckpointKey::new("view");
    match kind {
        "append" => drop(stored(store.append(any("a")).await)),
        "append-many" => drop(stored(store.append(request("b", ExpectedVersion::Any, 3)).await)),
        "append-new-type" => {
            let event = NewEvent::new("thing.other", 1, b"{}".to_vec());
            drop(stored(store.append(AppendRequest::new(thing("c"), ExpectedVersion::Any, vec![event]).into()).await));
        }
        "append-on-condition" => {
            let request = AppendRequest::new(thing("d"), ExpectedVersion::NoStream, events(1));
            let request = request.on_condition(thing("nothing"), eventsource::Version(0));
            drop(stored(store.append(request.into()).await));
        }
        // A conflict is looked into on another connection than that which appends.
        "repeat" => {
            let again = store.append(request(kind, ExpectedVersion::NoStream, 1)).await;
            assert!(matches!(again, Ok(AppendOutcome::Conflict(_))), "{again:?}");
        }
        "load" => {
            let mut rows = 0;
            let ask = Ask::new(thing(kind));
            store
                .load(&ask, &mut |_| {
                    rows += 1;
                    Ok(())
                })
                .await
                .unwrap();
            assert_eq!(rows, 1);
        }
        "read" => assert!(!page(store, Position(0)).await.unwrap().0.is_empty()),
        "wait" => assert!(store.wait_past(Position(last.0 - 1)).await.unwrap() >= last),
        "checkpoint" => {
            store.save_checkpoint(&key, Checkpoint::new(Cursor::START, store.identity())).await.unwrap();
        }
        "position" => assert!(store.position_at(chrono::Utc::now()).await.unwrap() <= last),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_free_connection_is_a_transient_error_that_says_so() {
    let cluster = Cluster::builder()
        .setting("max_connections", "6")
        .setting("superuser_reserved_connections", "0")
        .start()
        .unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let store = store_in(&database, patient().listen(false)).await;
    stored(store.append(any("a")).await);
    store.close().await.unwrap();
    drop(store);
    let store = PgStore::connect_with(database.url(), patient().listen(false)).await.unwrap();
    let mut others = Vec::new();
    while let Ok(other) = PgConnection::connect(database.url()).await {
        others.push(other);
    }
    // The store has one connection; the writer wants another.
    let error = store.append(any("a")).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("max_connections"), "{error}");
    let error = PgStore::connect(database.url()).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("max_connections"), "{error}");
    drop(others);
    until("a connection is free", async || store.append(any("b")).await.is_ok()).await;
    page(&store, Position(0)).await.unwrap();
}

/// A small file system of its own, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn mount(megabytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m,mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
            Self(folder)
        })
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server behind it is still being stopped.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// An event of a megabyte that does not compress.
fn large() -> NewEvent {
    let mut state = Uuid::now_v7().as_u64_pair().1 | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    NewEvent::new("thing.done", 1, (0..1 << 17).flat_map(next).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_an_error_that_says_so_and_loses_nothing_acknowledged() {
    let Some(disk) = SmallDisk::mount(48) else {
        super::skipped("a small disk cannot be mounted here");
        return;
    };
    let cluster = Cluster::builder().start().unwrap();
    let database = Database::create_on(&cluster).await.unwrap();
    let mut shell = shell(database.url()).await;
    let place = disk.path().join("space");
    std::fs::create_dir(&place).unwrap();
    let owner = std::fs::metadata(cluster.directory()).unwrap();
    use std::os::unix::fs::MetadataExt;
    std::os::unix::fs::chown(&place, Some(owner.uid()), Some(owner.gid())).unwrap();
    run(&mut shell, format!("CREATE TABLESPACE small LOCATION '{}'", place.display())).await.unwrap();
    run(&mut shell, format!("ALTER DATABASE {} SET default_tablespace = 'small'", database.name())).await.unwrap();
    let store = store_in(&database, patient()).await;

    let mut acknowledged = Vec::new();
    let error = loop {
        let event = large();
        let id = event.id;
        match store.append(AppendRequest::new(thing("a"), ExpectedVersion::Any, vec![event]).into()).await {
            Ok(outcome) => {
                stored(Ok(outcome));
                acknowledged.push(id);
            }
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 100, "the disk does not get full");
    };
    assert!(error.to_string().contains("disk is full"), "{error}");
    // Several at once, some of them of several events.
    let more = (0..8).map(|n| {
        let request = AppendRequest::new(thing(n), ExpectedVersion::Any, vec![large(), large(), large()]);
        store.append(request.into())
    });
    for outcome in futures::future::join_all(more).await {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
    }
    let there: Vec<_> = everything(&store).await.into_iter().map(|seen| seen.id).collect();
    assert_eq!(there, acknowledged);

    let larger = Command::new("mount").args(["-o", "remount,size=96m"]).arg(disk.path()).status().unwrap();
    assert!(larger.success());
    acknowledged.push({
        let request = any("a");
        stored(store.append(request.clone()).await);
        request.writes[0].events[0].id
    });
    let there: Vec<_> = everything(&store).await.into_iter().map(|seen| seen.id).collect();
    assert_eq!(there, acknowledged);
    drop(cluster);
}
