//! Every model beside the events: what it must hold, and what it holds.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use eventsource::{BoxError, StoreError, View, ViewReader, ViewStore};
use sqlx::{ConnectOptions, SqliteConnection};

use super::books::{Books, End, Letter, Order};
use super::fraud::Suspect;
use super::mail::subject_of;
use super::my_orders::MyOrder;
use super::order::Because;
use super::service;
use super::warehouse::Parcel;

/// More rows than there are orders.
const ALL: usize = 10_000;

/// All that is not as it must be, in words; empty when all models agree.
pub(crate) async fn differences(
    books: &Books,
    store: &Arc<dyn ViewStore>,
    folder: &Path,
) -> Result<Vec<String>, BoxError> {
    let mut found = Found(Vec::new());
    found.in_aggregates(books);
    found.in_rows("my orders", rows(store).await?, my_orders(books));
    found.in_rows("the warehouse queue", rows::<Parcel>(store).await?, Vec::new());
    found.in_rows("the fraud report", rows(store).await?, suspects(books));
    let (is, must_be) = (Billed::read(folder).await.unwrap_or_default(), Billed::of(books));
    found.in_rows("the numbers of the journal", is.numbers, must_be.numbers);
    found.in_rows("the journal", is.journal, must_be.journal);
    found.in_rows("the accounts", is.accounts, must_be.accounts);
    found.in_rows("the mails", mails(folder).await.unwrap_or_default(), mails_of(books));
    Ok(found.0)
}

struct Found(Vec<String>);

impl Found {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, is: T, must_be: T) {
        if is != must_be {
            self.0.push(format!("{what}: {is:?}, and must be {must_be:?}"));
        }
    }

    /// Each as often as it must be, in any order.
    fn in_rows<T: PartialEq + Debug>(&mut self, what: &str, mut is: Vec<T>, must_be: Vec<T>) {
        for row in must_be {
            match is.iter().position(|one| *one == row) {
                Some(at) => drop(is.remove(at)),
                None => self.0.push(format!("{what} must have {row:?}")),
            }
        }
        self.0.extend(is.iter().map(|row| format!("{what} must not have {row:?}")));
    }

    /// Carts, orders, payments, shipments and stock, as far as they must agree.
    fn in_aggregates(&mut self, books: &Books) {
        for (id, order) in &books.orders {
            let (parcels, cents) = if order.is_shipped() { (1, order.cents()) } else { (0, 0) };
            let course = (order.is_checked_out, order.placed, order.ends.len());
            self.same(&format!("order {id} is checked out, placed and ended"), course, (true, 1, 1));
            self.same(&format!("payments that order {id} has heard of"), &order.paid, &order.received);
            self.same(&format!("refunds that order {id} has heard of"), &order.refunded, &order.returned);
            self.same(&format!("cents kept for order {id}"), order.kept(), cents);
            self.same(&format!("parcels of order {id}"), (order.requested, order.sent), (parcels, parcels));
            self.same(&format!("pieces taken for order {id}"), taken(order), wanted(order));
        }
        let missing: Vec<_> = books.shelf.iter().filter(|(_, pieces)| **pieces < 0).collect();
        self.same("less than nothing on the shelf", missing, Vec::new());
    }
}

fn taken(order: &Order) -> BTreeMap<String, i64> {
    let mut taken = order.taken.clone();
    taken.retain(|_, pieces| *pieces != 0);
    taken
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
async fn rows<V: View>(store: &Arc<dyn ViewStore>) -> Result<Vec<V>, StoreError> {
    match ViewReader::<V>::new(store.clone()).list().limit(ALL).page().await {
        Ok(page) => Ok(page.rows),
        Err(error) if error.is_invalid() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn my_orders(books: &Books) -> Vec<MyOrder> {
    let row = |(id, order): (&String, &Order)| {
        let status = match order.ends.last() {
            None => "under way".to_owned(),
            Some(End::Shipped) => "shipped".to_owned(),
            Some(End::Cancelled(because)) => format!("cancelled: {because}"),
        };
        MyOrder { id: id.clone(), customer: order.customer.clone(), cents: order.cents(), paid: order.kept(), status }
    };
    books.orders.iter().filter(|(_, order)| order.placed > 0).map(row).collect()
}

fn suspects(books: &Books) -> Vec<Suspect> {
    let mut suspects = BTreeMap::<&str, Suspect>::new();
    for order in books.orders.values().filter(|order| order.placed > 0) {
        let customer = order.customer.clone();
        let suspect = suspects.entry(&order.customer).or_insert(Suspect { customer, orders: 0, unpaid: 0 });
        let is_unpaid = |end: &End| matches!(end, End::Cancelled(Because::CardDeclined | Because::NotPaid));
        suspect.orders += 1;
        suspect.unpaid += i64::from(order.ends.iter().any(is_unpaid));
    }
    suspects.into_values().collect()
}

/// What billing holds; nothing while it has no tables.
#[derive(Default)]
pub(crate) struct Billed {
    /// From 1, without a gap.
    numbers: Vec<i64>,
    /// Order, customer, cents.
    pub(crate) journal: Vec<(String, String, i64)>,
    accounts: Vec<(String, i64)>,
}

impl Billed {
    pub(crate) async fn read(folder: &Path) -> Result<Self, sqlx::Error> {
        let mut database = open(folder, "billing").await?;
        let numbers = sqlx::query_scalar("SELECT number FROM journal").fetch_all(&mut database).await?;
        let journal = sqlx::query_as("SELECT subject, customer, cents FROM journal").fetch_all(&mut database).await?;
        let accounts = sqlx::query_as("SELECT customer, cents FROM accounts").fetch_all(&mut database).await?;
        Ok(Self { numbers, journal, accounts })
    }

    fn of(books: &Books) -> Self {
        let (mut journal, mut accounts) = (Vec::new(), BTreeMap::<String, i64>::new());
        for letter in books.letters.iter().filter(|letter| letter.cents != 0) {
            journal.push((letter.subject.clone(), letter.customer.clone(), letter.cents));
            *accounts.entry(letter.customer.clone()).or_default() += letter.cents;
        }
        Self { numbers: (1..).take(journal.len()).collect(), journal, accounts: accounts.into_iter().collect() }
    }

    pub(crate) fn cents(&self) -> i64 {
        self.journal.iter().map(|(_, _, cents)| cents).sum()
    }
}

/// Key, recipient and subject of each mail that was sent.
pub(crate) async fn mails(folder: &Path) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    let mut database = open(folder, "mail").await?;
    sqlx::query_as("SELECT key, recipient, subject FROM sent").fetch_all(&mut database).await
}

fn mails_of(books: &Books) -> Vec<(String, String, String)> {
    let mail = |letter: &Letter| {
        let subject = subject_of(&letter.name)?.to_owned();
        Some((letter.key.clone(), letter.customer.clone(), subject))
    };
    books.letters.iter().filter_map(mail).collect()
}

/// Messages that a service got again, and passed over.
pub(crate) async fn repeated(folder: &Path, service: &str) -> Result<i64, sqlx::Error> {
    let mut database = open(folder, service).await?;
    sqlx::query_scalar("SELECT count(*) FROM repeated").fetch_one(&mut database).await
}

async fn open(folder: &Path, service: &str) -> Result<SqliteConnection, sqlx::Error> {
    service::options(folder, service).connect().await
}
