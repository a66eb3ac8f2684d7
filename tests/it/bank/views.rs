//! The views of the bank, held against sums that are taken from the ledger alone.

use std::path::Path;

use eventsource_test_cluster::Database;
use serde_json::{Value, json};

use super::expected::Sums;
use super::small::{Desk, HEADINGS};
use super::tables::{assert_exact, select};
use super::{bank, report, stderr, stdout, year};

/// The first rows of the made-up year.
pub(super) fn year_until(rows: usize) -> String {
    let mut year = Vec::new();
    year::write(&mut year).unwrap();
    let year = String::from_utf8(year).unwrap();
    year.split_inclusive('\n').take(rows + 1).collect()
}

/// A run of the program, beside the test's own tasks.
pub(super) async fn run(store: &str, ledger: &Path, more: &[&str]) -> Value {
    let mut run = bank(["--json", "--store", store, "--ledger"]);
    run.arg(ledger).args(more);
    report(&tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap())
}

#[tokio::test]
async fn the_views_hold_what_the_ledger_says_in_memory_on_sqlite_and_on_postgresql() {
    let desk = Desk::new(year_until(2_500));
    let sums = Sums::of(&desk.ledger());
    assert_eq!(sums.rows, 2_500);
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    for store in ["memory:", &desk.store(), database.url()] {
        let report = run(store, &desk.ledger(), &["--views"]).await;
        assert_eq!(report["views"], sums.json(), "{store}");
        if store != "memory:" {
            assert_exact(store, &sums).await;
        }
    }
    let without = run("memory:", &desk.ledger(), &[]).await;
    assert_eq!(without.get("views"), None);
}

#[tokio::test]
async fn views_of_a_store_that_was_filled_without_them_and_is_filled_further_hold_it_all() {
    let desk = Desk::new(year_until(600));
    run(&desk.store(), &desk.ledger(), &[]).await;
    for rows in [600, 900] {
        desk.write(year_until(rows));
        let sums = Sums::of(&desk.ledger());
        assert_eq!(run(&desk.store(), &desk.ledger(), &["--views"]).await["views"], sums.json());
        assert_exact(&desk.store(), &sums).await;
    }
}

#[test]
fn views_of_an_empty_ledger_are_empty() {
    let report = report(&Desk::new(format!("{HEADINGS}\n")).run(&["--json", "--views"]));
    let expected = json!({
        "balances": { "rows": 0, "total": "0.00" },
        "transactions": { "rows": 0 },
        "daily_summary": { "rows": 0, "deposits": "0.00", "withdrawals": "0.00" },
        "fees_by_month": { "rows": 0, "total": "0.00" },
    });
    assert_eq!(report["views"], expected);
}

/// Account 1 pays in and out again at once, twice; 2 waits, 3 keeps a fifth, 4 is small.
fn laundering() -> String {
    let rows = [
        r#"1;1;930104;"PRIJEM";"VKLAD";60000.00;60000.00;"";"";"#,
        r#"2;2;930104;"PRIJEM";"VKLAD";60000.00;60000.00;"";"";"#,
        r#"3;3;930104;"PRIJEM";"VKLAD";60000.00;60000.00;"";"";"#,
        r#"4;4;930104;"PRIJEM";"VKLAD";29999.90;29999.90;"";"";"#,
        r#"5;1;930105;"VYDAJ";"PREVOD NA UCET";54000.00;6000.00;"";"AB";"123""#,
        r#"6;3;930105;"VYDAJ";"PREVOD NA UCET";48000.00;12000.00;"";"AB";"123""#,
        r#"7;4;930105;"VYDAJ";"PREVOD NA UCET";29000.00;999.90;"";"AB";"123""#,
        r#"8;1;930106;"VYDAJ";"VYBER";54000.00;-48000.00;"";"";"#,
        r#"9;2;930106;"VYDAJ";"PREVOD NA UCET";60000.00;0.00;"";"AB";"123""#,
        r#"10;1;930107;"PRIJEM";"VKLAD";48000.00;0.00;"";"";"#,
        r#"11;1;930107;"VYDAJ";"VYBER";47000.00;-47000.00;"";"";"#,
        r#"12;1;930108;"VYDAJ";"VYBER";14.60;-47014.60;"SLUZBY";"";"#,
    ];
    format!("{HEADINGS}\n{}\n", rows.join("\n"))
}

#[tokio::test]
async fn the_fraud_report_is_built_from_what_a_full_store_holds_already() {
    let desk = Desk::new(laundering());
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    for store in [&*desk.store(), database.url()] {
        let before = run(store, &desk.ledger(), &["--views"]).await;
        assert!(before["views"].get("suspicious").is_none());
        let absent = select(store, "SELECT account FROM suspicious").await.unwrap_err();
        assert!(absent.to_string().contains("suspicious"), "{absent}");

        let later = run(store, &desk.ledger(), &["--suspicious"]).await;
        assert_eq!((&later["events"], &later["duplicates"]), (&before["events"], &12.into()));
        assert_eq!(later["views"]["suspicious"], json!({ "rows": 3, "alarms": 2 }));
        let alarms = "SELECT concat_ws('|', account, alarms) FROM suspicious WHERE alarms > 0";
        assert_eq!(select(store, alarms).await.unwrap(), ["1|2"]);
    }
    let output = desk.run(&["--suspicious"]);
    let told = "suspicious     of large deposits, nearly all was gone within a day\n  account 1: 2 times, last on 1993-01-07\n";
    assert!(stdout(&output).contains(told), "{}", stdout(&output));
}

#[test]
fn without_json_each_view_answers_for_people() {
    let output = Desk::new(laundering()).run(&["--views"]);
    let expected = "\
balances       4 rows, -34,014.70 Kč together
transactions   12 rows
daily_summary  5 rows, 257,999.90 Kč came in, 292,014.60 Kč went out
  1993-01-08: 0.00 - 14.60 = -14.60 Kč
  1993-01-07: 48,000.00 - 47,000.00 = 1,000.00 Kč
  1993-01-06: 0.00 - 114,000.00 = -114,000.00 Kč
fees_by_month  1 rows, 14.60 Kč together
  1993-01: 1 fees, 14.60 Kč
";
    assert!(stdout(&output).starts_with(expected), "{}", stdout(&output));
    let rich = laundering().lines().take(7).collect::<Vec<_>>().join("\n");
    let output = Desk::new(rich).run(&["--views"]);
    let expected = "\
balances       4 rows, 107,999.90 Kč together
  above 50,000.00 Kč: account 2 of customer 1, 60,000.00 Kč
  of customer 1: account 1, 6,000.00 Kč
  of customer 1: account 2, 60,000.00 Kč
  of customer 1: account 3, 12,000.00 Kč
transactions   6 rows
  account 2, 1993-01-04: cash deposit, 60,000.00 Kč
";
    assert!(stdout(&output).starts_with(expected), "{}", stdout(&output));
}

#[test]
fn a_watch_without_a_terminal_is_a_table_at_the_end() {
    let output = Desk::new(laundering()).run(&["--watch"]);
    let lines: Vec<_> = stdout(&output).lines().take(5).collect();
    assert_eq!(lines[0], "   account  owner                     balance  changed");
    let newest = lines[1].rsplit_once("  ").unwrap().0;
    assert!(
        lines[1..].iter().any(|line| line.starts_with("         1  customer 1             -47,014.60  ")),
        "{lines:?}"
    );
    assert!(newest.contains("customer"), "{newest}");
    for text in [stdout(&output), stderr(&output)] {
        assert!(!text.contains('\u{1b}'), "no escapes where nobody interprets them: {text:?}");
    }
}
