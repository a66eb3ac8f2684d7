//! What views must hold, straight from a ledger: read and added up without a line of the example or the framework.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

/// Sums over a ledger, in hundredths of a crown.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) rows: usize,
    pub(super) balances: BTreeMap<String, i64>,
    pub(super) transactions: BTreeMap<String, Vec<i64>>,
    /// Deposits and withdrawals.
    pub(super) days: BTreeMap<String, (i64, i64)>,
    /// How many fees, and how much.
    pub(super) months: BTreeMap<String, (i64, i64)>,
}

impl Sums {
    pub(super) fn of(ledger: &Path) -> Self {
        let text = std::fs::read(ledger).unwrap();
        let text = String::from_utf8_lossy(&text);
        let mut rows: Vec<Vec<&str>> =
            text.lines().skip(1).map(|line| line.split(';').map(|field| field.trim_matches('"')).collect()).collect();
        // Within a day in the order of the file.
        rows.sort_by_key(|row| row[2]);
        let mut sums = Self { rows: rows.len(), ..Self::default() };
        for row in rows {
            let [_, account, date, kind, _, amount, _, symbol, ..] = row[..] else { panic!("{row:?}") };
            let amount = hundredths(amount);
            let (deposit, withdrawal) = if kind == "PRIJEM" { (amount, 0) } else { (0, amount) };
            *sums.balances.entry(account.to_owned()).or_default() += deposit - withdrawal;
            sums.transactions.entry(account.to_owned()).or_default().push(deposit - withdrawal);
            let (year, month, day) = (&date[..2], &date[2..4], &date[4..]);
            let of_day = sums.days.entry(format!("19{year}-{month}-{day}")).or_default();
            *of_day = (of_day.0 + deposit, of_day.1 + withdrawal);
            if symbol == "SLUZBY" {
                let of_month = sums.months.entry(format!("19{year}-{month}")).or_default();
                *of_month = (of_month.0 + 1, of_month.1 + amount);
            }
        }
        sums
    }

    /// As `--json` tells it.
    pub(super) fn json(&self) -> Value {
        let deposits = self.days.values().map(|(deposits, _)| deposits).sum();
        let withdrawals = self.days.values().map(|(_, withdrawals)| withdrawals).sum();
        json!({
            "balances": { "rows": self.balances.len(), "total": crowns(self.balances.values().sum()) },
            "transactions": { "rows": self.rows },
            "daily_summary": {
                "rows": self.days.len(),
                "deposits": crowns(deposits),
                "withdrawals": crowns(withdrawals),
            },
            "fees_by_month": {
                "rows": self.months.len(),
                "total": crowns(self.months.values().map(|(_, total)| total).sum()),
            },
        })
    }

    /// The accounts that somebody has, as the example makes up owners: three numbers in a row.
    pub(super) fn owners(&self) -> BTreeSet<String> {
        let owner = |account: &String| format!("customer {}", account.parse::<u64>().unwrap().div_ceil(3));
        self.balances.keys().map(owner).collect()
    }
}

fn hundredths(amount: &str) -> i64 {
    let (crowns, rest) = amount.split_once('.').unwrap();
    assert!(rest.len() == 2 && !crowns.starts_with('-'), "{amount}");
    format!("{crowns}{rest}").parse().unwrap()
}

fn crowns(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}
