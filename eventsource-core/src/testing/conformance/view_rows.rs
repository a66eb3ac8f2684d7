//! Rows of views: they come back as they were, and are written together with their checkpoint or not at all.

use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use uuid::Uuid;

use crate::contract::checkpoint::{Checkpoint, Claim};
use crate::contract::view::ViewStore;
use crate::words::column::{Column, ColumnKind, ColumnValue, Row};
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::view_table::{RowChanges, ViewTable};

use super::fixture::Fixture;
use super::rule::{Broken, Checked};
use super::view_tables::{all, at, is_invalid, row, write};

rules![
    a_row_comes_back_as_it_was_written,
    nothing_comes_back_as_nothing,
    keys_of_every_kind_are_found,
    a_row_that_is_written_again_is_replaced,
    a_row_that_is_deleted_is_gone,
    keys_without_a_row_are_left_out,
    a_batch_of_65_536_rows_is_written_and_found,
    rows_and_checkpoint_are_written_together,
    rows_that_do_not_fit_change_nothing,
    an_owner_that_was_taken_over_changes_no_row,
    a_write_that_came_too_late_changes_no_row,
    a_write_without_changes_saves_its_checkpoint,
];

const THINGS: ViewTable =
    ViewTable::new("things", 1, &[Column::of::<i64>("id"), Column::of::<Option<String>>("name")], 0);

/// The type is one of a library that need not be there.
const DECIMAL: Column = Column { kind: ColumnKind::Decimal, ..Column::of::<Option<i64>>("decimal") };

/// One column of every kind, each of which may hold nothing, called by words that SQL knows.
const KINDS: ViewTable = ViewTable::new(
    "kinds",
    1,
    &[
        Column::of::<i64>("order"),
        Column::of::<Option<bool>>("select"),
        Column::of::<Option<i64>>("from"),
        Column::of::<Option<f64>>("Größe"),
        Column::of::<Option<String>>("text"),
        Column::of::<Option<Uuid>>("uuid"),
        Column::of::<Option<DateTime<Utc>>>("time"),
        DECIMAL,
        Column::json("json"),
    ],
    0,
);

fn time(year: i32, micros: u32) -> ColumnValue {
    let day = Utc.with_ymd_and_hms(year, 12, 31, 23, 59, 59).single().unwrap_or_default();
    (day + chrono::TimeDelta::microseconds(i64::from(micros))).into_column()
}

fn decimal(digits: &str) -> ColumnValue {
    ColumnValue::Decimal(digits.to_owned())
}

fn text(text: &str) -> ColumnValue {
    text.to_owned().into_column()
}

fn json(json: &str) -> ColumnValue {
    ColumnValue::Json(json.to_owned())
}

/// Values of each column but the key, the extreme ones among them.
fn values() -> [Vec<ColumnValue>; 8] {
    [
        vec![true.into_column(), false.into_column()],
        [i64::MIN, -1, 0, 1, (1 << 53) + 1, i64::MAX].map(ColumnType::into_column).into(),
        [f64::MIN, -0.1, 0.0, 3.0, 0.1 + 0.2, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]
            .map(ColumnType::into_column)
            .into(),
        vec![
            text(""),
            text("NULL"),
            text("O'Brien; --"),
            text("Zoë 🚲 \u{10ffff}\r\n\t"),
            text(&"long ".repeat(10_000)),
        ],
        vec![Uuid::nil().into_column(), Uuid::max().into_column(), Uuid::from_u128(1 << 100).into_column()],
        vec![time(1, 0), time(1969, 1), time(2000, 999_999), time(2038, 100), time(9998, 123_456)],
        vec![
            decimal("0"),
            decimal("1.50"),
            decimal("-0.0000000000000000000000000001"),
            decimal("79228162514264337593543950335"),
        ],
        vec![
            json("{}"),
            json(r#"{"a":[1,"zwei",null],"b":{"c":1.5}}"#),
            json("\"text\""),
            json("true"),
            json("9007199254740993"),
        ],
    ]
}

/// A row for each value, in which every other column holds nothing.
fn extremes() -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, values) in (1..).zip(values()) {
        for value in values {
            let mut row = vec![ColumnValue::Null; KINDS.columns.len()];
            row[at] = value;
            row[0] = ColumnValue::Int(rows.len() as i64);
            rows.push(row);
        }
    }
    rows
}

