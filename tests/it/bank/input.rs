//! Bad input: one line that says where and what, exit code 2, and nothing lost or doubled.

use super::row::parse;
use super::small::{Desk, HEADINGS};
use super::store::StoreUrl;
use super::{bank, stderr, stdout};

const GOOD: [&str; 3] = [
    r#"1;7;930104;"PRIJEM";"VKLAD";1000.00;1000.00;"";;"#,
    r#"2;7;930105;"VYDAJ";"VYBER";200.00;800.00;"";;"#,
    r#"3;8;930106;"PRIJEM";"VKLAD";50.00;50.00;"";;"#,
];

/// A ledger whose third line is this, between two good ones.
fn with_third_line(line: &str) -> String {
    format!("{HEADINGS}\n{}\n{line}\n{}\n", GOOD[0], GOOD[2])
}

#[track_caller]
fn refused(line: &str, what: &str) {
    let desk = Desk::new(with_third_line(line));
    let output = desk.run(&["--json"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let expected = format!("error: {}:3: {what}; 1 row before it is recorded", desk.ledger().display());
    let last = stderr(&output).lines().last().unwrap();
    assert_eq!(last, expected);
    assert_eq!(stderr(&output).matches("error").count(), 1, "one line, not two");

    desk.write(with_third_line(GOOD[1]));
    let report = desk.report();
    assert_eq!((&report["duplicates"], &report["events"]), (&1.into(), &5.into()), "after mending");
    assert_eq!((&report["mismatches"], &report["final_balance_total"]), (&0.into(), &"850.00".into()));
}

#[test]
fn a_row_with_nine_columns_is_refused() {
    refused(r#"2;7;930105;"VYDAJ";"VYBER";200.00;800.00;"";"#, "9 columns where 10 belong");
}

#[test]
fn a_letter_in_an_amount_is_refused() {
    let line = r#"2;7;930105;"VYDAJ";"VYBER";2o0.00;800.00;"";;"#;
    refused(line, r#"amount "2o0.00" is not a number with two decimals"#);
}

#[test]
fn an_impossible_date_is_refused() {
    refused(r#"2;7;930230;"VYDAJ";"VYBER";200.00;800.00;"";;"#, r#"date "930230" is not in the calendar"#);
}

#[test]
fn a_line_without_end_is_refused() {
    refused(&"9".repeat(10_000), "the line is longer than 4096 bytes");
}

#[test]
fn a_missing_file_is_refused_before_a_store_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (folder.path().join("nowhere.asc"), folder.path().join("bank.db"));
    let mut run = bank(["--json", "--store", &format!("sqlite:{}", store.display()), "--ledger"]);
    let output = run.arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let start = format!("error: {}: cannot be opened: ", file.display());
    assert!(stderr(&output).starts_with(&start) && stderr(&output).lines().count() == 1, "{}", stderr(&output));
    assert!(!store.exists());
}

#[test]
fn an_account_that_does_not_exist_has_no_statement() {
    let output = Desk::new(format!("{}\n", GOOD[0])).run(&["--statement", "9"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).ends_with("error: account 9 is not in the store\n"), "{}", stderr(&output));
}

#[test]
fn a_store_that_cannot_be_opened_is_exit_code_1() {
    let desk = Desk::new(GOOD.join("\n"));
    let store = format!("sqlite:{}", desk.ledger().display());
    let output = bank(["--store", &store, "--ledger"]).arg(desk.ledger()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("ledger.asc"), "{}", stderr(&output));
}

#[test]
fn wrong_usage_is_exit_code_2_and_names_what_would_be_right() {
    let desk = Desk::new(GOOD.join("\n"));
    let output = bank(["--store", "mysql://localhost/bank", "--ledger"]).arg(desk.ledger()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`sqlite:FILE`, `postgres:"), "{}", stderr(&output));
    for usage in [&["--json"][..], &["--statement", "7"], &["--ledger"], &["--as-of", "1993-02-30"], &["ledger.asc"]] {
        assert_eq!(bank(usage).output().unwrap().status.code(), Some(2), "{usage:?}");
    }
}

#[test]
fn a_store_is_named_by_its_kind() {
    assert_eq!("sqlite:a:b.db".parse(), Ok(StoreUrl::Sqlite("a:b.db".into())));
    assert_eq!("memory:".parse(), Ok(StoreUrl::Memory));
    let postgres: StoreUrl = "postgres://teller:secret@localhost/bank".parse().unwrap();
    assert_eq!(format!("{postgres:?}"), "Postgres(Address)", "a password is not printed");
    for wrong in ["", "sqlite", "sqlite:", "memory", "memory:x", "bank.db", "mysql://localhost"] {
        assert!(wrong.parse::<StoreUrl>().is_err(), "{wrong}");
    }
}

#[test]
fn each_field_that_is_wrong_is_named_with_what_it_says() {
    let good = ["1", "7", "930104", "PRIJEM", "VKLAD", "5.00", "-5.5", "", "", ""];
    assert!(parse(&good.join(";")).unwrap().is_some());
    for (column, value, complaint) in [
        (0, "", r#"trans_id "" is not a whole number of 64 bits"#),
        (0, "99999999999999999999", r#"trans_id "99999999999999999999" is not a whole number of 64 bits"#),
        (1, "+7", r#"account_id "+7" is not a whole number of 64 bits"#),
        (2, "93010", r#"date "93010" is not six digits YYMMDD"#),
        (2, "1993-1", r#"date "1993-1" is not six digits YYMMDD"#),
        (2, "931301", r#"date "931301" is not in the calendar"#),
        (3, "prijem", r#"type "prijem" is none of PRIJEM, VYDAJ, VYBER"#),
        (5, "5,00", r#"amount "5,00" is not a number with two decimals"#),
        (5, "5.000", r#"amount "5.000" is not a number with two decimals"#),
        (5, "-5.00", r#"amount "-5.00" is negative"#),
        (5, "1234567890123.00", r#"amount "1234567890123.00" has more than 12 digits before the point"#),
        (6, "", r#"balance "" is not a number with two decimals"#),
        (6, "--5.00", r#"balance "--5.00" is not a number with two decimals"#),
        (4, "\"VKLAD", "the quote of column 5 is not closed"),
        (4, "\"VKLAD\"x", "column 5 goes on after its closing quote"),
        (9, "1;2", "11 columns where 10 belong"),
    ] {
        let mut fields = good;
        fields[column] = value;
        assert_eq!(parse(&fields.join(";")).unwrap_err(), complaint);
    }
}

#[test]
fn a_quoted_field_may_hold_separators_and_quotes() {
    let row = parse(r#"1;7;930104;"PRIJEM";"a;""b""";5.00;5.00;"";"";"#).unwrap().unwrap();
    assert_eq!(row.text, r#"a;"b""#);
}
