//! Scans of views: rows in the order of a column, page by page.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::contract::view::{Scan, ViewStore};
use crate::words::column::{Column, ColumnValue, Row};
use crate::words::column_type::ColumnType;
use crate::words::view_table::ViewTable;

use super::dice::Dice;
use super::fixture::Fixture;
use super::rule::{Broken, Checked};
use super::view_tables::{is_invalid, write};

rules![
    a_scan_is_in_order_of_its_column_and_of_the_key_among_equals,
    a_scan_between_bounds_leaves_out_what_holds_nothing,
    a_scan_behind_a_row_begins_at_the_next_even_if_the_row_is_gone,
    text_is_in_the_order_of_its_bytes,
    a_scan_that_does_not_fit_the_table_is_refused,
    random_scans_are_answered_as_by_the_model,
];

const TABLE: ViewTable = ViewTable::new(
    "things",
    1,
    &[
        Column::of::<Option<i64>>("number").indexed(),
        Column::of::<String>("id"),
        Column::of::<Option<String>>("name").indexed(),
        Column::of::<bool>("open").indexed(),
        Column::of::<Option<f64>>("rate").indexed(),
        Column::of::<Uuid>("tag").indexed(),
        Column::of::<Option<DateTime<Utc>>>("since").indexed(),
        Column::of::<i64>("loose"),
        Column::json("extra"),
    ],
    1,
);
const KEY: usize = TABLE.key;
const SCANNED: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

/// Values of few kinds, so that many rows hold the same.
fn random_row(id: usize, dice: &mut Dice) -> Row {
    let nothing = |dice: &mut Dice, value: ColumnValue| if dice.roll(4) == 0 { ColumnValue::Null } else { value };
    let number = dice.pick(&[i64::MIN, -5, -1, 0, 3, i64::MAX]).into_column();
    let name = dice.pick(&["", "A", "Zoë", "a", "a ", "aa", "ä", "🚲", "%", "_"]).to_owned().into_column();
    let rate = dice.pick(&[f64::NEG_INFINITY, -1.5, 0.0, 1e-300, 2.0, f64::INFINITY]).into_column();
    let since = (DateTime::UNIX_EPOCH + TimeDelta::microseconds(dice.roll(5) as i64 - 2)).into_column();
    vec![
        nothing(dice, number),
        format!("{}{id}", dice.pick(&["a", "B", "ö", ""])).into_column(),
        nothing(dice, name),
        (dice.roll(2) == 0).into_column(),
        nothing(dice, rate),
        Uuid::from_u128(u128::from(dice.roll(3)) << (8 * dice.roll(16))).into_column(),
        nothing(dice, since),
        (id as i64).into_column(),
        ColumnValue::Null,
    ]
}

fn random_rows(count: usize) -> Vec<Row> {
    let mut dice = Dice(5);
    (0..count).map(|id| random_row(id, &mut dice)).collect()
}

/// What the rows are in the words of the contract.
fn model(rows: &[Row], scan: &Scan) -> Vec<Row> {
    let place = |row: &Row| (row[scan.column].clone(), row[KEY].clone());
    let mut rows: Vec<Row> = rows.to_vec();
    rows.sort_by_key(place);
    rows.retain(|row| {
        let value = &row[scan.column];
        let bounded = scan.from.is_some() || scan.to.is_some();
        !(bounded && *value == ColumnValue::Null)
            && scan.from.as_ref().is_none_or(|from| value >= from)
            && scan.to.as_ref().is_none_or(|to| value <= to)
    });
    if scan.descending {
        rows.reverse();
    }
    if let Some(after) = &scan.after {
        rows.retain(|row| if scan.descending { place(row) < *after } else { place(row) > *after });
    }
    rows.truncate(scan.limit);
    rows
}

/// A table of these rows.
async fn table_of(store: &dyn ViewStore, rows: &[Row]) -> Checked {
    store.create_view(&TABLE).await?;
    write(store, &TABLE, rows.to_vec(), 1).await
}

async fn a_scan_is_in_order_of_its_column_and_of_the_key_among_equals(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    let rows = random_rows(200);
    table_of(store, &rows).await?;
    for column in SCANNED {
        for descending in [false, true] {
            let scan = Scan { descending, limit: 10_000, ..Scan::by(column) };
            ensure_eq!(store.scan_rows(&TABLE, &scan).await?, model(&rows, &scan), "{scan:?}");
        }
    }
    Ok(())
}

async fn a_scan_between_bounds_leaves_out_what_holds_nothing(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    let rows = random_rows(100);
    table_of(store, &rows).await?;
    for column in SCANNED {
        let bound = rows.iter().map(|row| &row[column]).find(|value| **value != ColumnValue::Null).cloned();
        for descending in [false, true] {
            let scan = Scan { descending, limit: 10_000, ..Scan::by(column) };
            for (from, to) in [(bound.clone(), None), (None, bound.clone()), (bound.clone(), bound.clone())] {
                let scan = Scan { from, to, ..scan.clone() };
                ensure_eq!(store.scan_rows(&TABLE, &scan).await?, model(&rows, &scan), "{scan:?}");
            }
        }
    }
    Ok(())
}

