//! Who buys what: the same in each run, with a key for each command, so that a second run repeats nothing.

use std::sync::Arc;
use std::time::Duration;

use eventsource::{BoxError, ExecuteOptions, Repository, ViewStore};
use tokio::task::JoinSet;

use super::cart::{Cart, CheckOut, Fill, Line};
use super::payment::{Payment, Receive, STOLEN};
use super::stock::{Deliver, Stock};

pub(crate) const ORDERS: u64 = 100;
/// From one customer to the next.
const PAUSE: Duration = Duration::from_millis(30);
/// How much later a transfer comes than the one before, until one comes at once again.
const LATER: Duration = Duration::from_millis(200);
/// What is on the shelf, and how many cents a piece of it costs. Of the last there is not enough.
const ITEMS: [(&str, u32, i64); 4] =
    [("cup", 500, 450), ("saucer", 500, 300), ("spoon", 500, 250), ("teapot", 15, 3_900)];
const CUSTOMERS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "mallory"];

/// How an order is paid.
enum Pays {
    By(String),
    Transfers,
    Forgets,
}

/// Fills the shelf, and then one cart after the other.
pub(crate) async fn shop(store: Arc<dyn ViewStore>) -> Result<(), BoxError> {
    let stock = Repository::<Stock>::new(store.clone());
    for (item, pieces, _) in ITEMS {
        stock.handle_with(item, once("delivery"), Deliver { pieces }).await?;
    }
    let carts = Repository::<Cart>::new(store.clone());
    let payments = Repository::<Payment>::new(store);
    let mut transfers = JoinSet::new();
    for number in 0..ORDERS {
        tokio::time::sleep(PAUSE).await;
        let (id, lines) = (number.to_string(), lines(number));
        let cents = lines.iter().map(|line| line.cents).sum();
        for line in lines {
            carts.handle_with(&id, once(&format!("fill {}", line.item)), Fill { line }).await?;
        }
        let customer = CUSTOMERS[number as usize % CUSTOMERS.len()];
        let pays = pays(number, customer);
        let card = if let Pays::By(card) = &pays { Some(card.clone()) } else { None };
        carts.handle_with(&id, once("check out"), CheckOut { customer: customer.to_owned(), card }).await?;
        if matches!(pays, Pays::Transfers) {
            let payments = payments.clone();
            transfers.spawn(async move {
                // Some come before the order is accepted, others when it is cancelled.
                tokio::time::sleep(LATER * (number % 10) as u32).await;
                payments.handle_with(&id, once("transfer"), Receive { cents }).await
            });
        }
    }
    while let Some(transferred) = transfers.join_next().await {
        transferred??;
    }
    Ok(())
}

fn once(what: &str) -> ExecuteOptions {
    ExecuteOptions::new().command_key(what)
}

fn lines(number: u64) -> Vec<Line> {
    let line = |at: usize, pieces: u32| {
        let (item, _, cents) = ITEMS[at];
        Line { item: item.to_owned(), pieces, cents: i64::from(pieces) * cents }
    };
    let first = line(number as usize % (ITEMS.len() - 1), 1 + number as u32 % 3);
    // Every third one wants a teapot, too: the first line is put back where there is none any more.
    if number.is_multiple_of(3) { vec![first, line(ITEMS.len() - 1, 1)] } else { vec![first] }
}

fn pays(number: u64, customer: &str) -> Pays {
    match (customer, number % 7) {
        ("mallory", _) => Pays::By(format!("{STOLEN} {number}")),
        (_, 3 | 6) => Pays::Transfers,
        (_, 5) => Pays::Forgets,
        (_, _) => Pays::By(format!("card of {customer}")),
    }
}
