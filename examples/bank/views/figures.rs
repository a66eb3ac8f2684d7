//! Every row of every view, added up.

use eventsource::{StoreError, View, ViewReader};
use serde::Serialize;

use crate::money::Money;

use super::{Balance, DailySummary, FeesOfMonth, Projecting, Transaction};

/// Rows in memory at a time.
const PAGE: usize = 1_000;

/// What the views hold together.
#[derive(Debug, Serialize)]
pub(crate) struct ViewFigures {
    pub(crate) balances: Balances,
    pub(crate) transactions: Transactions,
    pub(crate) daily_summary: Days,
    pub(crate) fees_by_month: Fees,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suspicious: Option<Suspects>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Balances {
    pub(crate) rows: u64,
    #[serde(serialize_with = "Money::as_text")]
    pub(crate) total: Money,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Transactions {
    pub(crate) rows: u64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Days {
    pub(crate) rows: u64,
    #[serde(serialize_with = "Money::as_text")]
    pub(crate) deposits: Money,
    #[serde(serialize_with = "Money::as_text")]
    pub(crate) withdrawals: Money,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Fees {
    pub(crate) rows: u64,
    #[serde(serialize_with = "Money::as_text")]
    pub(crate) total: Money,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Suspects {
    pub(crate) rows: u64,
    pub(crate) alarms: i64,
}

impl ViewFigures {
    pub(crate) async fn read(views: &Projecting) -> Result<Self, StoreError> {
        let mut total = Money::ZERO;
        let rows = each_row(views.reader::<Balance>(), |row| total += row.balance).await?;
        let balances = Balances { rows, total };
        let transactions = Transactions { rows: each_row(views.reader::<Transaction>(), |_| ()).await? };
        let (mut deposits, mut withdrawals) = (Money::ZERO, Money::ZERO);
        let rows = each_row(views.reader::<DailySummary>(), |row| {
            deposits += row.deposits;
            withdrawals += row.withdrawals;
        })
        .await?;
        let daily_summary = Days { rows, deposits, withdrawals };
        let mut total = Money::ZERO;
        let rows = each_row(views.reader::<FeesOfMonth>(), |row| total += row.total).await?;
        let fees_by_month = Fees { rows, total };
        let suspicious = match views.suspicious() {
            None => None,
            Some(suspicious) => {
                let mut alarms = 0;
                let rows = each_row(suspicious, |row| alarms += row.alarms).await?;
                Some(Suspects { rows, alarms })
            }
        };
        Ok(Self { balances, transactions, daily_summary, fees_by_month, suspicious })
    }
}

/// Visits every row of a view, a page at a time; answers how many there are.
async fn each_row<V: View>(view: ViewReader<V>, mut visit: impl FnMut(V)) -> Result<u64, StoreError> {
    let mut count = 0;
    let mut page = view.list().limit(PAGE).page().await?;
    loop {
        count += page.rows.len() as u64;
        page.rows.into_iter().for_each(&mut visit);
        match page.next {
            Some(next) => page = view.list().limit(PAGE).after(next).page().await?,
            None => return Ok(count),
        }
    }
}