async fn a_scan_behind_a_row_begins_at_the_next_even_if_the_row_is_gone(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    let rows = random_rows(60);
    // Only every second row is there, so half of the places are those of rows that are gone.
    let there: Vec<Row> = rows.iter().step_by(2).cloned().collect();
    table_of(store, &there).await?;
    for column in SCANNED {
        for descending in [false, true] {
            for row in &rows {
                let after = Some((row[column].clone(), row[KEY].clone()));
                let scan = Scan { descending, after, limit: 7, ..Scan::by(column) };
                ensure_eq!(store.scan_rows(&TABLE, &scan).await?, model(&there, &scan), "{scan:?}");
            }
        }
    }
    Ok(())
}

// A server's language must not decide which page a row is on.
async fn text_is_in_the_order_of_its_bytes(fixture: &Fixture) -> Checked {
    const TEXTS: ViewTable = ViewTable::new("texts", 1, &[Column::of::<String>("text")], 0);
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&TEXTS).await?;
    let texts = [
        "", " ", "!", "-a", "10", "9", "A", "B", "Z", "_", "a", "a b", "a-b", "ab", "b", "z", "Ä", "ä", "é", "文", "🚲",
    ];
    let rows: Vec<Row> = texts.iter().map(|text| vec![(*text).to_owned().into_column()]).collect();
    write(store, &TEXTS, rows.iter().rev().cloned().collect(), 1).await?;
    ensure_eq!(store.scan_rows(&TEXTS, &Scan::by(0)).await?, rows, "texts in order");
    Ok(())
}

async fn a_scan_that_does_not_fit_the_table_is_refused(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    table_of(store, &random_rows(3)).await?;
    let (number, text) = (ColumnValue::Int(1), ColumnValue::Text("a".to_owned()));
    let misfits = [
        ("of a column without an index", Scan::by(7)),
        ("of JSON", Scan::by(8)),
        ("of a column that there is not", Scan::by(9)),
        ("of no row", Scan { limit: 0, ..Scan::by(0) }),
        ("of 10,001 rows", Scan { limit: 10_001, ..Scan::by(0) }),
        ("from a value of another kind", Scan { from: Some(text.clone()), ..Scan::by(0) }),
        ("to a value of another kind", Scan { to: Some(number.clone()), ..Scan::by(1) }),
        ("from nothing", Scan { from: Some(ColumnValue::Null), ..Scan::by(0) }),
        ("behind a value of another kind", Scan { after: Some((text.clone(), text)), ..Scan::by(0) }),
        ("behind a key of another kind", Scan { after: Some((number.clone(), number)), ..Scan::by(0) }),
    ];
    for (what, scan) in misfits {
        is_invalid(store.scan_rows(&TABLE, &scan).await, &format!("a scan {what}"))?;
    }
    Ok(())
}

async fn random_scans_are_answered_as_by_the_model(fixture: &Fixture) -> Checked {
    const SCANS: usize = 120;
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    let rows = random_rows(150);
    table_of(store, &rows).await?;
    let mut dice = Dice(17);
    for number in 0..SCANS {
        let column = dice.pick(&SCANNED);
        let mut value = |of: u64| {
            let row = &rows[dice.roll(rows.len() as u64) as usize];
            (dice.roll(of) == 0).then(|| (row[column].clone(), row[KEY].clone()))
        };
        let bound = |place: Option<(ColumnValue, ColumnValue)>| {
            place.map(|(value, _)| value).filter(|value| *value != ColumnValue::Null)
        };
        let (from, to, after) = (bound(value(3)), bound(value(3)), value(3));
        let descending = dice.roll(2) == 0;
        let limit = dice.pick(&[1, 2, 10, 1000]);
        let scan = Scan { column, from, to, after, descending, limit };
        let place = |Broken(reason)| Broken(format!("scan {number}: {reason}"));
        check_scan(store, &rows, &scan).await.map_err(place)?;
    }
    Ok(())
}

/// The page, and the pages behind it to the end.
async fn check_scan(store: &dyn ViewStore, rows: &[Row], scan: &Scan) -> Checked {
    let whole = model(rows, &Scan { limit: usize::MAX, ..scan.clone() });
    let mut scan = scan.clone();
    let mut read = Vec::new();
    loop {
        let page = store.scan_rows(&TABLE, &scan).await?;
        ensure_eq!(page, model(rows, &scan), "{scan:?}");
        scan.after = page.last().map(|row| (row[scan.column].clone(), row[KEY].clone()));
        let at_end = page.len() < scan.limit;
        read.extend(page);
        // Pages of one row are many.
        if at_end || read.len() > 12 {
            break;
        }
    }
    ensure!(whole.starts_with(&read), "pages of {scan:?} are not the whole");
    Ok(())
}
