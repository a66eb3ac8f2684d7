//! The books: every account replayed from the store, and compared with what the bank printed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use eventsource::{Aggregate, Apply, EventStore, Events, Read};

use super::domain::{Account, AccountEvent};
use super::ledger::BadInput;
use super::money::Money;
use super::row::Row;
use super::stop::Stop;

/// How far a day's balance may lie from a printed one: the bank rounded on its own.
const TOLERANCE: Money = Money::crowns(1);
/// Events in memory at a time.
const PAGE: usize = 1_000;

/// What the store says: each account as it stands, and its balance at the end of each of its days.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) accounts: BTreeMap<u64, Account>,
    days: BTreeMap<(u64, NaiveDate), Money>,
    pub(crate) events: u64,
    pub(crate) elapsed: Duration,
}

/// Reads every event of every account, page by page, and applies it.
pub(crate) async fn replay(store: Arc<dyn EventStore>) -> Result<Books, Stop> {
    let start = Instant::now();
    let mut books = Books::default();
    let mut events = Events::<AccountEvent>::new(store, Read::category(Account::NAME).limit(PAGE));
    while let Some(recorded) = events.next().await? {
        let id = recorded.stream.id();
        let number = id.parse().map_err(|_| Stop::broken(format!("account {id:?} has no number: another bank's?")))?;
        let account = books.accounts.entry(number).or_default();
        let before = account.balance;
        account.apply(&recorded.event);
        // First what each day changed: a back-dated event changes a day that is long past.
        *books.days.entry((number, recorded.occurred_at.date_naive())).or_default() += account.balance - before;
        books.events += 1;
    }
    books.sum_up();
    books.elapsed = start.elapsed();
    Ok(books)
}

impl Books {
    /// From what each day changed to the balance at its end.
    fn sum_up(&mut self) {
        let mut previous = None;
        for (&(number, _), day) in &mut self.days {
            if let Some((of, balance)) = previous
                && of == number
            {
                *day += balance;
            }
            previous = Some((number, *day));
        }
    }

    /// An account's balance at the end of a day.
    pub(crate) fn balance(&self, number: u64, date: NaiveDate) -> Money {
        let until_then = self.days.range((number, NaiveDate::MIN)..=(number, date));
        until_then.last().map_or(Money::ZERO, |(_, balance)| *balance)
    }

    /// All balances at the end of a day together.
    pub(crate) fn total_on(&self, date: NaiveDate) -> Money {
        self.accounts.keys().map(|number| self.balance(*number, date)).sum()
    }

    /// All balances together.
    pub(crate) fn total(&self) -> Money {
        self.accounts.values().map(|account| account.balance).sum()
    }

    /// Compares each day of each account with what the bank printed; `rows` come in order of date.
    pub(crate) fn compare(&self, rows: impl Iterator<Item = Result<Row, BadInput>>) -> Result<Comparison, BadInput> {
        let mut comparison = Comparison::default();
        let mut today = NaiveDate::MIN;
        // The order of an account's rows within a day is not known, so the nearest of them counts.
        let mut nearest = HashMap::<u64, Money>::new();
        for row in rows {
            let row = row?;
            if row.date != today {
                comparison.end_day(today, &mut nearest);
                today = row.date;
            }
            let difference = self.balance(row.account, row.date).difference(row.balance);
            let smallest = nearest.entry(row.account).or_insert(difference);
            *smallest = difference.min(*smallest);
        }
        comparison.end_day(today, &mut nearest);
        Ok(comparison)
    }
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) account_days: u64,
    pub(crate) mismatches: u64,
    /// The first of them, to look at.
    pub(crate) examples: Vec<(u64, NaiveDate, Money)>,
    pub(crate) max_difference: Money,
}

const EXAMPLES: usize = 5;

impl Comparison {
    fn end_day(&mut self, date: NaiveDate, nearest: &mut HashMap<u64, Money>) {
        for (number, difference) in nearest.drain() {
            self.account_days += 1;
            self.max_difference = self.max_difference.max(difference);
            if difference > TOLERANCE {
                self.mismatches += 1;
                if self.examples.len() < EXAMPLES {
                    self.examples.push((number, date, difference));
                }
            }
        }
    }
}
