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
use std::io;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, RawEvent, Read};
use eventsource_test_cluster::{Database, RabbitMq};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::programs::program;

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(300);
/// Entries of billing at which the whole shop is killed, of about 70.
const EARLY: i64 = 10;
const LATE: i64 = 30;
const STORE: &str = "shop.db";

/// Where a shop keeps what it has; gone when this is dropped.
struct Desk {
    folder: TempDir,
    postgres: Option<Database>,
    /// Its address, or nothing for the broker in memory.
    rabbit: String,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), postgres: None, rabbit: String::new() }
    }

    async fn behind_rabbitmq(self) -> Self {
        let server = tokio::task::spawn_blocking(RabbitMq::shared).await.unwrap().unwrap();
        Self { rabbit: server.url(), ..self }
    }

    async fn on_postgres(self) -> Self {
        Self { postgres: Some(crate::postgres::database().await), ..self }
    }

    /// The program, not run yet; it gives up when models differ for so long.
    fn shop(&self, patience: Duration) -> Command {
        let mut shop = Command::new(program("shop"));
        shop.arg("--folder").arg(self.folder.path()).args(["--patience", &patience.as_secs().to_string()]);
        if let Some(database) = &self.postgres {
            shop.args(["--postgres", database.url()]);
        }
        shop.stdin(Stdio::null()).env("AMQP_URL", &self.rabbit);
        shop
    }

    /// What is in the store.
    async fn raw(&self) -> Raw {
        match &self.postgres {
            Some(database) => Raw::of(Arc::new(PgStore::connect(database.url()).await.unwrap())).await,
            None => Raw::of(Arc::new(SqliteStore::open(self.folder.path().join(STORE)).await.unwrap())).await,
        }
    }

    /// In the tables of the store.
    async fn store(&self, sql: &str) -> Result<i64, sqlx::Error> {
        let Some(database) = &self.postgres else { return sqlite(&self.folder.path().join(STORE), sql).await };
        let mut database = PgConnection::connect(database.url()).await?;
        sqlx::query("SET search_path = eventsource").execute(&mut database).await?;
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut database).await
    }

    /// In the database of a service.
    async fn service(&self, name: &str, sql: &str) -> Result<i64, sqlx::Error> {
        sqlite(&self.folder.path().join(format!("{name}.db")), sql).await
    }
}

async fn sqlite(file: &Path, sql: &str) -> Result<i64, sqlx::Error> {
    let mut database = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await?;
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut database).await
}

/// Waits for the program's end without keeping a thread of the runtime.
async fn run(mut program: Command) -> Output {
    tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

/// What is in the store, as it was written: name, id of the stream, payload.
struct Raw(Vec<(String, String, Value)>);

impl Raw {
    async fn of(store: Arc<dyn EventStore>) -> Self {
        let (mut events, mut read) = (Vec::new(), Read::all());
        loop {
            let mut visit = |event: &RawEvent<'_>| {
                let (_, id) = event.stream.split_once('-').unwrap();
                events.push((event.name.to_owned(), id.to_owned(), serde_json::from_slice(event.data).unwrap()));
                Ok(())
            };
            let page = store.read(&read, &mut visit).await.unwrap();
            if page.at_end {
                return Self(events);
            }
            read = read.after(page.next.position);
        }
    }

    fn of_name(&self, name: &str) -> impl Iterator<Item = &(String, String, Value)> {
        self.0.iter().filter(move |(of, ..)| of == name)
    }

    fn count(&self, name: &str) -> i64 {
        self.of_name(name).count() as i64
    }

    fn cents(&self, name: &str) -> i64 {
        self.of_name(name).map(|(.., payload)| payload["cents"].as_i64().unwrap()).sum()
    }

    fn ids(&self, name: &str) -> BTreeSet<&str> {
        self.of_name(name).map(|(_, id, _)| id.as_str()).collect()
    }

    fn unpaid(&self) -> i64 {
        self.of_name("order.cancelled").filter(|(.., payload)| payload["because"] != "SoldOut").count() as i64
    }
}

