//! PgBouncer in transaction mode: the connection behind a client may be another for each transaction.

use std::sync::Arc;

use eventsource::EventStore;
use eventsource::postgres::{Ordering, PgOptions, PgStore};
use eventsource_test_cluster::{Cluster, Database, PgBouncer};

use super::load::Load;
use super::store_at;
use super::things::{any, shell};
use crate::postgres::patient;

/// The first that knows named statements.
const KNOWS_STATEMENTS: (u32, u32) = (1, 21);

fn knows_statements() -> bool {
    PgBouncer::installed_version().unwrap() >= KNOWS_STATEMENTS
}

/// A pgbouncer with few connections, so that clients have to share them.
async fn pooled() -> (Arc<PgBouncer>, Arc<Database>) {
    let cluster = Cluster::shared().unwrap();
    let bouncer = PgBouncer::builder().setting("default_pool_size", "6").start(cluster).unwrap();
    (Arc::new(bouncer), Arc::new(Database::create_on(cluster).await.unwrap()))
}

async fn check(bouncer: Arc<PgBouncer>, database: Arc<Database>, options: PgOptions) {
    let url = bouncer.url(database.name());
    super::book::check(database, url, move || options.clone()).await;
}

fn options() -> PgOptions {
    patient().connections(4).pooled(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooled_store_without_group_commit_passes_the_whole_book() {
    let options = options().group_commit(false);
    if PgBouncer::is_left_out() {
        return super::book::check_directly(move || options.clone()).await;
    }
    let (bouncer, database) = pooled().await;
    check(bouncer, database, options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_that_knows_named_statements_needs_no_more_than_polling() {
    if PgBouncer::is_left_out() {
        return;
    }
    if !knows_statements() {
        let version = PgBouncer::installed_version().unwrap();
        super::skipped(format_args!("pgbouncer {version:?} does not know named statements"));
        return;
    }
    let cluster = Cluster::shared().unwrap();
    let bouncer = PgBouncer::builder().setting("default_pool_size", "6").max_prepared_statements(100);
    let database = Database::create_on(cluster).await.unwrap();
    let options = patient().connections(4).listen(false);
    check(Arc::new(bouncer.start(cluster).unwrap()), Arc::new(database), options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pooled_stores_under_load_lose_nothing_and_store_nothing_twice() {
    if PgBouncer::is_left_out() {
        return;
    }
    let (bouncer, database) = pooled().await;
    for ordering in [Ordering::Floor, Ordering::Serialized] {
        let options = options().ordering(ordering).schema(format!("{ordering:?}").to_lowercase());
        let store = store_at(&database, &bouncer.url(database.name()), options.clone()).await;
        let mut stores = vec![store.clone()];
        for _ in 0..3 {
            stores.push(PgStore::connect_with(&bouncer.url(database.name()), options.clone()).await.unwrap());
        }
        let load = Load::start(&stores);
        load.goes_on(500).await;
        // The connections behind the pooler die, which its clients need not notice.
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        super::things::number(&mut shell(database.url()).await, kill).await;
        load.goes_on(500).await;
        load.check(&store).await;
    }
}

/// There is no promise but this: as soon as two connections meet behind the pooler, the error says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn behind_a_pooler_that_does_not_know_named_statements_the_error_says_what_to_do() {
    if PgBouncer::is_left_out() {
        return;
    }
    if knows_statements() {
        return;
    }
    let cluster = Cluster::shared().unwrap();
    let bouncer = PgBouncer::builder().setting("default_pool_size", "1").start(cluster).unwrap();
    let database = Database::create_on(cluster).await.unwrap();
    let store = store_at(&database, &bouncer.url(database.name()), patient().listen(false)).await;
    let error = store.append(any("a")).await.unwrap_err();
    assert!(error.to_string().contains("PgOptions::pooled"), "{error}");
    assert!(!error.is_transient());
}
