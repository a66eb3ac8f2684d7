//! pgbouncer in front of a cluster.

use eventsource_test_cluster::{Cluster, Database, PgBouncer};
use sqlx::{Connection, PgConnection, Row};

use crate::answer;

/// Without a prepared statement, which this pgbouncer may not know.
async fn simply(connection: &mut PgConnection, select: &'static str) -> String {
    sqlx::raw_sql(select).fetch_one(connection).await.unwrap().get(0)
}

#[tokio::test]
async fn pgbouncer_answers_for_the_databases_of_its_cluster() {
    if PgBouncer::is_left_out() {
        return;
    }
    let cluster = Cluster::shared().unwrap();
    let database = Database::create_on(cluster).await.unwrap();
    let bouncer = PgBouncer::builder().start(cluster).unwrap();
    let mut connection = PgConnection::connect(&bouncer.url(database.name())).await.unwrap();
    assert_eq!(simply(&mut connection, "SELECT current_database()::text").await, database.name());
    connection.close().await.unwrap();
    let address = bouncer.address();
    drop(bouncer);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn clients_share_a_connection_from_transaction_to_transaction() {
    if PgBouncer::is_left_out() {
        return;
    }
    let cluster = Cluster::shared().unwrap();
    let database = Database::create_on(cluster).await.unwrap();
    let bouncer = PgBouncer::builder().setting("default_pool_size", "1").start(cluster).unwrap();
    let url = bouncer.url(database.name());
    let mut one = PgConnection::connect(&url).await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let process = "SELECT pg_backend_pid()::text";
    assert_eq!(simply(&mut one, process).await, simply(&mut other, process).await);
}

#[tokio::test]
async fn named_statements_work_where_pgbouncer_knows_them() {
    if PgBouncer::is_left_out() {
        return;
    }
    let cluster = Cluster::shared().unwrap();
    let database = Database::create_on(cluster).await.unwrap();
    let started = PgBouncer::builder().max_prepared_statements(100).start(cluster);
    if PgBouncer::installed_version().unwrap() < (1, 21) {
        let refused = started.unwrap_err().to_string();
        assert!(refused.starts_with("max_prepared_statements needs pgbouncer"), "{refused}");
        return;
    }
    let bouncer = started.unwrap();
    assert_eq!(answer(&bouncer.url(database.name()), "SELECT 7::bigint").await, 7);
}

#[tokio::test]
async fn a_setting_that_pgbouncer_refuses_is_named_by_the_error() {
    if PgBouncer::is_left_out() {
        return;
    }
    let error = PgBouncer::builder().setting("pool_mode", "none").start(Cluster::shared().unwrap()).unwrap_err();
    assert!(error.to_string().contains("pool_mode"), "{error}");
}