/// The program says that all models agree, and so says who counts once more, without a line of the program's.
async fn assert_exact(desk: &Desk, output: &Output) {
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.ends_with("all models agree\n"), "{said}{complained}");

    let raw = desk.raw().await;
    // Each step of an order at most once, and none without the one before.
    let published = ["order.accepted", "order.paid", "order.shipped", "order.cancelled", "order.refunded"];
    let mut steps = Vec::from(published);
    steps.extend(["cart.checked_out", "order.placed", "payment.received", "payment.returned"]);
    steps.extend(["shipment.requested", "shipment.sent"]);
    for name in steps {
        assert!(raw.count(name) > 0, "no {name}");
        assert_eq!(raw.count(name), raw.ids(name).len() as i64, "{name}");
    }
    assert_eq!(raw.ids("order.placed"), raw.ids("cart.checked_out"));
    assert_eq!(raw.ids("order.paid"), raw.ids("payment.received"));
    assert_eq!(raw.ids("order.refunded"), raw.ids("payment.returned"));
    assert_eq!(raw.ids("order.shipped"), raw.ids("shipment.requested"));
    assert_eq!(raw.ids("order.shipped"), raw.ids("shipment.sent"));
    assert_eq!(raw.count("order.placed"), raw.count("order.shipped") + raw.count("order.cancelled"));

    let kept = raw.cents("payment.received") - raw.cents("payment.returned");
    let entries = raw.count("payment.received") + raw.count("payment.returned");
    for (sql, is) in [
        ("SELECT count(*) FROM journal", entries),
        ("SELECT max(number) FROM journal", entries),
        ("SELECT count(*) FROM (SELECT DISTINCT subject, cents > 0 FROM journal)", entries),
        ("SELECT sum(cents) FROM journal", kept),
        ("SELECT sum(cents) FROM accounts", kept),
    ] {
        assert_eq!(desk.service("billing", sql).await.unwrap(), is, "{sql}");
    }
    let told = published.iter().map(|name| raw.count(name)).sum::<i64>();
    for sql in ["SELECT count(*) FROM sent", "SELECT count(DISTINCT key) FROM sent"] {
        assert_eq!(desk.service("mail", sql).await.unwrap(), told, "{sql}");
    }
    for (sql, is) in [
        ("SELECT count(*) FROM my_orders", raw.count("order.placed")),
        ("SELECT CAST(sum(paid) AS BIGINT) FROM my_orders", kept),
        ("SELECT CAST(sum(cents) AS BIGINT) FROM my_orders WHERE status = 'shipped'", kept),
        ("SELECT count(*) FROM warehouse_queue", 0),
        ("SELECT CAST(sum(orders) AS BIGINT) FROM fraud_report", raw.count("order.placed")),
        ("SELECT CAST(sum(unpaid) AS BIGINT) FROM fraud_report", raw.unpaid()),
    ] {
        assert_eq!(desk.store(sql).await.unwrap(), is, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_models_of_a_shop_whose_workers_are_killed_agree_and_one_that_does_not_is_noticed() {
    let desk = Desk::new();
    assert_exact(&desk, &run(desk.shop(PATIENCE)).await).await;

    let wrong = "UPDATE accounts SET cents = cents + 1 WHERE customer = 'alice' RETURNING cents";
    desk.service("billing", wrong).await.unwrap();
    let output = run(desk.shop(Duration::from_secs(1))).await;
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complained}");
    assert!(complained.contains("2 differences between the models:\nthe accounts must have"), "{complained}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_models_of_a_shop_that_is_killed_as_a_whole_agree_on_sqlite_and_rabbitmq() {
    killed_as_a_whole(Desk::new().behind_rabbitmq().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_models_of_a_shop_that_is_killed_as_a_whole_agree_on_postgres_and_rabbitmq() {
    killed_as_a_whole(Desk::new().on_postgres().await.behind_rabbitmq().await).await;
}

/// It kills its workers, and is killed with all of them, too; and the relay forgets how far it has come.
async fn killed_as_a_whole(desk: Desk) {
    killed_when_billed(&desk, EARLY).await;
    desk.store("DELETE FROM checkpoints WHERE name = 'orders_out' RETURNING CAST(1 AS BIGINT)").await.unwrap();
    killed_when_billed(&desk, LATE).await;
    let output = run(desk.shop(PATIENCE)).await;
    assert_exact(&desk, &output).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("RabbitMQ"));
    assert!(desk.service("billing", "SELECT count(*) FROM repeated").await.unwrap() >= EARLY, "nothing came again");
}

async fn killed_when_billed(desk: &Desk, entries: i64) {
    let mut shop = desk.shop(PATIENCE);
    let mut running = Killed(shop.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let has_come_so_far = async {
        while desk.service("billing", "SELECT count(*) FROM journal").await.unwrap_or_default() < entries {
            assert!(running.0.try_wait().unwrap().is_none(), "it has ended before it was killed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, has_come_so_far).await.expect("nothing is billed");
    tokio::task::spawn_blocking(|| running.all_of_it()).await.unwrap();
}

/// A process that is killed when this is dropped; those that it has started end with it.
struct Killed(Child);

impl Killed {
    /// Returns when all of them have ended: each has its stderr.
    fn all_of_it(mut self) -> String {
        self.0.kill().unwrap();
        io::read_to_string(self.0.stderr.take().unwrap()).unwrap()
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
