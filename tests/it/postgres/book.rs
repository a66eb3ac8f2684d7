//! The book that every store passes, on both orderings and on a pooler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use eventsource::postgres::{Ordering, PgOptions, PgStore};
use eventsource::testing::conformance::{self, Fixture};
use eventsource_test_cluster::Database;

use super::{database, store_at};
use crate::counting::NumberIn;
use crate::postgres::patient;

/// Few connections, because many stores are open at the same time.
fn options() -> PgOptions {
    patient().connections(4)
}

/// Runs the book on stores that connect to `url`; each rule has a schema of its own in the database.
pub(super) async fn check(
    database: Arc<Database>,
    url: String,
    make: impl Fn() -> PgOptions + Clone + Send + Sync + 'static,
) {
    let schemas = Arc::new(AtomicU32::new(0));
    conformance::check(async || {
        let next = {
            let (schemas, make) = (schemas.clone(), make.clone());
            move || {
                let schema = format!("book_{}", schemas.fetch_add(1, Relaxed));
                (make().schema(&schema), schema)
            }
        };
        let (options, schema) = next();
        let store = store_at(&database, &url, options.clone()).await;
        let open = {
            let url = url.clone();
            move || {
                let (url, options) = (url.clone(), options.clone());
                async move { PgStore::connect_with(&url, options).await.expect("opens again") }
            }
        };
        let with_clock = {
            let (database, url) = (database.clone(), url.clone());
            move |clock| {
                let (database, url, options) = (database.clone(), url.clone(), next().0.clock(clock));
                async move { store_at(&database, &url, options).await }
            }
        };
        Fixture::new(store.clone())
            .with_views(store.clone())
            .with_inline(store.clone())
            .with_import(store.clone())
            .with_transactions(store, NumberIn(schema))
            .with_another(open().await)
            .with_reopen(open)
            .with_clock(with_clock)
    })
    .await;
}

pub(super) async fn check_directly(make: impl Fn() -> PgOptions + Clone + Send + Sync + 'static) {
    let database = Arc::new(database().await);
    let url = database.url().to_owned();
    check(database, url, make).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_passes_the_whole_book() {
    check_directly(options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_with_serialized_ordering_passes_the_whole_book() {
    check_directly(|| options().ordering(Ordering::Serialized)).await;
}
