//! The example `bank`, as its users run it: the lines of the demonstration, the real ledger, bad input, the domain's rules.

#![allow(dead_code, reason = "the example's own modules, of which tests use a part")]

#[path = "../../examples/bank/domain.rs"]
mod domain;
#[path = "../../examples/bank/money.rs"]
mod money;
#[path = "../../examples/bank/row.rs"]
mod row;
#[path = "../../examples/bank/store.rs"]
mod store;
#[path = "../../examples/bank/year.rs"]
mod year;

mod demo;
mod expected;
mod history;
mod input;
mod killed;
mod ledger;
mod rules;
mod small;
mod tables;
mod views;

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::programs::program;

/// The program with these arguments, not run yet.
fn bank<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program("bank"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The one line of JSON that stands on stdout, and nothing else.
#[track_caller]
fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    let text = stdout(output);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}