/// JSON may be kept in other words; everything else may not.
fn same(is: &ColumnValue, should: &ColumnValue) -> bool {
    match (is, should) {
        (ColumnValue::Json(is), ColumnValue::Json(should)) => {
            serde_json::from_str::<serde_json::Value>(is).ok() == serde_json::from_str(should).ok()
        }
        _ => is == should,
    }
}

async fn a_row_comes_back_as_it_was_written(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&KINDS).await?;
    let rows = extremes();
    write(store, &KINDS, rows.clone(), 1).await?;
    let keys: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
    let mut found = store.rows(&KINDS, &keys).await?;
    found.sort_by(|a, b| a[0].cmp(&b[0]));
    for (way, found) in [("looked up", found), ("scanned", all(store, &KINDS).await?)] {
        ensure_eq!(found.len(), rows.len(), "rows {way}");
        for (is, should) in found.iter().zip(&rows) {
            let differs = is.len() != should.len() || !is.iter().zip(should).all(|(is, should)| same(is, should));
            ensure!(!differs, "a row {way}: {is:?}, not {should:?}");
        }
    }
    Ok(())
}

async fn nothing_comes_back_as_nothing(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&KINDS).await?;
    let mut nothing = vec![ColumnValue::Null; KINDS.columns.len()];
    nothing[0] = ColumnValue::Int(1);
    // Something before and after, so that no column's kind is guessed from its neighbours.
    let full = |key| -> Row {
        let first = values().into_iter().filter_map(|values| values.into_iter().next());
        std::iter::once(ColumnValue::Int(key)).chain(first).collect()
    };
    write(store, &KINDS, vec![full(0), nothing.clone(), full(2)], 1).await?;
    ensure_eq!(all(store, &KINDS).await?[1], nothing, "a row of nothing but a key");
    write(store, &KINDS, vec![full(1)], 2).await?;
    ensure_eq!(all(store, &KINDS).await?[1], full(1), "a row that was nothing before");
    write(store, &KINDS, vec![nothing.clone()], 3).await?;
    ensure_eq!(all(store, &KINDS).await?[1], nothing, "a row that is nothing again");
    Ok(())
}

async fn keys_of_every_kind_are_found(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    const BOOLS: ViewTable = ViewTable::new("bools", 1, &[Column::of::<bool>("key")], 0);
    const INTS: ViewTable = ViewTable::new("ints", 1, &[Column::of::<i64>("key")], 0);
    const TEXTS: ViewTable = ViewTable::new("texts", 1, &[Column::of::<String>("key")], 0);
    const UUIDS: ViewTable = ViewTable::new("uuids", 1, &[Column::of::<Uuid>("key")], 0);
    const TIMES: ViewTable = ViewTable::new("times", 1, &[Column::of::<DateTime<Utc>>("key")], 0);
    let [bools, ints, _, texts, uuids, times, ..] = values();
    let texts = texts.into_iter().filter(|text| *text != ColumnValue::Text("long ".repeat(10_000)));
    // Text that is the same for those who fold case, cut spaces or compose accents.
    let alike = ["a", "A", "a ", " a", "\u{e4}", "a\u{308}", "1", "01"].map(text);
    let cases = [(BOOLS, bools), (INTS, ints), (TEXTS, texts.chain(alike).collect()), (UUIDS, uuids), (TIMES, times)];
    for (table, keys) in cases {
        store.create_view(&table).await?;
        write(store, &table, keys.iter().map(|key| vec![key.clone()]).collect(), 1).await?;
        for key in &keys {
            let found = store.rows(&table, std::slice::from_ref(key)).await?;
            ensure_eq!(found, [vec![key.clone()]], "the row of the key {key:?}");
        }
        let mut found = store.rows(&table, &keys).await?;
        found.sort();
        let mut expected: Vec<Row> = keys.into_iter().map(|key| vec![key]).collect();
        expected.sort();
        ensure_eq!(found, expected, "all rows of {table}");
        ensure_eq!(all(store, &table).await?, expected, "all rows of {table} in order");
    }
    Ok(())
}

