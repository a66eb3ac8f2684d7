//! The shared ledger of a real bank: what must come out, however often it is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use eventsource_test_cluster::Database;
use serde_json::{Value, json};

use super::expected::Sums;
use super::tables::assert_exact;
use super::{bank, report};

/// The shared ledger; where it is missing, the tests say so and end.
fn shared_ledger() -> Option<PathBuf> {
    let file = match std::env::var_os("EVENTSOURCE_LEDGER") {
        Some(file) => PathBuf::from(file),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/berka/trans.asc"),
    };
    if file.exists() {
        return Some(file);
    }
    skipped(&format!("{} does not exist; EVENTSOURCE_LEDGER may name the ledger", file.display()))
}

/// For what takes minutes without optimisation: only where the ledger is asked for by name.
fn named_ledger() -> Option<PathBuf> {
    let named = std::env::var_os("EVENTSOURCE_LEDGER").map(PathBuf::from);
    named.or_else(|| skipped("EVENTSOURCE_LEDGER names no ledger for SQLite and PostgreSQL"))
}

fn skipped(why: &str) -> Option<PathBuf> {
    // Not by `eprintln!`, which the test harness keeps to itself.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {why}").unwrap();
    None
}

/// The report without its rates, which must be numbers.
#[track_caller]
fn figures(mut report: Value) -> Value {
    for rate in ["append_per_second", "replay_events_per_second"] {
        let value = report.as_object_mut().unwrap().remove(rate).unwrap();
        assert!(value.as_u64().unwrap() > 0, "{rate}: {value}");
    }
    report
}

fn expected(duplicates: u64) -> Value {
    json!({
        "transactions": 31_498,
        "accounts": 800,
        "events": 32_328,
        "duplicates": duplicates,
        "account_days": 25_940,
        "mismatches": 0,
        "max_difference": "0.70",
        "final_balance_total": "25430430.30",
    })
}

/// The sums are those of the file, and those that the views gave when they were looked at first.
fn expected_with_views(sums: &Sums) -> Value {
    let mut report = expected(0);
    report["views"] = json!({
        "balances": { "rows": 800, "total": "25430430.30" },
        "transactions": { "rows": 31_498 },
        "daily_summary": { "rows": 454, "deposits": "119107232.10", "withdrawals": "93676801.80" },
        "fees_by_month": { "rows": 13, "total": "51775.00" },
    });
    assert_eq!(report["views"], sums.json());
    report
}

#[test]
fn the_shared_ledger_in_memory_gives_every_figure() {
    let Some(ledger) = shared_ledger() else { return };
    let mut run = bank(["--json", "--views", "--store", "memory:", "--ledger"]);
    let output = run.arg(&ledger).output().unwrap();
    assert_eq!(figures(report(&output)), expected_with_views(&Sums::of(&ledger)));
}

#[tokio::test]
async fn the_shared_ledger_on_postgresql_gives_every_figure() {
    let Some(ledger) = named_ledger() else { return };
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    let sums = Sums::of(&ledger);
    let mut run = bank(["--json", "--views", "--store", database.url(), "--ledger"]);
    run.arg(&ledger);
    let output = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    assert_eq!(figures(report(&output)), expected_with_views(&sums));
    assert_exact(database.url(), &sums).await;
}

#[test]
fn the_shared_ledger_killed_at_a_random_moment_ends_in_the_same_state_and_a_third_run_stores_nothing() {
    let Some(ledger) = named_ledger() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut run = bank(["--json", "--ledger"]);
        run.arg(&ledger).arg("--store").arg(format!("sqlite:{}", folder.path().join("bank.db").display()));
        run
    };

    // Some rows behind a random tenth, where nobody has arranged for it to stop.
    let tenth = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros() % 8 + 1;
    let mut child = run().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let here = format!("({tenth}0 %)");
    let killed_at = lines.find(|line| line.as_ref().unwrap().ends_with(&here)).unwrap().unwrap();
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was not killed but came to its end");

    let again = figures(report(&run().output().unwrap()));
    let duplicates = again["duplicates"].as_u64().unwrap();
    assert_eq!(again, expected(duplicates), "killed at {killed_at}");
    assert!((31_498 * u64::from(tenth) / 10..31_498).contains(&duplicates), "{duplicates}, killed at {killed_at}");

    let third = figures(report(&run().output().unwrap()));
    assert_eq!(third, expected(31_498));
}
