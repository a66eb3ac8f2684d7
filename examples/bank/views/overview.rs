//! What can be asked of the views, asked once of each.

use std::io::Write;

use eventsource::ViewReader;

use crate::money::{Money, grouped};
use crate::stop::Stop;

use super::{Balance, DailySummary, FeesOfMonth, Projecting, Suspect, Transaction, ViewFigures};

/// Rows of each answer.
const SHOWN: usize = 3;
const RICH: Money = Money::crowns(50_000);

/// Writes how much each view holds, and a few of its rows.
pub(crate) async fn write_overview(out: &mut dyn Write, views: &Projecting, figures: &ViewFigures) -> Result<(), Stop> {
    let ViewFigures { balances, transactions, daily_summary, fees_by_month, .. } = figures;
    writeln!(out, "balances       {} rows, {:#} Kč together", grouped(balances.rows), balances.total)?;
    let balances = views.reader::<Balance>();
    let rich = balances.by(Balance::BALANCE).at_least(RICH).descending().limit(SHOWN).page().await?.rows;
    for Balance { account, owner, balance, .. } in &rich {
        writeln!(out, "  above {RICH:#} Kč: account {account} of {owner}, {balance:#} Kč")?;
    }
    if let Some(Balance { owner, .. }) = rich.first() {
        for Balance { account, balance, .. } in balances.by(Balance::OWNER).equal_to(&**owner).page().await?.rows {
            writeln!(out, "  of {owner}: account {account}, {balance:#} Kč")?;
        }
    }

    writeln!(out, "transactions   {} rows", grouped(transactions.rows))?;
    let history = views.reader::<Transaction>();
    if let Some(Balance { account, .. }) = rich.first() {
        let last = history.by(Transaction::ACCOUNT).equal_to(&**account).descending().limit(SHOWN).page().await?.rows;
        for Transaction { occurred_at, text, amount, .. } in last.iter().rev() {
            writeln!(out, "  account {account}, {}: {text}, {amount:#} Kč", occurred_at.date_naive())?;
        }
    }

    let (deposits, withdrawals) = (daily_summary.deposits, daily_summary.withdrawals);
    let days = grouped(daily_summary.rows);
    writeln!(out, "daily_summary  {days} rows, {deposits:#} Kč came in, {withdrawals:#} Kč went out")?;
    let newest_first = views.reader::<DailySummary>();
    for DailySummary { day, deposits, withdrawals, net } in
        newest_first.list().descending().limit(SHOWN).page().await?.rows
    {
        writeln!(out, "  {day}: {deposits:#} - {withdrawals:#} = {net:#} Kč")?;
    }

    writeln!(out, "fees_by_month  {} rows, {:#} Kč together", grouped(fees_by_month.rows), fees_by_month.total)?;
    let newest_first = views.reader::<FeesOfMonth>();
    for FeesOfMonth { month, fees, total } in newest_first.list().descending().limit(SHOWN).page().await?.rows {
        writeln!(out, "  {month}: {fees} fees, {total:#} Kč")?;
    }
    Ok(())
}

/// Writes the accounts with the most alarms.
pub(crate) async fn write_suspicious(out: &mut dyn Write, suspicious: &ViewReader<Suspect>) -> Result<(), Stop> {
    let suspects = suspicious.by(Suspect::ALARMS).at_least(1).descending().limit(SHOWN).page().await?.rows;
    writeln!(out, "suspicious     of large deposits, nearly all was gone within a day")?;
    for Suspect { account, alarms, last_alarm_at, .. } in suspects {
        let last = last_alarm_at.map(|at| format!(", last on {}", at.date_naive())).unwrap_or_default();
        writeln!(out, "  account {account}: {alarms} times{last}")?;
    }
    Ok(())
}
