//! What is open beside the store and holds no reader back, and the prepared transaction that does.

use super::*;
use crate::postgres::patient;

#[tokio::test]
async fn an_unrelated_transaction_holds_no_reader_back() {
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        let mut scene = Scene::with(ordering).await;
        scene.run("CREATE TABLE unrelated (number int)").await;
        let mut writes = scene.open().await;
        writes.run("INSERT INTO unrelated VALUES (1)").await;
        let mut reads = scene.open().await;
        reads.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM eventsource.events").await;
        scene.append("a").await;
        assert_eq!(scene.delivered().await, ["before1", "a1"]);
        assert!(scene.store.status().await.expect("answers").open_appends.is_empty());
        writes.commit().await;
        reads.commit().await;
    }
}

#[tokio::test]
async fn a_connection_that_only_holds_locks_holds_no_reader_back() {
    let mut scene = Scene::new().await;
    let mut lease = scene.open().await;
    // A lease for the time of a session; and what an append with conditions does before it appends.
    lease.run("SELECT pg_advisory_lock(1), pg_advisory_lock(1, 1)").await;
    lease
        .run("SELECT pg_advisory_xact_lock(hashtextextended('order-a', 'eventsource.events'::regclass::oid::bigint))")
        .await;
    scene.append("a").await;
    assert_eq!(scene.delivered().await, ["before1", "a1"]);
    lease.run("COMMIT").await;
    scene.append("b").await;
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1"]);
}

#[tokio::test]
async fn the_open_append_of_another_store_in_the_database_holds_no_reader_back() {
    let mut scene = Scene::new().await;
    let other = Scene::on(database().await, patient()).await;
    let neighbour = store_in(&scene.database, scene.options.clone().schema("neighbour")).await;
    let mut in_another_database = other.open().await;
    in_another_database.append("held").await;
    let mut in_another_schema = Open { store: neighbour, pg: connect(scene.database.url()).await };
    in_another_schema.run("BEGIN").await;
    in_another_schema.append("held").await;
    scene.append("a").await;
    assert_eq!(scene.delivered().await, ["before1", "a1"]);
    assert!(scene.store.status().await.expect("answers").open_appends.is_empty());
    // In one transaction, each store has its own turn.
    in_another_schema.store = scene.store.clone();
    in_another_schema.append("b").await;
    scene.append("c").await;
    assert_eq!(scene.delivered().await, ["before1", "a1"]);
    in_another_schema.commit().await;
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1", "c1"]);
}

#[tokio::test]
async fn a_prepared_transaction_that_did_not_append_holds_no_reader_back() {
    let mut scene = Scene::new().await;
    scene.run("CREATE TABLE unrelated (number int)").await;
    let gid = scene.database.name().to_owned();
    let mut unrelated = scene.open().await;
    unrelated.run("INSERT INTO unrelated VALUES (1)").await;
    unrelated.run(&format!("PREPARE TRANSACTION '{gid}'")).await;
    scene.append("a").await;
    assert_eq!(scene.delivered().await, ["before1", "a1"]);
    scene.run(&format!("COMMIT PREPARED '{gid}'")).await;
}

#[tokio::test]
async fn readers_wait_for_a_prepared_append_and_the_status_names_it() {
    for verb in ["COMMIT", "ROLLBACK"] {
        let mut scene = Scene::new().await;
        let gid = format!("{}_{verb}", scene.database.name());
        let mut a = scene.open().await;
        a.append("a").await;
        a.run(&format!("PREPARE TRANSACTION '{gid}'")).await;
        drop(a);
        scene.append("b").await;
        assert_eq!(scene.delivered().await, ["before1"]);
        let status = scene.store.status().await.expect("answers");
        let [open] = &status.open_appends[..] else { panic!("{status:?}") };
        assert_eq!((open.pid, open.prepared.as_deref()), (None, Some(&*gid)), "{status:?}");
        scene.run(&format!("{verb} PREPARED '{gid}'")).await;
        let expected: &[&str] = if verb == "COMMIT" { &["before1", "a1", "b1"] } else { &["before1", "b1"] };
        assert_eq!(scene.delivered().await, expected);
        assert!(scene.store.status().await.expect("answers").open_appends.is_empty());
    }
}
