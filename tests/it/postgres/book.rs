//! The book that every store passes, on both orderings and on a pooler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use eventsource::postgres::{Ordering, PgOptions, PgStore};
use eventsource::testing::conformance::{self, Fixture};

use super::{database, store_in};
use crate::counting::NumberIn;

/// Few connections, because many stores are open at the same time.
fn options() -> PgOptions {
    PgOptions::default().connections(4)
}

/// Runs the book; each rule has a schema of its own in one database.
async fn check(make: impl Fn() -> PgOptions + Clone + Send + Sync + 'static) {
    let database = Arc::new(database().await);
    let schemas = Arc::new(AtomicU32::new(0));
    conformance::check(async || {
        let next = {
            let schemas = schemas.clone();
            move |options: PgOptions| {
                let schema = format!("book_{}", schemas.fetch_add(1, Relaxed));
                (options.schema(&schema), schema)
            }
        };
        let (options, schema) = next(make());
        let store = store_in(&database, options.clone()).await;
        let open = {
            let (database, options) = (database.clone(), options.clone());
            move || {
                let (database, options) = (database.clone(), options.clone());
                async move { PgStore::connect_with(database.url(), options).await.expect("opens again") }
            }
        };
        let with_clock = {
            let (database, make) = (database.clone(), make.clone());
            move |clock| {
                let (database, options) = (database.clone(), next(make()).0.clock(clock));
                async move { store_in(&database, options).await }
            }
        };
        Fixture::new(store.clone())
            .with_views(store.clone())
            .with_inline(store.clone())
            .with_transactions(store, NumberIn(schema))
            .with_another(open().await)
            .with_reopen(open)
            .with_clock(with_clock)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_passes_the_whole_book() {
    check(options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_with_serialized_ordering_passes_the_whole_book() {
    check(|| options().ordering(Ordering::Serialized)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_without_group_commit_passes_the_whole_book() {
    check(|| options().group_commit(false)).await;
}
