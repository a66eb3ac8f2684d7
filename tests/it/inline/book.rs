//! The book, on stores whose every append folds a row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use eventsource::memory::MemoryStore;
use eventsource::postgres::{PgOptions, PgStore};
use eventsource::sqlite::{SqliteOptions, SqliteStore};
use eventsource::testing::conformance::{self, Fixture, with_inline_view};
use eventsource::{Clock, Limits};

use crate::postgres::patient;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_passes_the_whole_book_with_an_inline_view() {
    conformance::check(async || {
        let store = with_inline_view(MemoryStore::new()).await;
        let with_clock = async |clock| with_inline_view(MemoryStore::with(Limits::default(), clock)).await;
        Fixture::new(store.clone()).with_views(store.clone()).with_another(store).with_clock(with_clock)
    })
    .await;
}

async fn in_memory(clock: Clock) -> SqliteStore {
    SqliteStore::in_memory_with(SqliteOptions::default().clock(clock)).await.expect("memory")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_passes_the_whole_book_with_an_inline_view() {
    conformance::check(async || {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("book.db");
        let open = async |path| with_inline_view(SqliteStore::open(path).await.expect("the file opens")).await;
        let (store, another) = (open(path.clone()).await, open(path.clone()).await);
        let reopen = move || {
            let path = path.clone();
            async move { SqliteStore::open(path).await.expect("the file opens again") }
        };
        Fixture::new(store.clone())
            .with_views(store)
            .with_another(another)
            .with_reopen(reopen)
            .with_clock(async |clock| with_inline_view(in_memory(clock).await).await)
            .keeping(folder)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_passes_the_whole_book_with_an_inline_view() {
    let database = Arc::new(crate::postgres::database().await);
    let schemas = Arc::new(AtomicU32::new(0));
    conformance::check(async || {
        let options = patient().connections(4);
        let next = {
            let schemas = schemas.clone();
            move |options: PgOptions| options.schema(format!("inline_{}", schemas.fetch_add(1, Relaxed)))
        };
        let of_store = next(options.clone());
        let store = with_inline_view(crate::postgres::store_in(&database, of_store.clone()).await).await;
        let open = {
            let (database, options) = (database.clone(), of_store);
            move || {
                let (database, options) = (database.clone(), options.clone());
                async move {
                    with_inline_view(PgStore::connect_with(database.url(), options).await.expect("opens again")).await
                }
            }
        };
        let with_clock = {
            let database = database.clone();
            move |clock| {
                let (database, options) = (database.clone(), next(options.clone()).clock(clock));
                async move { with_inline_view(crate::postgres::store_in(&database, options).await).await }
            }
        };
        Fixture::new(store.clone())
            .with_views(store)
            .with_another(open().await)
            .with_reopen(open)
            .with_clock(with_clock)
    })
    .await;
}