async fn a_row_that_is_written_again_is_replaced(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    write(store, &THINGS, vec![row(1, "one"), row(2, "two")], 1).await?;
    write(store, &THINGS, vec![row(2, "zwei"), row(3, "three")], 2).await?;
    let expected = [row(1, "one"), row(2, "zwei"), row(3, "three")];
    ensure_eq!(all(store, &THINGS).await?, expected, "rows after the second write");
    Ok(())
}

async fn a_row_that_is_deleted_is_gone(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    write(store, &THINGS, vec![row(1, "one"), row(2, "two")], 1).await?;
    // With a write beside it, and a key that was never there.
    let changes = RowChanges::new(vec![row(3, "three")], vec![1_i64.into_column(), 9_i64.into_column()]);
    store.write_rows(&THINGS, &changes, at(store, 2)).await?;
    ensure_eq!(all(store, &THINGS).await?, [row(2, "two"), row(3, "three")], "rows after one was deleted");
    ensure_eq!(store.rows(&THINGS, &[1_i64.into_column()]).await?, Vec::<Row>::new(), "the row that was deleted");
    write(store, &THINGS, vec![row(1, "again")], 3).await?;
    ensure_eq!(all(store, &THINGS).await?[0], row(1, "again"), "the row that was made again");
    Ok(())
}

async fn keys_without_a_row_are_left_out(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    ensure_eq!(store.rows(&THINGS, &[1_i64.into_column()]).await?, Vec::<Row>::new(), "rows of an empty table");
    write(store, &THINGS, vec![row(1, "one"), row(3, "three")], 1).await?;
    ensure_eq!(store.rows(&THINGS, &[]).await?, Vec::<Row>::new(), "rows of no key");
    let keys = [4_i64, 3, 2].map(ColumnType::into_column);
    ensure_eq!(store.rows(&THINGS, &keys).await?, [row(3, "three")], "rows of keys of which one has a row");
    is_invalid(store.rows(&THINGS, &[text("3")]).await, "a key of another kind")
}

async fn a_batch_of_65_536_rows_is_written_and_found(fixture: &Fixture) -> Checked {
    const MANY: i64 = 65_536;
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    write(store, &THINGS, (0..MANY).map(|id| row(id, "")).collect(), 1).await?;
    write(store, &THINGS, (0..MANY).map(|id| row(id, &id.to_string())).collect(), 2).await?;
    let mut keys: Vec<_> = (0..MANY).map(ColumnType::into_column).collect();
    let mut found = store.rows(&THINGS, &keys).await?;
    found.sort();
    ensure_eq!(found.len(), keys.len(), "rows of 65,536 keys");
    ensure!(found.iter().zip(0..).all(|(found, id)| *found == row(id, &id.to_string())), "rows are not as they were");
    keys.push(MANY.into_column());
    is_invalid(store.rows(&THINGS, &keys).await, "a look for 65,537 keys")?;
    keys.pop();
    store.write_rows(&THINGS, &RowChanges::new(Vec::new(), keys), at(store, 3)).await?;
    ensure_eq!(all(store, &THINGS).await?, Vec::<Row>::new(), "rows after all were deleted");
    Ok(())
}

async fn rows_and_checkpoint_are_written_together(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    let key = THINGS.checkpoint_key();
    ensure_eq!(store.load_checkpoint(&key).await?, None, "the checkpoint of a new table");
    for position in [1, 2, 2, 1 << 40] {
        write(store, &THINGS, vec![row(1, "one")], position).await?;
        ensure_eq!(store.load_checkpoint(&key).await?, Some(at(store, position)), "the checkpoint of a write");
    }
    Ok(())
}

