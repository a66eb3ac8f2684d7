//! Every model beside the events: what it must hold, and what it holds.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use eventsource::{BoxError, StoreError, View, ViewReader, ViewStore};
use sqlx::{ConnectOptions, SqliteConnection};

use super::books::{Books, Order, Outcome};
use super::fraud_report::Suspect;
use super::mail::subject_of;
use super::my_orders::MyOrder;
use super::service;
use super::warehouse::Parcel;

/// More rows than there are orders.
const ALL: usize = 10_000;

/// All that is not as it must be, in words; empty when all models tell the same.
pub(crate) async fn differences(
    books: &Books,
    store: &Arc<dyn ViewStore>,
    services: &Path,
) -> Result<Vec<String>, BoxError> {
    let mut found = Found(Vec::new());
    found.in_aggregates(books);
    found.same("my orders", rows(store).await?, Some(my_orders(books)));
    found.same("the warehouse queue", rows::<Parcel>(store).await?, Some(Vec::new()));
    found.same("the fraud report", rows(store).await?, Some(suspects(books)));
    let billing = found.or_none(Billed::read(services).await);
    found.same("billing", billing, Some(Billed::of(books)));
    let mails = found.or_none(mails(services).await);
    found.same("the mails", mails, Some(mails_of(books)));
    Ok(found.0)
}

struct Found(Vec<String>);

impl Found {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, is: T, must_be: T) {
        if is != must_be {
            self.0.push(format!("{what}: {is:?}, and must be {must_be:?}"));
        }
    }

    /// A service that has not begun has no tables.
    fn or_none<T>(&mut self, read: Result<T, sqlx::Error>) -> Option<T> {
        read.map_err(|error| self.0.push(error.to_string())).ok()
    }

    /// Carts, orders, payments, shipments and stock, as far as they must agree.
    fn in_aggregates(&mut self, books: &Books) {
        for (id, order) in &books.orders {
            let once = u32::from(order.is_checked_out);
            self.same(&format!("order {id} is placed"), order.placed, once);
            if order.placed == 0 {
                continue;
            }
            self.same(&format!("order {id} ends so often"), order.outcomes, 1);
            self.same(&format!("order {id} has heard of payments"), &order.paid, &order.received);
            self.same(&format!("order {id} has heard of returns"), &order.refunded, &order.returned);
            let (shipped, most) = (order.is_shipped(), order.cents());
            self.same(&format!("cents kept for order {id}"), order.kept(), if shipped { most } else { 0 });
            self.same(&format!("parcels of order {id}"), order.parcels, u32::from(shipped));
            self.same(&format!("parcels sent of order {id}"), order.sent, u32::from(shipped));
            self.same(&format!("pieces for order {id}"), pieces(&order.taken), pieces(&wanted(order)));
        }
        let short: Vec<_> = books.shelf.iter().filter(|(_, pieces)| **pieces < 0).collect();
        self.same("less than nothing on the shelf", short, Vec::new());
    }
}

/// Nothing of an item is the same as no word of it.
fn pieces(of: &BTreeMap<String, i64>) -> Vec<(&str, i64)> {
    of.iter().filter(|(_, pieces)| **pieces != 0).map(|(item, pieces)| (item.as_str(), *pieces)).collect()
}

/// What must have left the shelf for it.
fn wanted(order: &Order) -> BTreeMap<String, i64> {
    let mut wanted = BTreeMap::<String, i64>::new();
    for line in order.lines.iter().filter(|_| order.is_shipped()) {
        *wanted.entry(line.item.clone()).or_default() += i64::from(line.pieces);
    }
    wanted
}

/// All rows of a view; none if nobody has made it yet.
async fn rows<V: View>(store: &Arc<dyn ViewStore>) -> Result<Option<Vec<V>>, StoreError> {
    match ViewReader::<V>::new(store.clone()).list().limit(ALL).page().await {
        Ok(page) => Ok(Some(page.rows)),
        Err(error) if error.is_invalid() => Ok(None),
        Err(error) => Err(error),
    }
}

