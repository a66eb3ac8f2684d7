//! Schemas of PostgreSQL, as dumps.

use eventsource::EventStore;
use eventsource::postgres::PgStore;
use eventsource_test_cluster::{Cluster, Database};
use sqlx::query;
use tokio::task::block_in_place;

use super::contents::{self, DELETE};
use super::{asked_for, fixture};
use crate::postgres::patient;

async fn write(url: &str) {
    let options = patient().clock(contents::noon()).listen(false);
    PgStore::migrate(url).await.unwrap();
    let store = PgStore::connect_with(url, options).await.unwrap();
    contents::write(&store).await;
    let delete = async |connection: &mut sqlx::PgConnection| {
        sqlx::raw_sql("SET LOCAL search_path = eventsource").execute(&mut *connection).await?;
        Ok(query(DELETE).execute(connection).await?.rows_affected())
    };
    store.maintenance("anna", "case 17", delete).await.unwrap();
    store.close().await.unwrap();
}

async fn assert_holds_everything(url: &str) {
    // What a deploy does first: to the newest format, from whichever it finds.
    PgStore::migrate(url).await.unwrap();
    contents::assert_holds_everything(&PgStore::connect(url).await.unwrap()).await;
}

/// Not a test by itself: writes the dump that a release commits. Owners are left out, and what only psql of some
/// releases understands.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_writes_its_dump_when_asked() {
    let Some(path) = asked_for("sql") else { return };
    let cluster = Cluster::shared().unwrap();
    let database = Database::create_on(cluster).await.unwrap();
    write(database.url()).await;
    let dump = block_in_place(|| std::fs::read_to_string(cluster.dump(database.name()).unwrap())).unwrap();
    let kept = |line: &&str| !line.starts_with('\\') || *line == "\\.";
    let lines = dump.lines().filter(kept).filter(|line| !line.contains(" OWNER TO ") && !line.starts_with("--"));
    std::fs::write(path, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_format_1_is_migrated_read_and_written() {
    let cluster = Cluster::shared().unwrap();
    let name = "format_1";
    block_in_place(|| cluster.restore(name, &fixture("postgres-format-1.sql"))).unwrap();
    assert_holds_everything(&cluster.url(name)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_this_release_holds_the_same() {
    let database = Database::create_on(Cluster::shared().unwrap()).await.unwrap();
    write(database.url()).await;
    assert_holds_everything(database.url()).await;
}
