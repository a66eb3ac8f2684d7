//! The demonstration, line by line. What is deterministic is pinned, rates only by their form.

use std::sync::OnceLock;

use super::{bank, stderr, stdout};

/// The demonstration's output; it runs once for all tests.
fn lines() -> &'static [String] {
    static LINES: OnceLock<Vec<String>> = OnceLock::new();
    LINES.get_or_init(|| {
        let output = bank::<&str>([]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).lines().map(str::to_owned).collect()
    })
}

#[track_caller]
fn says(line: &str) {
    assert!(lines().iter().any(|said| said == line), "no line is {line:?}:\n{}", lines().join("\n"));
}

#[test]
fn a_year_of_200_accounts_is_recorded() {
    says("year       200 accounts, 13,434 rows of a ledger, recorded as 14,172 events");
}

#[test]
fn every_account_day_is_as_the_ledger_printed_it() {
    says("replay     10,615 account-days compared with the balances in the ledger: 0 differ");
}

#[test]
fn a_withdrawal_beyond_the_balance_is_refused_with_both_amounts() {
    says("withdraw   account 17 refused: 1,000,000.00 Kč is more than the balance of 109,771.43 Kč");
}

#[test]
fn eight_tasks_race_for_the_last_money_and_one_gets_it() {
    says("race       8 tasks, 100.00 Kč left: 1 stored, 7 refused after re-reading");
}

#[test]
fn closing_an_account_with_money_on_it_is_refused() {
    says("close      account 17 refused: the balance is 109,771.43 Kč, not zero");
}

#[test]
fn an_account_without_money_is_closed() {
    says("           account 201, emptied by the race, is closed");
}

#[test]
fn events_stored_in_three_versions_are_read_as_the_newest() {
    says("versions   account.credited stored as versions 1, 1, 1, 2, 3");
    says(
        "           read as version 3: deposit 100.00, deposit 250.00, deposit 50.00, salary 75.50, interest 12.50; \
         balance 488.00 Kč",
    );
}

#[test]
fn a_process_that_is_killed_and_run_again_records_nothing_twice() {
    says("kill       a process killed at row 5,000 and run again: 5,000 duplicates, same balances");
}

#[test]
fn a_statement_has_a_line_for_each_entry_with_the_balance_behind_it() {
    let start = lines().iter().position(|line| line == "statement  account 200, opened in November").unwrap();
    let statement = &lines()[start + 1..start + 14];
    assert_eq!(statement[0], "1995-11-06  account opened                                            0.00");
    assert_eq!(statement[2], "1995-11-09  transfer in                           22,000.00      22,800.00");
    assert_eq!(statement[12], "1995-12-31  statement fee                            -14.60      20,809.72");
    assert!(lines()[start + 14].starts_with("as of"), "the statement ends here");
}

#[test]
fn a_balance_is_known_as_of_any_date() {
    says("as of      1995-03-31: account 17 held 39,398.44 Kč");
    says("as of      1995-09-30: account 17 held 75,926.12 Kč");
}

#[test]
fn the_last_line_says_how_fast_it_was() {
    let last = lines().last().unwrap();
    let rates = last.strip_prefix("rates      ").unwrap();
    let (rows, events) = rates.split_once(" rows recorded a second, ").unwrap();
    let events = events.strip_suffix(" events replayed a second").unwrap();
    for number in [rows, events] {
        assert!(number.replace(',', "").parse::<u64>().unwrap() > 0, "{last}");
    }
}
