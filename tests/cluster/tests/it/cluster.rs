//! Clusters of a test's own.

use eventsource_test_cluster::{Cluster, Database};
use sqlx::{Connection, PgConnection};

use crate::{answer, execute};

#[tokio::test]
async fn a_cluster_starts_answers_and_leaves_nothing_behind() {
    let cluster = Cluster::builder().setting("max_connections", "17").start().unwrap();
    assert_eq!(answer(&cluster.admin_url(), "SELECT current_setting('max_connections')::bigint").await, 17);
    let major = answer(&cluster.admin_url(), "SELECT current_setting('server_version_num')::bigint / 10000").await;
    assert_eq!(major, i64::from(cluster.server_major()));
    assert!(cluster.log().contains("ready to accept connections"), "{}", cluster.log());
    let (directory, address) = (cluster.directory().to_owned(), cluster.address());
    drop(cluster);
    assert!(!directory.exists());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn what_is_on_disk_is_flushed_as_in_production() {
    let cluster = Cluster::shared().unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let mut connection = PgConnection::connect(&cluster.admin_url()).await.unwrap();
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut connection).await.unwrap();
        assert_eq!(value, "on", "{setting}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let url = Cluster::shared().unwrap().admin_url();
    let (user, rest) = url.split_once("postgres:").and_then(|_| url.split_once('@')).unwrap();
    let wrong = format!("{user}x@{rest}");
    let refused = PgConnection::connect(&wrong).await.unwrap_err();
    assert!(refused.to_string().contains("password authentication failed"), "{refused}");
}

#[tokio::test]
async fn a_cluster_survives_a_crash_with_what_was_committed() {
    let cluster = Cluster::builder().start().unwrap();
    let url = cluster.admin_url();
    execute(&url, "CREATE TABLE kept (n bigint); INSERT INTO kept VALUES (42)").await;
    cluster.stop_immediate().unwrap();
    assert!(PgConnection::connect(&url).await.is_err());
    cluster.start().unwrap();
    assert!(cluster.log().contains("automatic recovery in progress"), "{}", cluster.log());
    assert_eq!(answer(&url, "SELECT n FROM kept").await, 42);
    cluster.restart().unwrap();
    assert_eq!(answer(&url, "SELECT n FROM kept").await, 42);
}

#[tokio::test]
async fn a_dump_is_restored_in_another_cluster() {
    let cluster = Cluster::shared().unwrap();
    let from = Database::create_on(cluster).await.unwrap();
    execute(
        from.url(),
        "CREATE TABLE dumped (n bigint GENERATED ALWAYS AS IDENTITY); INSERT INTO dumped DEFAULT VALUES",
    )
    .await;
    let dump = cluster.dump(from.name()).unwrap();
    let other = Cluster::builder().start().unwrap();
    other.restore("restored", &dump).unwrap();
    assert_eq!(answer(&other.url("restored"), "SELECT n FROM dumped").await, 1);
    let twice = other.restore("restored", &dump).unwrap_err();
    assert!(twice.to_string().contains("already exists"), "{twice}");
}

#[test]
fn a_setting_that_the_server_refuses_is_named_by_the_error() {
    let error = Cluster::builder().setting("max_connections", "many").start().unwrap_err();
    assert!(error.to_string().contains("max_connections"), "{error}");
}
