//! A shop whose models agree, whoever is killed: `cargo run --example shop`; the story is in README.md beside this file.
//!
//! Read `order.rs` first, then the views (`my_orders.rs`), what others are told (`told.rs`) and a service (`billing.rs`).

#![allow(clippy::print_stderr, reason = "errors of a program go to stderr")]

mod billing;
mod books;
mod broker;
mod cart;
mod compared;
mod customers;
mod demo;
mod dice;
mod fraud_report;
mod mail;
mod my_orders;
mod order;
mod payment;
mod rabbit;
mod service;
mod shipment;
mod site;
mod stock;
mod store;
mod told;
mod warehouse;
mod workers;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use broker::Broker;
use site::{Role, Site};
use store::Store;

/// A shop, two services behind a broker, and somebody who kills them. RabbitMQ is used if AMQP_URL names one.
#[derive(Parser)]
#[command(name = "shop")]
struct Arguments {
    /// Where the events are kept: `sqlite:FILE`, `postgres://…` or `memory:`; a temporary SQLite file if not said
    #[arg(long, value_name = "STORE")]
    store: Option<Store>,
    /// Where the services keep their databases, for a store that is kept as well; a temporary folder if not said
    #[arg(long, value_name = "FOLDER", requires = "store")]
    services: Option<PathBuf>,
    /// How long it waits in the end until all models tell the same
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    /// Be one of those who work, until stdin is closed
    #[arg(long = "as", value_name = "ROLE", requires = "store", requires = "services", hide = true)]
    role: Option<Role>,
    /// The exchange of RabbitMQ
    #[arg(long, value_name = "NAME", requires = "role", hide = true)]
    exchange: Option<String>,
}

impl Arguments {
    /// What is read again must be found with what was made of it.
    fn forgets_its_services(&self) -> bool {
        self.services.is_none() && self.store.as_ref().is_some_and(|store| !store.is_memory())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { store, services, patience, role, exchange } = match Arguments::parse() {
        arguments if arguments.forgets_its_services() => {
            eprintln!(
                "error: this store is kept, so say by `--services FOLDER` where the services keep what they have"
            );
            return ExitCode::from(2);
        }
        arguments => arguments,
    };
    let done = match (role, store, services) {
        (Some(role), Some(store), Some(services)) => {
            end_with_stdin();
            site::work(role, Site { store, broker: Broker::existing(exchange), services }).await
        }
        (_, store, services) => demo::run(store, services, Duration::from_secs(patience)).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
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