fn my_orders(books: &Books) -> Vec<MyOrder> {
    let placed = books.orders.iter().filter(|(_, order)| order.placed > 0);
    let row = |(id, order): (&String, &Order)| {
        let status = match &order.outcome {
            None => "under way".to_owned(),
            Some(Outcome::Shipped) => "shipped".to_owned(),
            Some(Outcome::Short(because) | Outcome::Declined(because)) => format!("cancelled: {because}"),
            Some(Outcome::Expired) => "cancelled: not paid in time".to_owned(),
        };
        let (id, customer) = (id.clone(), order.customer.clone());
        MyOrder { id, customer, cents: order.cents(), paid: order.kept(), status }
    };
    placed.map(row).collect()
}

fn suspects(books: &Books) -> Vec<Suspect> {
    let mut suspects = BTreeMap::<&str, Suspect>::new();
    for order in books.orders.values().filter(|order| order.placed > 0) {
        let customer = order.customer.clone();
        let suspect = suspects.entry(&order.customer).or_insert(Suspect { customer, orders: 0, unpaid: 0 });
        suspect.orders += 1;
        suspect.unpaid += i64::from(matches!(order.outcome, Some(Outcome::Declined(_) | Outcome::Expired)));
    }
    suspects.into_values().collect()
}

/// What billing holds, without the order in which it came.
#[derive(Debug, PartialEq)]
pub(crate) struct Billed {
    /// From 1, without a gap.
    numbers: Vec<i64>,
    /// Order, customer, cents.
    pub(crate) journal: Vec<(String, String, i64)>,
    accounts: Vec<(String, i64)>,
}

impl Billed {
    pub(crate) async fn read(services: &Path) -> Result<Self, sqlx::Error> {
        let mut database = open(services, "billing").await?;
        let numbers = sqlx::query_scalar("SELECT number FROM journal ORDER BY number").fetch_all(&mut database).await?;
        let journal = "SELECT subject, customer, cents FROM journal ORDER BY subject, customer, cents";
        let journal = sqlx::query_as(journal).fetch_all(&mut database).await?;
        let accounts = "SELECT customer, cents FROM accounts ORDER BY customer";
        let accounts = sqlx::query_as(accounts).fetch_all(&mut database).await?;
        Ok(Self { numbers, journal, accounts })
    }

    fn of(books: &Books) -> Self {
        let (mut journal, mut accounts) = (Vec::new(), BTreeMap::<String, i64>::new());
        for letter in books.told.iter().filter(|letter| letter.cents != 0) {
            journal.push((letter.subject.clone(), letter.customer.clone(), letter.cents));
            *accounts.entry(letter.customer.clone()).or_default() += letter.cents;
        }
        journal.sort();
        Self { numbers: (1..).take(journal.len()).collect(), journal, accounts: accounts.into_iter().collect() }
    }

    pub(crate) fn cents(&self) -> i64 {
        self.journal.iter().map(|(_, _, cents)| cents).sum()
    }
}

/// Key, recipient and subject of each mail that was sent.
pub(crate) async fn mails(services: &Path) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    let mut database = open(services, "mail").await?;
    sqlx::query_as("SELECT key, recipient, subject FROM sent ORDER BY key").fetch_all(&mut database).await
}

fn mails_of(books: &Books) -> Vec<(String, String, String)> {
    let mail = |subject: &str, key: &str, to: &str| (key.to_owned(), to.to_owned(), subject.to_owned());
    let letters = books.told.iter();
    let mut mails: Vec<_> = letters
        .filter_map(|letter| subject_of(letter.name).map(|subject| mail(subject, &letter.key, &letter.customer)))
        .collect();
    mails.sort();
    mails
}

/// Messages that a service got again.
pub(crate) async fn repeated(services: &Path, service: &str) -> Result<i64, sqlx::Error> {
    let mut database = open(services, service).await?;
    sqlx::query_scalar("SELECT count(*) FROM repeated").fetch_one(&mut database).await
}

async fn open(services: &Path, service: &str) -> Result<SqliteConnection, sqlx::Error> {
    service::options(services, service).connect().await
}
