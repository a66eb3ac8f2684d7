//! One account: its statement, and its balance as of a day.

use std::io::Write;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use eventsource::{Apply, AsOf, History, Repository, Version};

use super::domain::{Account, AccountEvent};
use super::money::Money;
use super::stop::Stop;

/// Lines in memory at a time.
const PAGE: usize = 500;

/// Writes an account's statement, up to the end of a day if one is given.
pub(crate) async fn write_statement(
    out: &mut dyn Write,
    accounts: &Repository<Account>,
    number: u64,
    until: Option<NaiveDate>,
) -> Result<(), Stop> {
    let id = number.to_string();
    if !accounts.exists(&id).await? {
        return Err(Stop::NoSuchAccount(number));
    }
    let mut history = match until {
        Some(date) => History::all().occurred(..=end_of(date)),
        None => History::all(),
    };
    history = history.limit(PAGE);
    let mut account = Account::default();
    loop {
        let page = accounts.history(&id, history.clone()).await?;
        for recorded in &page.events {
            account.apply(&recorded.event);
            let (text, amount) = entry(&recorded.event);
            let date = recorded.occurred_at.date_naive();
            let amount = amount.map(|amount| format!("{amount:#}")).unwrap_or_default();
            writeln!(out, "{date}  {text:<32} {amount:>14} {:>#14}", account.balance)?;
        }
        match page.next {
            Some(version) => history = history.after(version),
            None => return Ok(()),
        }
    }
}

fn entry(event: &AccountEvent) -> (&str, Option<Money>) {
    match event {
        AccountEvent::Opened(_) => ("account opened", None),
        AccountEvent::Credited(credited) => (&credited.purpose, Some(credited.amount)),
        AccountEvent::Debited(debited) => (&debited.text, Some(Money::ZERO - debited.amount)),
        AccountEvent::Overdrawn(_) => ("below zero", None),
        AccountEvent::Closed(_) => ("account closed", None),
    }
}

/// Writes an account's balance as of a day: as it was, and as the store knew it then.
pub(crate) async fn write_as_of(
    out: &mut dyn Write,
    accounts: &Repository<Account>,
    number: u64,
    date: NaiveDate,
) -> Result<(), Stop> {
    let id = number.to_string();
    let occurred = accounts.load_at(&id, AsOf::OccurredAt(end_of(date))).await?;
    writeln!(out, "account {number} held {:#} Kč on {date}, by what had occurred by then", occurred.balance)?;
    let recorded = accounts.load_at(&id, AsOf::RecordedAt(end_of(date))).await?;
    let known = if recorded.version == Version(0) {
        "this store knew nothing of it then".to_owned()
    } else {
        format!("{:#} Kč by what this store had recorded by then", recorded.balance)
    };
    writeln!(out, "  ({known})")?;
    Ok(())
}

/// The last moment of a day that a store can tell from the next day.
pub(crate) fn end_of(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1) - TimeDelta::microseconds(1)
}
