//! A shop whose models agree, whoever is killed: `cargo run --example shop`; the story is in README.md beside this file.
//!
//! Read `order.rs` first, then the views (`my_orders.rs`), what others are told (`publication.rs`) and a service (`billing.rs`).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a program answers goes to stdout, errors to stderr"
)]

mod billing;
mod books;
mod broker;
mod cart;
mod compared;
mod customers;
mod demo;
mod fraud;
mod mail;
mod my_orders;
mod order;
mod payment;
mod publication;
mod rabbit;
mod service;
mod shipment;
mod site;
mod stock;
mod store;
mod warehouse;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use eventsource::BoxError;

use broker::Broker;
use site::{Role, Site};
use store::Store;

/// The store, in its folder.
const FILE: &str = "shop.db";

/// A shop, two services behind a broker, and somebody who kills them.
///
/// The broker is RabbitMQ, if AMQP_URL names one or one is found on this machine, else one in memory.
#[derive(Parser)]
#[command(name = "shop")]
struct Arguments {
    /// Keeps everything in this folder, to go on when it is run again; a temporary one if not said
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Keeps the events in PostgreSQL, not in SQLite
    #[arg(long, value_name = "URL", requires = "folder")]
    postgres: Option<String>,
    /// How long it waits in the end until all models agree
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    patience: Duration,
    /// Be one of those who work, until stdin is closed
    #[arg(long = "as", value_name = "ROLE", hide = true)]
    role: Option<Role>,
    /// The exchange of RabbitMQ
    #[arg(long, hide = true)]
    exchange: Option<String>,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { folder, postgres, patience, role, exchange }: Arguments) -> Result<(), BoxError> {
    let Some(folder) = folder else {
        let folder = tempfile::tempdir()?;
        return demo::run(Store::Sqlite(folder.path().join(FILE)), folder.path().to_owned(), patience).await;
    };
    std::fs::create_dir_all(&folder)?;
    let store = postgres.map_or_else(|| Store::Sqlite(folder.join(FILE)), Store::Postgres);
    match role {
        None => demo::run(store, folder, patience).await,
        Some(role) => {
            end_with_stdin();
            site::work(role, Site { store, broker: Broker::existing(exchange.as_deref())?, folder }).await
        }
    }
}

/// Whoever started this process holds the other end, and it closes however they end: nobody is left behind.
fn end_with_stdin() {
    std::thread::spawn(|| {
        // Nothing comes but the end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}
