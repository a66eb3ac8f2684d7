//! A made-up year of 200 accounts, the same at each run, written as a ledger in the bank's format.

use std::io::{self, Write};

use chrono::{Datelike, NaiveDate};

use super::money::Money;
use super::row::COLUMNS;

pub(crate) const ACCOUNTS: u64 = 200;
const YEAR: i32 = 1995;
/// The last account is opened late, so that its statement fits on a screen.
const LATE: u64 = ACCOUNTS;

pub(crate) fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(YEAR, month, day).expect("the year has this day")
}

/// Writes the year, day by day, as the bank would have printed it.
pub(crate) fn write(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", COLUMNS.map(|column| format!("{column:?}")).join(";"))?;
    let mut dice = Dice(1995);
    let mut customers: Vec<_> = (1..=ACCOUNTS).map(|account| Customer::new(account, &mut dice)).collect();
    let mut trans_id = 0;
    for date in day(1, 1).iter_days().take_while(|date| date.year() == YEAR) {
        for customer in &mut customers {
            for entry in customer.live(date, &mut dice) {
                trans_id += 1;
                customer.print(out, trans_id, date, &entry)?;
            }
        }
    }
    Ok(())
}

struct Customer {
    account: u64,
    opens: NaiveDate,
    pay_day: u32,
    salary: i64,
    rent: i64,
    balance: Money,
}

/// The columns type, operation and k_symbol, and the amount.
struct Entry(&'static str, &'static str, &'static str, Money);

impl Customer {
    fn new(account: u64, dice: &mut Dice) -> Self {
        let opens = if account == LATE { day(11, 6) } else { day(1, dice.roll(1..28) as u32) };
        let (salary, rent) = (dice.roll(60..250) * 100, dice.roll(20..90) * 100);
        Self { account, opens, pay_day: dice.roll(8..16) as u32, salary, rent, balance: Money::ZERO }
    }

    /// What happens on a day; nobody checks whether there is enough money, so some accounts fall below zero.
    fn live(&mut self, date: NaiveDate, dice: &mut Dice) -> Vec<Entry> {
        let mut entries = Vec::new();
        if date < self.opens {
            return entries;
        }
        if date == self.opens {
            entries.push(Entry("PRIJEM", "VKLAD", "", Money::crowns(dice.roll(2..12) * 100)));
        }
        if date.day() == self.pay_day {
            entries.push(Entry("PRIJEM", "PREVOD Z UCTU", "", Money::crowns(self.salary)));
        }
        if date.day() == self.pay_day + 4 {
            entries.push(Entry("VYDAJ", "PREVOD NA UCET", "SIPO", Money::crowns(self.rent)));
        }
        if dice.roll(0..18) == 0 {
            entries.push(Entry("VYBER", "VYBER", "", Money::crowns(dice.roll(5..90) * 100)));
        }
        if date.succ_opt().is_none_or(|tomorrow| tomorrow.day() == 1) {
            let interest = Money::hundredths(dice.roll(500..9_000));
            entries.push(match self.balance < Money::ZERO {
                true => Entry("VYDAJ", "VYBER", "SANKC. UROK", interest),
                false => Entry("PRIJEM", "", "UROK", interest),
            });
            entries.push(Entry("VYDAJ", "VYBER", "SLUZBY", Money::hundredths(1_460)));
        }
        entries
    }

    fn print(&mut self, out: &mut impl Write, trans_id: u64, date: NaiveDate, entry: &Entry) -> io::Result<()> {
        let Entry(kind, operation, k_symbol, amount) = *entry;
        match kind {
            "PRIJEM" => self.balance += amount,
            _ => self.balance -= amount,
        }
        let (account, date, balance) = (self.account, date.format("%y%m%d"), self.balance);
        writeln!(out, r#"{trans_id};{account};{date};"{kind}";"{operation}";{amount};{balance};"{k_symbol}";"";"#)
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, range: std::ops::Range<i64>) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        range.start + (bits % range.end.abs_diff(range.start)) as i64
    }
}
