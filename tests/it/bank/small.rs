//! Small ledgers: forms of a file, statements, balances as of a day, what is compared.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::{bank, report, stderr, stdout};

pub(super) const HEADINGS: &str =
    r#""trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account""#;

/// A folder with a ledger and a store.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(super) fn new(ledger: impl AsRef<[u8]>) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.write(ledger);
        desk
    }

    pub(super) fn write(&self, ledger: impl AsRef<[u8]>) {
        std::fs::write(self.ledger(), ledger).unwrap();
    }

    pub(super) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.asc")
    }

    pub(super) fn store(&self) -> String {
        format!("sqlite:{}", self.folder.path().join("bank.db").display())
    }

    pub(super) fn run(&self, more: &[&str]) -> std::process::Output {
        bank(["--store", &self.store(), "--ledger"]).arg(self.ledger()).args(more).output().unwrap()
    }

    #[track_caller]
    pub(super) fn report(&self) -> Value {
        report(&self.run(&["--json"]))
    }
}

fn week() -> String {
    let rows = [
        r#"1;7;930104;"PRIJEM";"VKLAD";1000.00;1000.00;"";;"#,
        r#"2;7;930105;"VYDAJ";"VYBER";1500.00;-500.00;" ";;"#,
        r#"3;7;930105;"VYBER";"VYBER";14.60;-514.60;"SLUZBY";"";"#,
        r#"4;8;930105;"PRIJEM";"PREVOD Z UCTU";200.00;200.00;"DUCHOD";"AB";"123""#,
        r#"5;7;930107;"PRIJEM";"VKLAD";600.00;85.40;"";;"#,
    ];
    format!("{HEADINGS}\n{}\n", rows.join("\n"))
}

#[test]
fn a_ledger_is_recorded_replayed_and_compared() {
    let report = Desk::new(week()).report();
    // Five rows, two accounts opened, one debit that went below zero.
    assert_eq!((&report["transactions"], &report["accounts"], &report["events"]), (&5.into(), &2.into(), &8.into()));
    assert_eq!((&report["account_days"], &report["mismatches"]), (&4.into(), &0.into()));
    assert_eq!((&report["max_difference"], &report["final_balance_total"]), (&"0.00".into(), &"285.40".into()));
}

#[test]
fn line_ends_of_any_system_and_a_missing_last_one_make_no_difference() {
    let figures = |text: String| {
        let report = Desk::new(text).report();
        (report["events"].clone(), report["final_balance_total"].clone(), report["mismatches"].clone())
    };
    let expected = figures(week());
    assert_eq!(figures(week().replace('\n', "\r\n")), expected);
    assert_eq!(figures(week().trim_end().to_owned()), expected);
    assert_eq!(figures(week().replace('"', "")), expected, "quotes are optional");
}

#[test]
fn rows_are_taken_in_order_of_date_whatever_the_order_of_the_file() {
    let mut rows: Vec<_> = week().lines().skip(1).map(str::to_owned).collect();
    rows.swap(0, 4);
    let desk = Desk::new(format!("{HEADINGS}\n{}\n", rows.join("\n")));
    assert_eq!(desk.report()["events"], 8, "below zero once, as in the right order");
    assert_eq!(desk.report()["duplicates"], 5);
}

#[test]
fn bytes_of_latin_1_are_letters_on_a_statement() {
    let mut ledger = format!("{HEADINGS}\n1;7;930104;PRIJEM;").into_bytes();
    ledger.extend(b"P\xf8ev\xe1d;5.00;5.00;;;\n");
    let output = Desk::new(ledger).run(&["--statement", "7"]);
    assert!(stdout(&output).contains("1993-01-04  Pøevád"), "{}", stdout(&output));
}

#[test]
fn a_statement_says_date_text_amount_and_balance() {
    let output = Desk::new(week()).run(&["--statement", "7"]);
    let text = stdout(&output);
    let expected = "\
1993-01-04  account opened                                            0.00
1993-01-04  cash deposit                           1,000.00       1,000.00
1993-01-05  cash withdrawal                       -1,500.00        -500.00
1993-01-05  below zero                                             -500.00
1993-01-05  statement fee                            -14.60        -514.60
1993-01-07  cash deposit                             600.00          85.40
";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_balance_is_asked_for_as_of_a_day() {
    let desk = Desk::new(week());
    let output = desk.run(&["--statement", "7", "--as-of", "1993-01-05"]);
    assert!(stdout(&output).contains("\naccount 7 held -514.60 Kč on 1993-01-05, "), "{}", stdout(&output));
    assert!(stdout(&output).contains("this store knew nothing of it then"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("1993-01-07"), "the statement ends at that day");
    let output = desk.run(&["--as-of", "1993-01-06"]);
    let line = "all accounts together held -314.60 Kč on 1993-01-06";
    assert!(stdout(&output).lines().any(|said| said == line), "{}", stdout(&output));
}

#[test]
fn with_json_everything_else_is_on_stderr() {
    let output = Desk::new(week()).run(&["--json", "--statement", "8", "--as-of", "1993-12-31"]);
    assert_eq!(report(&output)["transactions"], 5);
    assert!(stderr(&output).contains("pension AB 123"), "{}", stderr(&output));
    assert!(stderr(&output).contains("account 8 held 200.00 Kč on 1993-12-31"), "{}", stderr(&output));
}

#[test]
fn a_balance_that_is_not_the_banks_is_a_mismatch_and_exit_code_1() {
    let wrong = week().replace("600.00;85.40", "600.00;86.41");
    let output = Desk::new(wrong).run(&["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!((&report["mismatches"], &report["max_difference"]), (&1.into(), &"1.01".into()));
    assert!(stderr(&output).contains("account 7 is 1.01 Kč away"), "{}", stderr(&output));
}

#[test]
fn without_json_the_figures_are_sentences() {
    let output = Desk::new(week()).run(&[]);
    let text = stdout(&output);
    assert!(text.contains("4 account-days compared with the bank's own balances: 0 differ\n"), "{text}");
    assert!(text.contains("final balances add up to 285.40 Kč\n"), "{text}");
    assert!(stderr(&output).contains("recorded 5 of 5 rows (100 %)"), "{}", stderr(&output));
}
