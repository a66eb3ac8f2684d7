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

mod demo;
mod input;
mod ledger;
mod rules;
mod small;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use serde_json::Value;

/// The built example. `cargo test` builds it; `cargo test --test it` does not, so then it is built here.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().unwrap().parent().unwrap();
        let program = profile.join("examples").join(format!("bank{}", std::env::consts::EXE_SUFFIX));
        if modified(&program).is_none_or(|built| newest_source() > built) {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--example", "bank"]).current_dir(env!("CARGO_MANIFEST_DIR"));
            build.arg("--target-dir").arg(profile.parent().unwrap());
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success(), "the example does not build");
        }
        program
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When something was changed last of which the program is made.
fn newest_source() -> SystemTime {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = ["core", "derive", "sqlite", "postgres"].map(|name| root.join(format!("eventsource-{name}/src")));
    let mut folders = Vec::from(crates);
    folders.extend([root.join("src"), root.join("examples/bank")]);
    let mut newest = SystemTime::UNIX_EPOCH;
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => newest = newest.max(modified(&entry).unwrap_or(newest)),
            }
        }
    }
    newest
}

/// The program with these arguments, not run yet.
fn bank<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program());
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
