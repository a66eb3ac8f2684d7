//! Numbers that a crashed server gives a second time.

use eventsource_test_cluster::{Cluster, PgBouncer};
use tokio::task::block_in_place;

use super::*;
use crate::postgres::patient;

/// How often a crash is tried: whether the numbers were flushed before is the server's affair, now and then.
const CRASHES: usize = 5;
const DRAWN: i32 = 100;

fn cluster() -> Cluster {
    // Nobody flushes numbers but a commit.
    block_in_place(|| Cluster::builder().setting("wal_writer_delay", "10s").start()).unwrap_or_else(|e| panic!("{e}"))
}

impl Scene {
    /// Draws numbers, lets everybody see that they are drawn, and crashes. Answers the last number.
    async fn draw_and_crash(&mut self, cluster: &Cluster, stores: &[&PgStore]) -> Position {
        let mut a = self.open().await;
        // As many appends would, but without their rows, whose bytes would be flushed with the numbers.
        a.run("SELECT eventsource.take_turn()").await;
        let draw = "SELECT max(nextval('eventsource.events_position_seq')) FROM generate_series(1, $1)";
        let last: i64 = sqlx::query_scalar(draw).bind(DRAWN).fetch_one(&mut a.pg).await.expect("draws");
        a.roll_back().await;
        self.delivered().await;
        for store in stores {
            let page = store.read(&Read::category("nothing"), &mut |_| Ok(())).await.expect("reads");
            assert_eq!(page.watermark, Position(last as u64));
        }
        block_in_place(|| cluster.stop_immediate().and_then(|()| cluster.start())).unwrap_or_else(|e| panic!("{e}"));
        Position(last as u64)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_resumes_after_a_crash_skips_no_event_whose_number_is_given_again() {
    let cluster = cluster();
    let database = Database::create_on(&cluster).await.expect("creates");
    let mut scene = Scene::on(database, patient().connections(4)).await;
    let mut expected = scene.delivered().await;
    for crash in 1..=CRASHES {
        let last = scene.draw_and_crash(&cluster, &[]).await;
        let a = scene.append(&format!("{crash}a")).await;
        scene.append(&format!("{crash}b")).await;
        expected.extend([format!("{crash}a1"), format!("{crash}b1")]);
        assert_eq!(scene.delivered().await, expected);
        if a <= last {
            return;
        }
    }
    panic!("the server has not given a number again in {CRASHES} crashes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_behind_a_pooler_that_outlives_a_crash_skips_no_event_whose_number_is_given_again() {
    let cluster = cluster();
    let bouncer = block_in_place(|| PgBouncer::builder().start(&cluster)).unwrap_or_else(|e| panic!("{e}"));
    let database = Database::create_on(&cluster).await.expect("creates");
    let mut scene = Scene::on(database, patient().connections(4)).await;
    let pooled = patient().pooled(true).connections(1);
    let pooled = PgStore::connect_with(&bouncer.url(scene.database.name()), pooled).await.expect("connects");
    let mut follower = Follower::new(Read::all());
    let mut expected = scene.delivered().await;
    for crash in 1..=CRASHES {
        let last = scene.draw_and_crash(&cluster, &[&pooled]).await;
        follower.follow(&pooled).await.expect("reads");
        assert_eq!(follower.delivered, expected);
        let mut a = scene.open().await;
        let place = a.append(&format!("{crash}a")).await;
        scene.append(&format!("{crash}b")).await;
        follower.follow(&pooled).await.expect("reads");
        assert_eq!(follower.delivered, expected);
        a.commit().await;
        follower.follow(&pooled).await.expect("reads");
        expected.extend([format!("{crash}a1"), format!("{crash}b1")]);
        assert_eq!(follower.delivered, expected);
        if place <= last {
            return;
        }
    }
    panic!("the server has not given a number again in {CRASHES} crashes");
}
