//! One row of a ledger: from text to types, or a sentence that says what is wrong with it.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::domain::{Direction, Post, STATEMENT_FEE};
use super::money::Money;

/// The columns of a ledger, in order.
pub(crate) const COLUMNS: [&str; 10] =
    ["trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account"];

/// A transaction as the bank wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) trans_id: u64,
    pub(crate) account: u64,
    pub(crate) date: NaiveDate,
    pub(crate) direction: Direction,
    pub(crate) amount: Money,
    /// What the bank printed as the balance afterwards: never recorded, only compared.
    pub(crate) balance: Money,
    /// What stands on a statement.
    pub(crate) text: String,
}

impl Row {
    pub(crate) fn post(self) -> Post {
        Post { owner: self.owner(), direction: self.direction, amount: self.amount, text: self.text }
    }

    /// The ledger is anonymous, so this is made up: three accounts in a row belong to one customer.
    fn owner(&self) -> String {
        format!("customer {}", self.account.div_ceil(3))
    }
}

/// Reads a line without its end; `None` for an empty line and for the line of headings.
pub(crate) fn parse(line: &str) -> Result<Option<Row>, String> {
    if line.is_empty() {
        return Ok(None);
    }
    let fields = fields(line)?;
    if fields == COLUMNS {
        return Ok(None);
    }
    let count = fields.len();
    let Ok([trans_id, account_id, date, kind, operation, amount, balance, k_symbol, bank, account]) =
        <[Cow<'_, str>; COLUMNS.len()]>::try_from(fields)
    else {
        return Err(format!("{count} columns where {} belong", COLUMNS.len()));
    };
    let positive = money("amount", &amount)?;
    if positive < Money::ZERO {
        return Err(format!("amount {amount:?} is negative"));
    }
    Ok(Some(Row {
        trans_id: number("trans_id", &trans_id)?,
        account: number("account_id", &account_id)?,
        date: day(&date)?,
        direction: direction(&kind)?,
        amount: positive,
        balance: money("balance", &balance)?,
        text: text(&operation, &k_symbol, &bank, &account),
    }))
}

/// The fields of a line: `;` between them, quotes around those that want them, `""` for a quote within.
fn fields(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let mut fields = Vec::with_capacity(COLUMNS.len());
    let mut rest = line;
    loop {
        let column = fields.len() + 1;
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = closing_quote(quoted).ok_or_else(|| format!("the quote of column {column} is not closed"))?;
                let (field, after) = (&quoted[..end], &quoted[end + 1..]);
                if !after.is_empty() && !after.starts_with(';') {
                    return Err(format!("column {column} goes on after its closing quote"));
                }
                (if field.contains('"') { field.replace("\"\"", "\"").into() } else { field.into() }, after)
            }
            None => {
                let end = rest.find(';').unwrap_or(rest.len());
                (Cow::from(&rest[..end]), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(';') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

/// Where the quoted text ends; a doubled quote belongs to it.
fn closing_quote(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + text[from..].find('"')?;
        if !text[quote + 1..].starts_with('"') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

fn number(column: &str, text: &str) -> Result<u64, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| format!("{column} {text:?} is not a whole number of 64 bits"))
}

fn money(column: &str, text: &str) -> Result<Money, String> {
    text.parse().map_err(|reason| format!("{column} {text:?} {reason}"))
}

/// YYMMDD, a day of the twentieth century.
fn day(text: &str) -> Result<NaiveDate, String> {
    if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("date {text:?} is not six digits YYMMDD"));
    }
    let part = |at: usize| text[at..at + 2].bytes().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    NaiveDate::from_ymd_opt(1900 + part(0) as i32, part(2), part(4))
        .ok_or_else(|| format!("date {text:?} is not in the calendar"))
}

fn direction(kind: &str) -> Result<Direction, String> {
    match kind {
        "PRIJEM" => Ok(Direction::Credit),
        "VYDAJ" | "VYBER" => Ok(Direction::Debit),
        _ => Err(format!("type {kind:?} is none of PRIJEM, VYDAJ, VYBER")),
    }
}

/// What stands on a statement, in English where the code is known: the purpose rather than the way, and the other side.
fn text(operation: &str, k_symbol: &str, bank: &str, account: &str) -> String {
    let operation = match operation.trim() {
        "VKLAD" => "cash deposit",
        "PREVOD Z UCTU" => "transfer in",
        "VYBER" => "cash withdrawal",
        "PREVOD NA UCET" => "transfer out",
        "VYBER KARTOU" => "card payment",
        other => other,
    };
    let purpose = match k_symbol.trim() {
        "UROK" => "interest",
        "SLUZBY" => STATEMENT_FEE,
        "SIPO" => "household",
        "POJISTNE" => "insurance",
        "DUCHOD" => "pension",
        "UVER" => "loan",
        "SANKC. UROK" => "penalty interest",
        other => other,
    };
    let what = if purpose.is_empty() { operation } else { purpose };
    let parts = [what, bank.trim(), account.trim()];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}
