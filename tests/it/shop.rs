//! The example `shop`, as its users run it: whoever is killed, its models agree, with each other and with the raw events.

#![allow(dead_code, reason = "the example's own modules, of which tests use a part")]

#[path = "../../examples/shop/cart.rs"]
mod cart;
#[path = "../../examples/shop/order.rs"]
mod order;
#[path = "../../examples/shop/payment.rs"]
mod payment;
#[path = "../../examples/shop/shipment.rs"]
mod shipment;
#[path = "../../examples/shop/stock.rs"]
mod stock;

mod rules;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, Read};
use eventsource_test_cluster::RabbitMq;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::programs::program;

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Entries of billing at which the whole shop is killed.
const KILLED_AT: [i64; 2] = [3, 15];

/// A store and the databases of the services, both gone when this is dropped.
struct Desk {
    folder: TempDir,
    store: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("shop.db").display());
        Self { folder, store }
    }

    fn services(&self) -> PathBuf {
        self.folder.path().join("services")
    }

    /// The program, not run yet, which finds no broker.
    fn shop(&self) -> Command {
        let mut shop = Command::new(program("shop"));
        shop.args(["--store", &self.store, "--services"]).arg(self.services());
        shop.stdin(Stdio::null()).env_remove("AMQP_URL");
        shop
    }

    /// In a database of a service.
    async fn ask(&self, service: &str, sql: &str) -> Result<i64, sqlx::Error> {
        sqlite(&self.services().join(format!("{service}.db")), sql).await
    }
}

async fn sqlite(file: &Path, sql: &str) -> Result<i64, sqlx::Error> {
    let mut database = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut database).await
}

async fn postgres(url: &str, sql: &str) -> Result<i64, sqlx::Error> {
    let mut database = PgConnection::connect(url).await?;
    sqlx::query("SET search_path = eventsource").execute(&mut database).await?;
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut database).await
}

/// Waits for the program's end without keeping a thread of the runtime.
async fn run(mut program: Command) -> Output {
    tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

#[track_caller]
fn assert_ends_well(output: &Output) {
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.ends_with("all models tell the same\n"), "{said}{complained}");
}

/// What is in the store, as it was written: names, streams and payloads.
struct Raw(Vec<(String, String, Value)>);

impl Raw {
    async fn of(store: Arc<dyn EventStore>) -> Self {
        let (mut events, mut read) = (Vec::new(), Read::all());
        loop {
            let mut visit = |event: &eventsource::RawEvent<'_>| {
                let payload = serde_json::from_slice(event.data).unwrap();
                events.push((event.name.to_owned(), event.stream.to_owned(), payload));
                Ok(())
            };
            let page = store.read(&read, &mut visit).await.unwrap();
            if page.at_end {
                return Self(events);
            }
            read = read.after(page.next.position);
        }
    }

    fn count(&self, is: impl Fn(&str) -> bool) -> i64 {
        self.0.iter().filter(|(name, ..)| is(name)).count() as i64
    }

    fn cents(&self, of: &str) -> i64 {
        self.0.iter().filter(|(name, ..)| name == of).map(|(_, _, payload)| payload["cents"].as_i64().unwrap()).sum()
    }

    fn streams(&self, of: &str) -> BTreeSet<&str> {
        self.0.iter().filter(|(name, ..)| name == of).map(|(_, stream, _)| stream.split_once('-').unwrap().1).collect()
    }
}

