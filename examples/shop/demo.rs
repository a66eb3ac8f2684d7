//! From the first cart until all models agree, with somebody who kills whoever works.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsource::{BoxError, EventStore, ViewReader, ViewStore};
use tokio::task::JoinSet;

use super::books::{Books, End, Order};
use super::broker::Broker;
use super::compared::{Billed, differences, mails, repeated};
use super::customers::{self, ORDERS};
use super::fraud::Suspect;
use super::order::Because;
use super::site::{Role, Site};
use super::store::Store;
use super::warehouse;
use super::workers::Workers;

/// Kills before the fraud report is thought of, and behind that.
const KILLS: [u32; 2] = [20, 10];
const LOOKS_EVERY: Duration = Duration::from_millis(100);
/// Differences that are shown.
const SHOWN: usize = 10;
/// Names of events that are shown beside each other.
const IN_A_LINE: usize = 5;

/// Models that do not agree when `patience` is over never will.
pub(crate) async fn run(place: Store, folder: PathBuf, patience: Duration) -> Result<(), BoxError> {
    let store = place.make().await?;
    // The same for each run on a store, and no other's.
    let broker = Broker::find(&format!("shop-{}", store.identity().id)).await?;
    say("store", place.kind());
    say("broker", broker.kind());

    let site = Site { store: place, broker, folder };
    let mut workers = Workers::new(site.clone());
    for role in [Role::Office, Role::Relay, Role::Billing, Role::Mail] {
        workers.start(role)?;
    }
    let mut people = JoinSet::new();
    people.spawn(customers::shop(store.clone()));
    people.spawn(warehouse::work(store.clone()));

    let [before, after] = KILLS;
    workers.kill(before).await?;
    // Only now somebody asks who it is that does not pay.
    workers.start(Role::Fraud)?;
    workers.kill(after).await?;

    // Those in the warehouse never end.
    if let Some(customers) = people.join_next().await {
        customers??;
    }
    let deadline = Instant::now() + patience;
    loop {
        workers.check().await?;
        if let Some(ended) = people.try_join_next() {
            ended??;
        }
        let found = differences(&Books::read(&store).await?, &store, &site.folder).await?;
        if found.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            return Err(told(&found).into());
        }
        tokio::time::sleep(LOOKS_EVERY).await;
    }

    // Nobody changes anything any more: what is there now stays.
    workers.kill_all().await;
    say("killed", workers.killed());
    let books = Books::read(&store).await?;
    let found = differences(&books, &store, &site.folder).await?;
    if !found.is_empty() {
        return Err(told(&found).into());
    }
    report(&books, &store, &site.folder).await?;
    site.broker.remove().await
}

fn told(differences: &[String]) -> String {
    let shown: Vec<&str> = differences.iter().take(SHOWN).map(String::as_str).collect();
    format!("{} differences between the models:\n{}", differences.len(), shown.join("\n"))
}

fn say(what: &str, text: impl fmt::Display) {
    println!("{what:<10} {text}");
}

async fn report(books: &Books, store: &Arc<dyn ViewStore>, folder: &Path) -> Result<(), BoxError> {
    let count = |end: End| books.orders.values().filter(|order| order.ends == [end]).count();
    let cancelled = |because: Because| format!("{} {because}", count(End::Cancelled(because)));
    let (orders, shipped) = (books.orders.len(), count(End::Shipped));
    if orders as u64 != ORDERS {
        return Err(format!("{orders} orders, and {ORDERS} carts were checked out").into());
    }
    let cancelled = [Because::SoldOut, Because::CardDeclined, Because::NotPaid].map(cancelled);
    say("orders", format!("{orders}: {shipped} shipped, cancelled {}", cancelled.join(", ")));
    // Whose course was the longest, rather one that was undone.
    let longest = books.orders.iter().max_by_key(|(_, order)| (order.refunded.len(), order.course.len()));
    if let Some((id, order)) = longest {
        order.course.chunks(IN_A_LINE).for_each(|names| say(&format!("order {id}"), names.join(", ")));
    }
    let sum = |of: fn(&Order) -> i64| Euros(books.orders.values().map(of).sum());
    let (received, returned) = (sum(|order| order.received.iter().sum()), sum(|order| order.returned.iter().sum()));
    let kept = sum(Order::kept);
    say("payments", format!("{received} received, {returned} returned: {kept}, and so much was shipped"));
    say("my orders", format!("{orders} rows, each as its events say"));
    say("warehouse", format!("{shipped} parcels sent, none waits"));
    let (billed, again) = (Billed::read(folder).await?, repeated(folder, "billing").await?);
    let (entries, cents) = (billed.journal.len(), Euros(billed.cents()));
    say("billing", format!("{entries} entries without a gap: {cents}; {again} messages came again"));
    let (sent, again) = (mails(folder).await?.len(), repeated(folder, "mail").await?);
    say("mail", format!("{sent} e-mails, one for each event; {again} messages came again"));
    let suspects = ViewReader::<Suspect>::new(store.clone());
    for Suspect { customer, orders, unpaid } in suspects.by(Suspect::UNPAID).descending().limit(1).page().await?.rows {
        say("fraud", format!("{customer} has not paid {unpaid} of {orders} orders"));
    }
    say("exact", "all models agree");
    Ok(())
}

struct Euros(i64);

impl fmt::Display for Euros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} €", self.0 / 100, self.0 % 100)
    }
}
