//! A bank: real ledgers as events, replayed, compared and killed. `cargo run --release --example bank`
//!
//! Without arguments it lives through a year of 200 accounts and shows what the framework does.
//! With `-- --ledger FILE` it records a ledger of the Berka data set and checks every day of it.
//! Read `domain.rs` first, then `record.rs` and `replay.rs`, then `views/balances.rs`.

#![allow(clippy::print_stderr, reason = "progress and errors of a program go to stderr")]

mod demo;
mod domain;
mod ledger;
mod money;
mod progress;
mod record;
mod replay;
mod report;
mod row;
mod run;
mod statement;
mod stop;
mod store;
mod views;
mod year;

use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::Parser;

use store::StoreUrl;

// What is stored is locked in `events.bank.lock`.
eventsource::schema_lock!();

/// A bank whose every change is an event. Without arguments: a demonstration.
#[derive(Parser, Debug)]
#[command(name = "bank")]
struct Arguments {
    /// Record this ledger, replay every account and compare each day with the bank's own balances
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Where the events are kept: `sqlite:FILE`, `postgres://…` or `memory:`; a temporary SQLite file if not said
    #[arg(long, value_name = "STORE", requires = "ledger")]
    store: Option<StoreUrl>,
    /// End with one line of JSON on stdout, and write everything else to stderr
    #[arg(long, requires = "ledger")]
    json: bool,
    /// Print the statement of this account
    #[arg(long, value_name = "ACCOUNT", requires = "ledger")]
    statement: Option<u64>,
    /// Print balances as of the end of this day, of the account of `--statement` or of all together
    #[arg(long, value_name = "YYYY-MM-DD", requires = "ledger")]
    as_of: Option<NaiveDate>,
    /// Keep the views up to date meanwhile, and show what they hold
    #[arg(long, requires = "ledger")]
    views: bool,
    /// The views, and a fraud report besides: on a store that is full already, a view that was added later
    #[arg(long, requires = "ledger")]
    suspicious: bool,
    /// The views, and a table of the newest balances on the terminal while they change
    #[arg(long, requires = "ledger")]
    watch: bool,
    /// Record this many rows and stand still, waiting to be killed
    #[arg(long, value_name = "ROWS", requires = "ledger", hide = true)]
    halt_after: Option<usize>,
}

impl Arguments {
    fn wants_views(&self) -> bool {
        self.views || self.suspicious || self.watch
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.ledger {
        Some(file) => run::run(file, &arguments).await,
        None => demo::run().await.map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|stop| {
        eprintln!("error: {stop}");
        stop.exit_code()
    })
}
