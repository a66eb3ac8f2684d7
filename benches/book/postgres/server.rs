//! The server, and stores and tables in it.

use std::sync::OnceLock;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::{Cluster, Database};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, query};
use tokio::sync::OnceCell;

use crate::book::is_measuring;
use crate::book::system::{Facts, folder_of_databases};

/// One server for all scenarios, started when it is first needed. Checkpoints are kept out of the figures.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let mut builder = Cluster::builder()
            .setting("fsync", if is_measuring() { "on" } else { "off" })
            .setting("shared_buffers", "1GB")
            .setting("min_wal_size", "4GB")
            .setting("max_wal_size", "16GB")
            .setting("checkpoint_timeout", "60min")
            .setting("autovacuum_naptime", "10min");
        if let Some(folder) = folder_of_databases() {
            builder = builder.parent_dir(folder);
        }
        builder.start().unwrap_or_else(|error| panic!("{error}"))
    })
}

/// A new server makes a file for each 16 MB of its log, while commits wait. One that has run for a while takes an old one.
async fn fill_log(cluster: &Cluster) {
    let mut pg = PgConnection::connect(&cluster.admin_url()).await.expect("connects");
    let switch = "SELECT pg_logical_emit_message(false, 'book', ''), pg_switch_wal() FROM generate_series(1, 128)";
    for sql in [switch, "CHECKPOINT"] {
        sqlx::raw_sql(sql).execute(&mut pg).await.expect("fills the log");
    }
}

/// A database of a scenario's own.
pub async fn database() -> Database {
    static FILLED: OnceCell<()> = OnceCell::const_new();
    let cluster = tokio::task::spawn_blocking(cluster).await.expect("the server starts");
    if is_measuring() {
        FILLED.get_or_init(|| fill_log(cluster)).await;
    }
    Database::create_on(cluster).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A store in the database.
pub async fn store(database: &Database, options: PgOptions) -> PgStore {
    PgStore::migrate_with(database.url(), options.clone()).await.expect("migrates");
    PgStore::connect_with(database.url(), options).await.expect("connects")
}

/// What its figures depend on.
pub async fn facts() -> Facts {
    const SETTINGS: [&str; 9] = [
        "server_version",
        "fsync",
        "synchronous_commit",
        "wal_sync_method",
        "full_page_writes",
        "shared_buffers",
        "min_wal_size",
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
