//! Readers that are slow at the worst moments: between the watermark and the page, and inside both.

use std::sync::mpsc;

use super::*;
use crate::postgres::patient;

/// Where the watermark's function waits.
enum Gate {
    BeforeTheLook,
    AfterTheLook,
}

/// The key of the lock at the gate.
const KEY: u32 = 4_711;

impl Scene {
    /// Puts a gate into the watermark's function; it is closed as long as the connection lives.
    async fn close(&self, gate: Gate) -> PgConnection {
        let look = "watermark := eventsource.watermark_at_once();";
        let (before, after) = match gate {
            Gate::BeforeTheLook => ("", look),
            Gate::AfterTheLook => (look, ""),
        };
        self.run(&format!(
            "ALTER FUNCTION eventsource.watermark() RENAME TO watermark_at_once;
             CREATE FUNCTION eventsource.watermark() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
             DECLARE
                 watermark bigint;
             BEGIN
                 {before}
                 PERFORM pg_advisory_lock_shared({KEY});
                 PERFORM pg_advisory_unlock_shared({KEY});
                 {after}
                 RETURN watermark;
             END $$"
        ))
        .await;
        let mut keeper = connect(self.database.url()).await;
        run(&mut keeper, &format!("SELECT pg_advisory_lock({KEY})")).await;
        keeper
    }

    /// Waits until somebody waits at the gate.
    async fn somebody_waits(&self) {
        let mut pg = connect(self.database.url()).await;
        let waits = format!(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
             WHERE datname = current_database() AND locktype = 'advisory' AND objid = {KEY} AND NOT granted)"
        );
        let waited = tokio::time::timeout(PATIENCE, async {
            while !sqlx::query_scalar::<_, bool>(AssertSqlSafe(waits.clone())).fetch_one(&mut pg).await.expect("asks") {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        waited.await.expect("a reader comes to the gate");
    }

    /// A reader that is on its way.
    fn begin_following(&self) -> JoinHandle<Follower> {
        let (store, mut follower) = (self.store.clone(), Follower::new(Read::all()));
        tokio::spawn(async move {
            follower.follow(&store).await.expect("reads");
            follower
        })
    }
}

#[tokio::test]
async fn appends_that_commit_while_a_reader_is_about_to_look_come_in_order() {
    for one_more in [false, true] {
        let mut scene = Scene::new().await;
        let mut a = scene.open().await;
        a.append("a").await;
        // A reader that sees no gap need not look.
        scene.append("b").await;
        let keeper = scene.close(Gate::BeforeTheLook).await;
        let reader = scene.begin_following();
        scene.somebody_waits().await;
        // Either one more commits during the reader's statement, or only the one that holds it back.
        let mut expected = vec!["before1", "a1", "b1"];
        if one_more {
            scene.append("c").await;
            expected.push("c1");
        }
        a.commit().await;
        keeper.close().await.expect("closes");
        assert_eq!(reader.await.expect("reads").delivered, expected);
        assert_eq!(scene.delivered().await, expected);
    }
}

#[tokio::test]
async fn appends_that_commit_between_a_readers_look_and_its_page_come_in_order() {
    let mut scene = Scene::new().await;
    let mut a = scene.open().await;
    a.append("a").await;
    scene.append("b").await;
    let keeper = scene.close(Gate::AfterTheLook).await;
    let reader = scene.begin_following();
    scene.somebody_waits().await;
    // What the reader has looked at is old now.
    a.commit().await;
    let mut held = scene.open().await;
    held.append("held").await;
    scene.append("c").await;
    keeper.close().await.expect("closes");
    let mut reader = reader.await.expect("reads");
    assert_eq!(reader.delivered, ["before1"]);
    reader.follow(&scene.store).await.expect("reads");
    assert_eq!(reader.delivered, ["before1", "a1", "b1"]);
    held.commit().await;
    reader.follow(&scene.store).await.expect("reads");
    assert_eq!(reader.delivered, ["before1", "a1", "b1", "held1", "c1"]);
    assert_eq!(scene.delivered().await, reader.delivered);
}

/// What the tests of this file are for: with one snapshot for both, B comes and A never does.
#[tokio::test]
async fn a_watermark_that_is_read_in_one_statement_with_the_page_skips_an_event() {
    let scene = Scene::new().await;
    let mut a = scene.open().await;
    a.append("a").await;
    scene.append("b").await;
    let keeper = scene.close(Gate::BeforeTheLook).await;
    let mut pg = connect(scene.database.url()).await;
    let page = tokio::spawn(async move {
        let statement = "SELECT stream FROM eventsource.events, eventsource.watermark() AS watermark
                         WHERE position <= watermark ORDER BY position";
        sqlx::query_scalar::<_, String>(statement).fetch_all(&mut pg).await.expect("reads")
    });
    scene.somebody_waits().await;
    a.commit().await;
    keeper.close().await.expect("closes");
    assert_eq!(page.await.expect("reads"), ["order-before", "order-b"]);
}

#[tokio::test]
async fn a_default_isolation_level_that_keeps_snapshots_makes_no_reader_skip() {
    let mut scene = Scene::new().await;
    let name = scene.database.name();
    scene.run(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")).await;
    // For poolers, a read is one transaction.
    for pooled in [false, true] {
        scene.options = patient().connections(4).pooled(pooled);
        scene.store = scene.another().await;
        let seen = scene.delivered().await.len();
        let mut a = scene.open().await;
        a.run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await;
        a.append("a").await;
        scene.append("b").await;
        let keeper = scene.close(Gate::BeforeTheLook).await;
        let reader = scene.begin_following();
        scene.somebody_waits().await;
        a.commit().await;
        keeper.close().await.expect("closes");
        scene.run("DROP FUNCTION eventsource.watermark()").await;
        scene.run("ALTER FUNCTION eventsource.watermark_at_once() RENAME TO watermark").await;
        assert_eq!(reader.await.expect("reads").delivered.len(), seen + 2);
        assert_eq!(scene.delivered().await.len(), seen + 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_commit_while_a_page_is_being_read_come_in_order() {
    let mut scene = Scene::new().await;
    let mut a = scene.open().await;
    a.append("a").await;
    let (at_the_event, arrived) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let store = scene.store.clone();
    // A thread that may be blocked.
    let page = tokio::task::spawn_blocking(move || {
        let (mut delivered, mut told) = (Vec::new(), Some(told));
        let read = Read::all();
        let mut visit = |event: &RawEvent<'_>| {
            delivered.push(label(event));
            if let Some(told) = told.take() {
                at_the_event.send(()).expect("the test waits");
                told.recv_timeout(PATIENCE).expect("the test goes on");
            }
            Ok(())
        };
        let page = tokio::runtime::Handle::current().block_on(store.read(&read, &mut visit)).expect("reads");
        (page, delivered)
    });
    tokio::task::spawn_blocking(move || arrived.recv_timeout(PATIENCE)).await.expect("no panic").expect("in time");
    scene.append("b").await;
    a.commit().await;
    go_on.send(()).expect("the reader waits");
    let (page, mut delivered) = page.await.expect("reads");
    let rest = Read::all().after(page.next.position);
    let mut visit = |event: &RawEvent<'_>| {
        delivered.push(label(event));
        Ok(())
    };
    scene.store.read(&rest, &mut visit).await.expect("reads");
    assert_eq!(delivered, ["before1", "a1", "b1"]);
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1"]);
}
