//! `cargo eventsource`: keeps `events.lock`, the file that holds what is stored of each event in each version.
//!
//! | command | what it does |
//! |---|---|
//! | `cargo eventsource lock` | adds what is not locked yet, records payloads of it, and changes nothing that is there |
//! | `cargo eventsource lock --amend NAME` | locks and records the current version of an event anew, unless the base branch has it |
//! | `cargo eventsource check` | fails if what is stored is not locked, or not so, or is not read as recorded; for CI |
//! | `cargo eventsource check --against REV` | fails too if what is locked or recorded at `REV` has changed; says what may run beside it |
//! | `cargo eventsource list` | shows every event, its versions, its steps, its readers |
//!
//! It compiles the tests of the chosen packages while `EVENTSOURCE_LOCK` is set, runs those that the derives have left
//! there, and takes what they report into the lock. Payloads of each version, and what they become, are recorded beside it
//! in `events/golden`; they are replayed whenever the package's tests run. It needs no configuration, and no network but what cargo needs.
//!
//! Exit codes: 0 all is well, 1 something does not fit, 2 the question cannot be answered, 3 cargo failed.
//! With `--json`, stdout is one object; its key `ok` says whether the exit code is 0.

mod against;
mod answer;
mod arguments;
mod change;
mod commands;
mod failure;
mod git;
mod golden;
mod lock_file;
mod program;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    // cargo calls `cargo-eventsource eventsource lock`.
    let given = std::env::args_os().enumerate().filter(|(at, argument)| *at != 1 || argument != "eventsource");
    let arguments = Arguments::parse_from(given.map(|(_, argument)| argument));
    let result = match &arguments.command {
        Command::Lock(lock) => commands::lock(lock),
        Command::Check(check) => commands::check(check),
        Command::List(list) => commands::list(list),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            anstream::eprintln!("{RED}error{RED:#}: {}", failure.message());
            ExitCode::from(failure.code())
        }
    }
}

const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
