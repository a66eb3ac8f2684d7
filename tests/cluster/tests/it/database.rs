//! A database for each test.

use std::collections::HashSet;

use eventsource_test_cluster::Database;

use crate::{answer, execute};

const AT_ONCE: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_are_created_at_the_same_time_and_share_nothing() {
    let creating: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(Database::create())).collect();
    let mut names = HashSet::new();
    for database in creating {
        let database = database.await.unwrap().unwrap();
        execute(database.url(), "CREATE TABLE of_my_own (n bigint)").await;
        assert_eq!(answer(database.url(), "SELECT count(*) FROM of_my_own").await, 0);
        names.insert(database.name().to_owned());
    }
    assert_eq!(names.len(), AT_ONCE);
}
