//! Tables that are folded from the bank's events, and the projections that keep them up to date.
//!
//! Each file is one view: a struct that is a row, and a pure function for each event that changes it. Read `balances.rs` first.

mod balances;
mod daily_summary;
mod fees_by_month;
mod figures;
mod overview;
mod projecting;
mod suspicious;
mod transactions;
mod watch;

pub(crate) use balances::Balance;
pub(crate) use daily_summary::DailySummary;
pub(crate) use fees_by_month::FeesOfMonth;
pub(crate) use figures::ViewFigures;
pub(crate) use overview::{write_overview, write_suspicious};
pub(crate) use projecting::Projecting;
pub(crate) use suspicious::Suspect;
pub(crate) use transactions::Transaction;
pub(crate) use watch::{Watch, write_newest};
