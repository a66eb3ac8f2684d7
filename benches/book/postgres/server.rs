//! The server, and stores and tables in it.

use std::sync::OnceLock;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::{Cluster, Database};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, query};

use crate::book::system::{Facts, folder_of_databases};

/// One server for all scenarios, started when it is first needed. Checkpoints are kept out of the figures.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let mut builder = Cluster::builder()
            .setting("shared_buffers", "1GB")
            .setting("max_wal_size", "16GB")
            .setting("checkpoint_timeout", "60min")
            .setting("autovacuum_naptime", "10min");
        if let Some(folder) = folder_of_databases() {
            builder = builder.parent_dir(folder);
        }
        builder.start().unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A database of a scenario's own.
pub async fn database() -> Database {
    let cluster = tokio::task::spawn_blocking(cluster).await.expect("the server starts");
    Database::create_on(cluster).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A store in the database.
pub async fn store(database: &Database, options: PgOptions) -> PgStore {
    PgStore::migrate_with(database.url(), options.clone()).await.expect("migrates");
    PgStore::connect_with(database.url(), options).await.expect("connects")
}

/// What its figures depend on.
pub async fn facts() -> Facts {
    const SETTINGS: [&str; 8] = [
        "server_version",
        "fsync",
        "synchronous_commit",
        "wal_sync_method",
        "full_page_writes",
        "shared_buffers",
        "max_wal_size",
        "checkpoint_timeout",
    ];
    let database = database().await;
    let mut pg = PgConnection::connect(database.url()).await.expect("connects");
    let mut settings = Vec::new();
    for setting in SETTINGS {
        let row = query(AssertSqlSafe(format!("SHOW {setting}"))).fetch_one(&mut pg).await.expect("a setting");
        settings.push(format!("{setting} {}", row.get::<String, _>(0)));
    }
    vec![("PostgreSQL", settings.join(", "))]
}
