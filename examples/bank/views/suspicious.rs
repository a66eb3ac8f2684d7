//! A fraud report, thought of when the store was long full: money that goes out as it came in.
//!
//! Nothing is prepared for it. Whoever runs it the first time has its table built from the events that are there already.

use chrono::{DateTime, TimeDelta, Utc};
use eventsource::{Fold, Recorded, View};

use crate::domain::{Credited, Debited};
use crate::money::Money;

/// Smaller deposits are of no interest.
const LARGE: Money = Money::crowns(30_000);
/// What leaves later has been on the account for a while.
const SOON: TimeDelta = TimeDelta::days(1);

/// An account with large deposits, and how often nearly all of one was gone within a day.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "suspicious", version = 1, events(Credited, Debited))]
pub(crate) struct Suspect {
    #[view(key = stream)]
    pub(crate) account: String,
    #[view(index)]
    pub(crate) alarms: i64,
    pub(crate) last_alarm_at: Option<DateTime<Utc>>,
    /// What the next debit is compared with: the last large deposit, unless there was an alarm because of it.
    pub(crate) deposit: Money,
    pub(crate) deposited_at: DateTime<Utc>,
}

impl Fold<Credited> for Suspect {
    fn fold(account: &String, row: Option<Self>, credited: &Recorded<Credited>) -> Option<Self> {
        if credited.event.amount < LARGE {
            return row;
        }
        let (alarms, last_alarm_at) = row.map_or((0, None), |row| (row.alarms, row.last_alarm_at));
        let (deposit, deposited_at) = (credited.event.amount, credited.occurred_at);
        Some(Self { account: account.clone(), alarms, last_alarm_at, deposit, deposited_at })
    }
}

impl Fold<Debited> for Suspect {
    fn fold(_: &String, row: Option<Self>, debited: &Recorded<Debited>) -> Option<Self> {
        let row = row?;
        let soon = debited.occurred_at - row.deposited_at <= SOON;
        let nearly_all = debited.event.amount >= row.deposit.nine_tenths();
        if row.deposit == Money::ZERO || !soon || !nearly_all {
            return Some(row);
        }
        let last_alarm_at = Some(debited.occurred_at);
        Some(Self { alarms: row.alarms + 1, last_alarm_at, deposit: Money::ZERO, ..row })
    }
}
