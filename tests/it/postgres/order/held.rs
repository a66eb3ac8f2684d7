//! Appends that are held open while others commit.

use super::*;

/// How a transaction that was held ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Commit,
    RollBack,
    Terminated,
}

impl Scene {
    /// A appends and holds, B appends and commits, then A ends.
    async fn a_holds_and_b_commits(&mut self, end: End) {
        let mut a = self.open().await;
        let place = a.append("a").await;
        let mut b = self.begin_append("b");
        let b_waits = self.ordering == Ordering::Serialized;
        if !b_waits {
            assert!((&mut b).await.expect("appends") > place);
        }
        assert_eq!(self.delivered().await, ["before1"]);
        let (store, first) = (self.store.clone(), self.first);
        let waiting = tokio::spawn(async move { store.wait_past(first).await });
        tokio::time::sleep(LOOK_EVERY * 4).await;
        assert!(!waiting.is_finished());
        match end {
            End::Commit => a.commit().await,
            End::RollBack => a.roll_back().await,
            End::Terminated => {
                let pid = a.pid().await;
                self.run(&format!("SELECT pg_terminate_backend({pid})")).await;
            }
        }
        if b_waits {
            assert!(b.await.expect("appends") > place);
        }
        let expected: &[&str] = if end == End::Commit { &["before1", "a1", "b1"] } else { &["before1", "b1"] };
        if end == End::Terminated {
            // The server is told, and does it when it comes to it.
            self.delivers(expected).await;
        }
        assert_eq!(self.delivered().await, expected);
        let woken = tokio::time::timeout(PATIENCE, waiting).await.expect("in time").expect("no panic").expect("waits");
        assert!(woken >= place, "woken at {woken}");
    }
}

#[tokio::test]
async fn nothing_passes_an_open_append_and_then_both_come_in_order() {
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        Scene::with(ordering).await.a_holds_and_b_commits(End::Commit).await;
    }
}

#[tokio::test]
async fn after_an_open_append_is_rolled_back_the_other_one_comes_alone() {
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        Scene::with(ordering).await.a_holds_and_b_commits(End::RollBack).await;
    }
}

#[tokio::test]
async fn after_the_connection_of_an_open_append_is_terminated_the_other_one_comes_alone() {
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        Scene::with(ordering).await.a_holds_and_b_commits(End::Terminated).await;
    }
}

#[tokio::test]
async fn of_several_open_appends_the_oldest_holds_the_readers() {
    let mut scene = Scene::new().await;
    let (mut a, mut b, mut c) = (scene.open().await, scene.open().await, scene.open().await);
    a.append("a").await;
    b.append("b").await;
    c.append("c").await;
    scene.append("d").await;
    // The second append of a transaction does not raise the first one's floor.
    a.append("e").await;
    b.commit().await;
    assert_eq!(scene.delivered().await, ["before1"]);
    a.commit().await;
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1"]);
    c.roll_back().await;
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1", "d1", "e1"]);
}

#[tokio::test]
async fn an_append_after_a_savepoint_was_rolled_back_is_held_for_like_the_first() {
    let mut scene = Scene::new().await;
    let mut a = scene.open().await;
    a.run("SAVEPOINT before_append").await;
    a.append("lost").await;
    scene.append("b").await;
    assert_eq!(scene.delivered().await, ["before1"]);
    a.run("ROLLBACK TO before_append").await;
    assert_eq!(scene.delivered().await, ["before1", "b1"]);
    a.append("a").await;
    scene.append("c").await;
    assert_eq!(scene.delivered().await, ["before1", "b1"]);
    a.run("COMMIT").await;
    assert_eq!(scene.delivered().await, ["before1", "b1", "a1", "c1"]);
    // What one transaction has remembered is no matter of the next one.
    a.run("BEGIN").await;
    a.append("d").await;
    scene.append("e").await;
    assert_eq!(scene.delivered().await, ["before1", "b1", "a1", "c1"]);
    a.commit().await;
    assert_eq!(scene.delivered().await, ["before1", "b1", "a1", "c1", "d1", "e1"]);
}

#[tokio::test]
async fn an_append_before_a_savepoint_is_held_for_when_that_is_rolled_back() {
    let mut scene = Scene::new().await;
    let mut a = scene.open().await;
    a.append("a").await;
    a.run("SAVEPOINT after_append").await;
    a.append("lost").await;
    a.run("ROLLBACK TO after_append").await;
    scene.append("b").await;
    assert_eq!(scene.delivered().await, ["before1"]);
    a.run("SAVEPOINT released").await;
    a.append("c").await;
    a.run("RELEASE released").await;
    scene.append("d").await;
    assert_eq!(scene.delivered().await, ["before1"]);
    a.commit().await;
    assert_eq!(scene.delivered().await, ["before1", "a1", "b1", "c1", "d1"]);
}

#[tokio::test]
async fn a_stream_stays_in_order_when_an_older_transaction_appends_to_it_late() {
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        let mut scene = Scene::with(ordering).await;
        scene.run("CREATE TABLE unrelated (number int)").await;
        let mut a = scene.open().await;
        // It has its transaction id, which is lower than the next one's.
        a.run("INSERT INTO unrelated VALUES (1)").await;
        scene.append("shared").await;
        assert_eq!(scene.delivered().await, ["before1", "shared1"]);
        a.append("shared").await;
        assert_eq!(scene.delivered().await, ["before1", "shared1"]);
        a.commit().await;
        assert_eq!(scene.delivered().await, ["before1", "shared1", "shared2"]);
    }
}