async fn rows_that_do_not_fit_change_nothing(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    write(store, &THINGS, vec![row(1, "one"), row(2, "two")], 1).await?;
    let misfits: [(&str, Row); 4] = [
        ("of too few columns", vec![3_i64.into_column()]),
        ("of another kind", vec![3_i64.into_column(), 3_i64.into_column()]),
        ("without a key", vec![ColumnValue::Null, text("three")]),
        ("whose key is of another kind", vec![text("3"), text("three")]),
    ];
    for (what, misfit) in misfits {
        let changes = RowChanges::new(vec![row(1, "changed"), misfit], vec![2_i64.into_column()]);
        is_invalid(store.write_rows(&THINGS, &changes, at(store, 2)).await, &format!("a row {what}"))?;
        ensure_eq!(all(store, &THINGS).await?, [row(1, "one"), row(2, "two")], "rows after a row {what}");
        let saved = store.load_checkpoint(&THINGS.checkpoint_key()).await?;
        ensure_eq!(saved, Some(at(store, 1)), "the checkpoint after a row {what}");
    }
    Ok(())
}

/// The write must be refused as fenced and leave rows and checkpoint as they are.
async fn fenced(store: &dyn ViewStore, checkpoint: Checkpoint, who: &str) -> Checked {
    let before = (all(store, &THINGS).await?, store.load_checkpoint(&THINGS.checkpoint_key()).await?);
    let changes = RowChanges::new(vec![row(1, "late"), row(9, "late")], vec![2_i64.into_column()]);
    match store.write_rows(&THINGS, &changes, checkpoint).await {
        Ok(()) => return Err(Broken(format!("{who} was not refused"))),
        Err(error) => ensure!(error.is_fenced(), "{who} was refused, but not as fenced: {error}"),
    }
    let after = (all(store, &THINGS).await?, store.load_checkpoint(&THINGS.checkpoint_key()).await?);
    ensure_eq!(after, before, "rows and checkpoint after {who} was refused");
    Ok(())
}

async fn an_owner_that_was_taken_over_changes_no_row(fixture: &Fixture) -> Checked {
    const LONG: Duration = Duration::from_secs(3600);
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    let key = THINGS.checkpoint_key();
    let mut epochs = Vec::new();
    for owner in [1, 2].map(Uuid::from_u128) {
        match store.claim(&key, owner, LONG).await? {
            Claim::Owned(checkpoint) => epochs.push(checkpoint.owner_epoch),
            held => return Err(Broken(format!("a claim that must succeed was answered with {held:?}"))),
        }
        if owner == Uuid::from_u128(1) {
            let first = RowChanges::new(vec![row(1, "one"), row(2, "two")], Vec::new());
            store.write_rows(&THINGS, &first, at(store, 1).owner_epoch(epochs[0])).await?;
            store.release(&key, owner).await?;
        }
    }
    // Before the new owner has written anything, and after.
    fenced(store, at(store, 2).owner_epoch(epochs[0]), "an owner that was taken over").await?;
    fenced(store, at(store, 2), "nobody").await?;
    write_as(store, epochs[1], 2).await?;
    fenced(store, at(store, 3).owner_epoch(epochs[0]), "an owner that was taken over").await
}

async fn write_as(store: &dyn ViewStore, epoch: u64, position: u64) -> Result<(), StoreError> {
    let changes = RowChanges::new(vec![row(2, "zwei")], Vec::new());
    store.write_rows(&THINGS, &changes, at(store, position).owner_epoch(epoch)).await
}

// Its answer was lost, it was given up, and then it lands behind what was done instead.
async fn a_write_that_came_too_late_changes_no_row(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    write(store, &THINGS, vec![row(1, "one"), row(2, "two")], 7).await?;
    fenced(store, at(store, 6), "a write of an earlier position").await?;
    write(store, &THINGS, vec![row(1, "eins")], 8).await
}

async fn a_write_without_changes_saves_its_checkpoint(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    store.write_rows(&THINGS, &RowChanges::default(), at(store, 4)).await?;
    ensure_eq!(store.load_checkpoint(&THINGS.checkpoint_key()).await?, Some(at(store, 4)), "the checkpoint");
    Ok(())
}
