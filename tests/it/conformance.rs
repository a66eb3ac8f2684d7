//! The book that every store passes, run on each of ours.

use eventsource::memory::MemoryStore;
use eventsource::sqlite::{SqliteOptions, SqliteStore};
use eventsource::testing::conformance::{self, Fixture};
use eventsource::{Clock, Limits, StreamId};

use crate::counting::Number;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_passes_the_whole_book() {
    conformance::check(async || {
        let store = MemoryStore::new();
        let with_clock = async |clock| MemoryStore::with(Limits::default(), clock);
        Fixture::new(store.clone())
            .with_views(store.clone())
            .with_inline(store.clone())
            .with_import(store.clone())
            .with_transactions(store.clone(), Number)
            .with_another(store)
            .with_clock(with_clock)
    })
    .await;
}

async fn sqlite_file() -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("book.db");
    let open = async |path| SqliteStore::open(path).await.expect("the file opens");
    let (store, another) = (open(path.clone()).await, open(path.clone()).await);
    let reopen = move || {
        let path = path.clone();
        async move { SqliteStore::open(path).await.expect("the file opens again") }
    };
    Fixture::new(store.clone())
        .with_views(store.clone())
        .with_inline(store.clone())
        .with_import(store.clone())
        .with_transactions(store, Number)
        .with_another(another)
        .with_reopen(reopen)
        .with_clock(in_memory)
        .keeping(folder)
}

async fn in_memory(clock: Clock) -> SqliteStore {
    SqliteStore::in_memory_with(SqliteOptions::default().clock(clock)).await.expect("memory")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_passes_the_whole_book() {
    conformance::check(sqlite_file).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_in_memory_passes_the_whole_book() {
    conformance::check(async || {
        let store = SqliteStore::in_memory().await.expect("memory");
        Fixture::new(store.clone())
            .with_views(store.clone())
            .with_inline(store.clone())
            .with_import(store.clone())
            .with_transactions(store.clone(), Number)
            .with_another(store)
    })
    .await;
}

#[test]
fn no_two_rules_of_the_book_have_one_name() {
    let mut names: Vec<_> = conformance::book().iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

// Not a rule of the book, because no store can break it: there is no way to write such a name down.
#[test]
fn a_stream_that_breaks_the_rule_has_no_name() {
    let (category, id) = ("c".repeat(64), "i".repeat(255 - 5));
    let names = [
        ("", "a"),
        ("Thing", "a"),
        ("th-ing", "a"),
        (&*category, "a"),
        ("thing", ""),
        ("thing", "\0"),
        ("thing", &*id),
    ];
    for (category, id) in names {
        assert!(StreamId::new(category, id).is_err(), "category {category:?} and id {id:?} make a stream");
    }
}
