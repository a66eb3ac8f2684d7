//! What a run has come to, for a person and as one line of JSON.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::money::{Money, grouped};
use super::record::Recording;
use super::replay::{Books, Comparison};
use super::views::ViewFigures;

/// The figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    transactions: u64,
    accounts: u64,
    events: u64,
    duplicates: u64,
    account_days: u64,
    mismatches: u64,
    #[serde(serialize_with = "Money::as_text")]
    max_difference: Money,
    #[serde(serialize_with = "Money::as_text")]
    final_balance_total: Money,
    append_per_second: u64,
    replay_events_per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    views: Option<ViewFigures>,
}

impl Report {
    pub(crate) fn new(
        recording: Recording,
        books: &Books,
        comparison: &Comparison,
        views: Option<ViewFigures>,
    ) -> Self {
        Self {
            transactions: recording.rows,
            accounts: books.accounts.len() as u64,
            events: books.events,
            duplicates: recording.duplicates,
            account_days: comparison.account_days,
            mismatches: comparison.mismatches,
            max_difference: comparison.max_difference,
            final_balance_total: books.total(),
            append_per_second: per_second(recording.rows, recording.elapsed),
            replay_events_per_second: per_second(books.events, books.elapsed),
            views,
        }
    }

    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    pub(crate) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} transactions on {} accounts", grouped(self.transactions), grouped(self.accounts))?;
        writeln!(out, "{} rows had been recorded before", grouped(self.duplicates))?;
        writeln!(out, "{} events in the store", grouped(self.events))?;
        let (days, mismatches) = (grouped(self.account_days), grouped(self.mismatches));
        writeln!(out, "{days} account-days compared with the bank's own balances: {mismatches} differ")?;
        writeln!(out, "largest difference {:#} Kč; up to 1.00 Kč is the bank's rounding", self.max_difference)?;
        writeln!(out, "final balances add up to {:#} Kč", self.final_balance_total)?;
        let (append, replay) = (grouped(self.append_per_second), grouped(self.replay_events_per_second));
        writeln!(out, "recorded {append} rows a second, replayed {replay} events a second")
    }
}

pub(crate) fn per_second(count: u64, elapsed: Duration) -> u64 {
    if count == 0 { 0 } else { (count as f64 / elapsed.as_secs_f64()) as u64 }
}
