//! A view that is added to a full store, with a bar that shows how far it is: `cargo run --example rebuild`.

#![allow(clippy::print_stdout, reason = "what a program answers goes to stdout")]

use std::error::Error;
use std::io::{self, IsTerminal};
use std::time::Duration;

use eventsource::sqlite::SqliteStore;
use eventsource::{
    Activity, AppendRequest, DomainEvent, EventStore, ExpectedVersion, Fold, NewEvent, Progress, Projections, Recorded,
    StreamId, View, ViewReader,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

#[derive(DomainEvent, Serialize, Deserialize)]
#[event(name = "account.deposited", version = 1)]
struct Deposited {
    cents: i64,
}

/// What every account holds; nobody has asked for it so far.
#[derive(View)]
#[view(name = "balances", version = 1, events(Deposited))]
struct Balance {
    #[view(key = stream)]
    account: String,
    #[view(index)]
    cents: i64,
}

impl Fold<Deposited> for Balance {
    fn fold(account: &String, row: Option<Self>, deposited: &Recorded<Deposited>) -> Option<Self> {
        let cents = row.map_or(0, |row| row.cents) + deposited.event.cents;
        Some(Self { account: account.clone(), cents })
    }
}

const ACCOUNTS: usize = 200;
const DEPOSITS: i64 = 100;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = SqliteStore::in_memory().await?;
    for account in 0..ACCOUNTS {
        let deposits = (1..=DEPOSITS).map(|cents| NewEvent::encode(&Deposited { cents })).collect::<Result<_, _>>()?;
        let stream = StreamId::new("account", &account.to_string())?;
        store.append(AppendRequest::new(stream, ExpectedVersion::NoStream, deposits).into()).await?;
    }

    let bar = bar()?;
    let shown = bar.clone();
    let projections = Projections::new(&store)
        .view::<Balance>()
        .on_progress(Duration::from_millis(20), move |views| views.iter().for_each(|view| show(&shown, view)));
    let statuses = projections.statuses();
    projections
        .run(async move {
            while statuses.all().iter().any(|status| status.activity != Activity::Live) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await?;
    bar.finish_and_clear();

    let richest = ViewReader::<Balance>::new(store).by(Balance::CENTS).descending().limit(1).page().await?;
    for Balance { account, cents } in richest.rows {
        println!("account {account} has {cents} cents");
    }
    Ok(())
}

/// A bar on a terminal, and nothing elsewhere.
fn bar() -> Result<ProgressBar, Box<dyn Error>> {
    if !io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("building {wide_bar} {human_pos} of {human_len} positions, {msg}")?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn show(bar: &ProgressBar, view: &Progress) {
    bar.set_length(view.head.0);
    bar.set_position(view.head.0 - view.lag);
    let left = view.left.map_or("no end in sight".to_owned(), |left| format!("{:.0} s left", left.as_secs_f64()));
    bar.set_message(format!("{:.0} events/s, {left}", view.status.per_second));
}
