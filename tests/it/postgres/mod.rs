//! The PostgreSQL store, on a real server: the one of `DATABASE_URL`, else one that the tests start and stop.

mod appending;
mod book;
mod connections;
mod crash;
mod listening;
mod load;
mod maintenance;
mod network;
mod order;
mod planning;
mod pooler;
mod race;
mod rights;
mod secrets;
mod servers;
mod subscriptions;
mod things;
mod transactions;
mod views;
mod wire;

use std::time::Duration;

use eventsource::postgres::{PgOptions, PgStore};
use eventsource_test_cluster::Database;

/// Says that a test did not run, and why; not by `eprintln!`, which the test harness keeps to itself.
fn skipped(why: impl std::fmt::Display) {
    let mut stderr = std::io::stderr();
    std::io::Write::write_fmt(&mut stderr, format_args!("skipped: {why}\n")).expect("stderr takes a line");
}

/// A database of a test's own.
pub(super) async fn database() -> Database {
    Database::create().await.unwrap_or_else(|error| panic!("{error}"))
}

/// Options that outwait a machine with more work than cores: only tests of time-outs set shorter ones.
pub(super) fn patient() -> PgOptions {
    PgOptions::default().connect_timeout(Duration::from_secs(60)).statement_timeout(Duration::from_secs(300))
}

/// A new store in the database.
pub(super) async fn store_in(database: &Database, options: PgOptions) -> PgStore {
    store_at(database, database.url(), options).await
}

/// The same for those who connect through something else: migrated directly, as a release does.
async fn store_at(database: &Database, url: &str, options: PgOptions) -> PgStore {
    PgStore::migrate_with(database.url(), options.clone()).await.expect("migrates");
    PgStore::connect_with(url, options).await.expect("connects")
}