/// Counted once more, without a line of the example's.
async fn assert_exact(desk: &Desk, raw: &Raw) {
    let count = |name: &'static str| raw.count(|one| one == name);
    assert!(count("order.placed") > 0 && count("order.declined") > 0 && count("order.short") > 0);
    // Each step of an order at most once, and none without the one before.
    for name in ["placed", "accepted", "paid", "short", "declined", "expired", "shipped", "refunded"] {
        let name = format!("order.{name}");
        assert_eq!(raw.count(|one| one == name), raw.streams(&name).len() as i64, "{name}");
    }
    assert_eq!(raw.streams("order.placed"), raw.streams("cart.checked_out"));
    assert_eq!(raw.streams("order.paid"), raw.streams("payment.received"));
    assert_eq!(raw.streams("order.refunded"), raw.streams("payment.returned"));
    for name in ["shipment.requested", "shipment.sent"] {
        assert_eq!((raw.streams(name), count(name)), (raw.streams("order.shipped"), count("order.shipped")));
    }

    let kept = raw.cents("payment.received") - raw.cents("payment.returned");
    let entries = count("payment.received") + count("payment.returned");
    for (sql, is) in [
        ("SELECT count(*) FROM journal", entries),
        ("SELECT max(number) FROM journal", entries),
        ("SELECT count(*) FROM (SELECT DISTINCT subject, cents > 0 FROM journal)", entries),
        ("SELECT sum(cents) FROM journal", kept),
        ("SELECT sum(cents) FROM accounts", kept),
    ] {
        assert_eq!(desk.ask("billing", sql).await.unwrap(), is, "{sql}");
    }
    let told = |name: &str| name.starts_with("order.") && !["order.placed", "order.reserved"].contains(&name);
    for sql in ["SELECT count(*) FROM sent", "SELECT count(DISTINCT key) FROM sent"] {
        assert_eq!(desk.ask("mail", sql).await.unwrap(), raw.count(told), "{sql}");
    }
    for (sql, is) in [
        ("SELECT count(*) FROM my_orders", count("order.placed")),
        ("SELECT CAST(sum(paid) AS BIGINT) FROM my_orders", kept),
        ("SELECT count(*) FROM warehouse_queue", 0),
        ("SELECT CAST(sum(orders) AS BIGINT) FROM fraud_report", count("order.placed")),
        ("SELECT CAST(sum(unpaid) AS BIGINT) FROM fraud_report", count("order.declined") + count("order.expired")),
    ] {
        let found = match desk.store.strip_prefix("sqlite:") {
            Some(file) => sqlite(Path::new(file), sql).await,
            None => postgres(&desk.store, sql).await,
        };
        assert_eq!(found.unwrap(), is, "{sql}");
    }
}

async fn raw(desk: &Desk) -> Raw {
    Raw::of(match desk.store.strip_prefix("sqlite:") {
        Some(file) => Arc::new(SqliteStore::open(file).await.unwrap()),
        None => Arc::new(PgStore::connect(&desk.store).await.unwrap()),
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_models_of_a_shop_whose_workers_are_killed_tell_the_same_on_sqlite_and_one_that_does_not_is_noticed() {
    let desk = Desk::new();
    assert_ends_well(&run(desk.shop()).await);
    assert_exact(&desk, &raw(&desk).await).await;

    desk.ask("billing", "UPDATE accounts SET cents = cents + 1 WHERE customer = 'alice' RETURNING cents")
        .await
        .unwrap();
    let mut again = desk.shop();
    again.args(["--patience", "1"]);
    let output = run(again).await;
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complained}");
    assert!(complained.contains("1 differences between the models:\nbilling: "), "{complained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_models_of_a_shop_whose_workers_are_killed_tell_the_same_on_postgres() {
    let database = crate::postgres::database().await;
    let desk = Desk { store: database.url().to_owned(), ..Desk::new() };
    assert_ends_well(&run(desk.shop()).await);
    assert_exact(&desk, &raw(&desk).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_models_of_a_shop_in_memory_tell_the_same() {
    let mut shop = Command::new(program("shop"));
    shop.args(["--store", "memory:"]).stdin(Stdio::null()).env_remove("AMQP_URL");
    assert_ends_well(&run(shop).await);
}

/// It ends with whoever started it, also if that fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_models_of_a_shop_that_is_killed_as_a_whole_tell_the_same_behind_rabbitmq() {
    let server = tokio::task::spawn_blocking(RabbitMq::shared).await.unwrap().unwrap();
    let desk = Desk::new();
    let shop = || {
        let mut shop = desk.shop();
        shop.env("AMQP_URL", server.url());
        shop
    };
    for entries in KILLED_AT {
        let mut running = Killed(shop().stdout(Stdio::null()).spawn().unwrap());
        let has_come_so_far = async {
            while desk.ask("billing", "SELECT count(*) FROM journal").await.unwrap_or_default() < entries {
                assert!(running.0.try_wait().unwrap().is_none(), "it has ended before it was killed");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, has_come_so_far).await.expect("nothing is billed");
    }
    let output = run(shop()).await;
    assert_ends_well(&output);
    assert!(String::from_utf8_lossy(&output.stdout).contains("services behind RabbitMQ"));
    assert_exact(&desk, &raw(&desk).await).await;
}

#[test]
fn a_store_that_is_kept_needs_a_place_for_what_the_services_keep() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("shop.db").display());
    let output = Command::new(program("shop")).args(["--store", &store]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--services FOLDER"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is made");
}
