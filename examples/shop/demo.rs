//! From the first cart until all models tell the same, with somebody who kills whoever works.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsource::{BoxError, EventStore, ViewReader, ViewStore};
use tokio::task::JoinHandle;

use super::books::{Books, Order, Outcome};
use super::broker::Broker;
use super::compared::{Billed, differences, mails, repeated};
use super::customers::{self, ORDERS};
use super::dice::Dice;
use super::fraud_report::Suspect;
use super::site::{Role, Site};
use super::store::Store;
use super::warehouse;
use super::workers::Workers;

/// Kills while people buy, and behind that.
const KILLS: [u32; 2] = [12, 4];
/// From one kill to the next, in milliseconds at most.
const KILLED_WITHIN: u64 = 400;
const LOOKS_EVERY: Duration = Duration::from_millis(100);
/// Differences that are shown.
const SHOWN: usize = 10;

/// A shop that is not in order when `patience` is over will never be.
pub(crate) async fn run(store: Option<Store>, services: Option<PathBuf>, patience: Duration) -> Result<(), BoxError> {
    let folder = tempfile::tempdir()?;
    let store = store.unwrap_or_else(|| Store::Sqlite(folder.path().join("shop.db")));
    let services = services.unwrap_or_else(|| folder.path().join("services"));
    std::fs::create_dir_all(&services)?;
    let opened = store.make().await?;
    // The same for each run on a store, and no other's.
    let broker = Broker::new(format!("shop-{}", opened.identity().id)).await?;
    let name = if broker.exchange().is_some() { "RabbitMQ" } else { "a broker in memory" };
    say("shop", format!("events in {}, services behind {name}", store.kind()))?;

    let site = Site { store, broker, services };
    let mut workers = Workers::new(site.clone());
    for role in [Role::Office, Role::Relay, Role::Billing, Role::Mail] {
        workers.start(role)?;
    }
    let errands = Errands {
        customers: tokio::spawn(customers::shop(opened.clone())),
        warehouse: tokio::spawn(warehouse::work(opened.clone())),
    };
    let [before, after] = KILLS;
    kill(&mut workers, before).await?;
    // Only now somebody asks who it is that does not pay.
    workers.start(Role::Fraud)?;
    kill(&mut workers, after).await?;
    errands.done(&mut workers, (&opened, &site), patience).await?;

    // Nobody changes anything any more: what is there now stays.
    workers.kill_all().await;
    say("killed", workers.told())?;
    let books = Books::read(&opened).await?;
    let found = differences(&books, &opened, &site.services).await?;
    if !found.is_empty() {
        return Err(told(&found).into());
    }
    report(&books, &opened, &site).await?;
    site.broker.remove().await
}

async fn kill(workers: &mut Workers, times: u32) -> Result<(), BoxError> {
    let mut dice = Dice::new();
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(dice.roll(KILLED_WITHIN))).await;
        workers.look_after()?;
        workers.kill_one(&mut dice).await?;
    }
    Ok(())
}

/// What people do meanwhile, until this is dropped.
struct Errands {
    customers: JoinHandle<Result<(), BoxError>>,
    warehouse: JoinHandle<Result<(), BoxError>>,
}

impl Errands {
    /// Waits until all has been bought, and all that follows has come to its end in every model.
    async fn done(
        mut self,
        workers: &mut Workers,
        (store, site): (&Arc<dyn ViewStore>, &Site),
        patience: Duration,
    ) -> Result<(), BoxError> {
        (&mut self.customers).await??;
        let deadline = Instant::now() + patience;
        loop {
            workers.look_after()?;
            if self.warehouse.is_finished() {
                return (&mut self.warehouse).await?;
            }
            let found = differences(&Books::read(store).await?, store, &site.services).await?;
            if found.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(told(&found).into());
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
    }
}

impl Drop for Errands {
    fn drop(&mut self) {
        self.customers.abort();
        self.warehouse.abort();
    }
}

fn told(differences: &[String]) -> String {
    let shown: Vec<&str> = differences.iter().take(SHOWN).map(String::as_str).collect();
    format!("{} differences between the models:\n{}", differences.len(), shown.join("\n"))
}

fn say(what: &str, text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{what:<10} {text}")
}

async fn report(books: &Books, store: &Arc<dyn ViewStore>, site: &Site) -> Result<(), BoxError> {
    let count =
        |is: fn(&Outcome) -> bool| books.orders.values().filter(|order| order.outcome.as_ref().is_some_and(is)).count();
    let orders = books.orders.len();
    let shipped = count(|outcome| *outcome == Outcome::Shipped);
    let short = count(|outcome| matches!(outcome, Outcome::Short(_)));
    let declined = count(|outcome| matches!(outcome, Outcome::Declined(_)));
    let expired = count(|outcome| *outcome == Outcome::Expired);
    if orders as u64 != ORDERS {
        return Err(format!("{orders} orders, and {ORDERS} carts were checked out").into());
    }
    say(
        "orders",
        format!("{orders}: {shipped} shipped, {short} short of stock, {declined} declined, {expired} not paid in time"),
    )?;
    let sum = |of: fn(&Order) -> i64| books.orders.values().map(of).sum::<i64>();
    let (received, returned) = (sum(|order| order.received.iter().sum()), sum(|order| order.returned.iter().sum()));
    let (money, kept) = (Euros(received), Euros(sum(Order::kept)));
    say("payments", format!("{money} received, {} returned: {kept}, and so much was shipped", Euros(returned)))?;
    say("my orders", format!("{orders} rows, each as its events say"))?;
    say("warehouse", format!("{shipped} parcels sent, none waits, none was sent twice"))?;
    let (billed, again) = (Billed::read(&site.services).await?, repeated(&site.services, "billing").await?);
    let entries = billed.journal.len();
    say("billing", format!("{entries} entries without a gap, {}; {again} messages came again", Euros(billed.cents())))?;
    let (sent, again) = (mails(&site.services).await?.len(), repeated(&site.services, "mail").await?);
    say("mail", format!("{sent} e-mails, one for each key; {again} messages came again"))?;
    let suspects = ViewReader::<Suspect>::new(store.clone());
    for Suspect { customer, orders, unpaid } in suspects.by(Suspect::UNPAID).descending().limit(1).page().await?.rows {
        say("fraud", format!("{customer} has not paid {unpaid} of {orders} orders"))?;
    }
    say("exact", "all models tell the same")?;
    Ok(())
}

struct Euros(i64);

impl Display for Euros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02} €", self.0 / 100, self.0 % 100)
    }
}
