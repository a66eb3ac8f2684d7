//! Tables of views: made, served, listed and dropped, each for its version and its shape.

use crate::contract::checkpoint::Checkpoint;
use crate::contract::read::Cursor;
use crate::contract::view::{HeldView, Scan, ViewStore};
use crate::words::column::{Column, ColumnValue, Row};
use crate::words::column_type::ColumnType;
use crate::words::error::StoreError;
use crate::words::stream::Position;
use crate::words::view_table::{RowChanges, ViewTable};

use uuid::Uuid;

use super::fixture::Fixture;
use super::rule::{Broken, Checked};

rules![
    a_view_that_is_not_held_is_neither_read_nor_written_nor_served,
    a_view_that_is_made_again_keeps_its_rows,
    a_key_that_may_hold_nothing_is_refused,
    versions_and_shapes_of_a_view_are_tables_of_their_own,
    of_the_tables_of_a_view_one_is_served,
    views_are_held_in_order_of_version_and_making,
    a_dropped_view_is_gone_with_its_checkpoint,
    a_view_that_is_served_is_not_dropped,
    ten_tasks_that_make_one_view_make_it_once,
    a_view_that_comes_and_goes_is_there_or_not_held,
    a_closed_store_refuses_views,
];

const ID: Column = Column::of::<i64>("id");
const NAME: Column = Column::of::<Option<String>>("name");

/// Tables of one name: two versions, and two shapes of the first.
const THINGS: ViewTable = ViewTable::new("things", 1, &[ID, NAME], 0);
const THINGS_V2: ViewTable = ViewTable::new("things", 2, &[ID, NAME], 0);
const THINGS_BY_NAME: ViewTable = ViewTable::new("things", 1, &[ID, NAME.indexed()], 0);
/// One whose name begins with the other's.
const THINGS_TOO: ViewTable = ViewTable::new("things_v1", 1, &[ID, NAME], 0);

pub(super) fn at(store: &dyn ViewStore, position: u64) -> Checkpoint {
    let cursor = Cursor::new(Position(position), Uuid::from_u128(u128::from(position)));
    Checkpoint::new(cursor, store.identity())
}

pub(super) fn row(id: i64, name: &str) -> Row {
    vec![id.into_column(), name.to_owned().into_column()]
}

/// Writes rows and saves the position.
pub(super) async fn write(store: &dyn ViewStore, table: &ViewTable, rows: Vec<Row>, position: u64) -> Checked {
    Ok(store.write_rows(table, &RowChanges::new(rows, Vec::new()), at(store, position)).await?)
}

/// Every row, in order of key.
pub(super) async fn all(store: &dyn ViewStore, table: &ViewTable) -> Checked<Vec<Row>> {
    let mut scan = Scan::by(table.key);
    scan.limit = 10_000;
    Ok(store.scan_rows(table, &scan).await?)
}

pub(super) fn is_invalid<T>(result: Result<T, StoreError>, what: &str) -> Checked {
    match result {
        Ok(_) => Err(Broken(format!("{what} was not refused"))),
        Err(error) if error.is_invalid() => Ok(()),
        Err(error) => Err(Broken(format!("{what} was refused, but not as invalid: {error}"))),
    }
}

async fn a_view_that_is_not_held_is_neither_read_nor_written_nor_served(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS_V2).await?;
    is_invalid(store.rows(&THINGS, &[ColumnValue::Int(1)]).await, "a look into a table that is not held")?;
    is_invalid(store.scan_rows(&THINGS, &Scan::by(0)).await, "a scan of a table that is not held")?;
    let changes = RowChanges::new(vec![row(1, "one")], Vec::new());
    is_invalid(store.write_rows(&THINGS, &changes, at(store, 1)).await, "a write into a table that is not held")?;
    let saved = store.load_checkpoint(&THINGS.checkpoint_key()).await?;
    ensure_eq!(saved, None, "the checkpoint of a table that is not held");
    is_invalid(store.serve_view(&THINGS).await, "serving a table that is not held")?;
    ensure_eq!(store.held_views("other").await?, [], "tables of a view that there is not");
    Ok(())
}

async fn a_view_that_is_made_again_keeps_its_rows(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    ensure_eq!(all(store, &THINGS).await?, Vec::<Row>::new(), "rows of a new table");
    write(store, &THINGS, vec![row(1, "one")], 1).await?;
    store.serve_view(&THINGS).await?;
    store.create_view(&THINGS).await?;
    ensure_eq!(all(store, &THINGS).await?, [row(1, "one")], "rows of a table that was made again");
    ensure!(store.held_views("things").await?[0].serving, "a table that was made again is not served any more");
    Ok(())
}

async fn a_key_that_may_hold_nothing_is_refused(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    const NAMELESS: ViewTable = ViewTable::new("nameless", 1, &[ID, NAME], 1);
    const RATES: ViewTable = ViewTable::new("rates", 1, &[Column::of::<f64>("rate")], 0);
    for table in [NAMELESS, RATES] {
        is_invalid(store.create_view(&table).await, "a key that is no key")?;
        ensure_eq!(store.held_views(table.name).await?, [], "tables of a view that was refused");
    }
    Ok(())
}

async fn versions_and_shapes_of_a_view_are_tables_of_their_own(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    let tables = [THINGS, THINGS_V2, THINGS_BY_NAME, THINGS_TOO];
    for (number, table) in (1..).zip(&tables) {
        store.create_view(table).await?;
        ensure_eq!(all(store, table).await?, Vec::<Row>::new(), "rows of the new table {}", table.table_name());
        write(store, table, vec![row(number, table.name)], number as u64).await?;
    }
    for (number, table) in (1..).zip(&tables) {
        ensure_eq!(all(store, table).await?, [row(number, table.name)], "rows of {}", table.table_name());
        let saved = store.load_checkpoint(&table.checkpoint_key()).await?;
        ensure_eq!(saved, Some(at(store, number as u64)), "the checkpoint of {}", table.table_name());
    }
    Ok(())
}

async fn of_the_tables_of_a_view_one_is_served(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    let served = async |name: &str| -> Checked<Vec<HeldView>> {
        Ok(store.held_views(name).await?.into_iter().filter(|held| held.serving).collect())
    };
    store.create_view(&THINGS).await?;
    ensure_eq!(served("things").await?, [], "tables that nobody has asked to serve");
    store.create_view(&THINGS_TOO).await?;
    store.serve_view(&THINGS_TOO).await?;
    store.serve_view(&THINGS).await?;
    store.create_view(&THINGS_V2).await?;
    store.create_view(&THINGS_BY_NAME).await?;
    // Forward, to the same again, to another shape, and back.
    for table in [THINGS, THINGS_V2, THINGS_V2, THINGS_BY_NAME, THINGS] {
        store.serve_view(&table).await?;
        let now = served("things").await?;
        ensure!(now.len() == 1 && now[0].is(&table), "served instead of {}: {now:?}", table.table_name());
    }
    ensure_eq!(served("things_v1").await?.len(), 1, "served tables of another view");
    Ok(())
}

async fn views_are_held_in_order_of_version_and_making(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    for table in [THINGS_V2, THINGS_BY_NAME, THINGS_TOO, THINGS] {
        store.create_view(&table).await?;
    }
    let held = |table: &ViewTable| HeldView::new(table.name, table.version, table.fingerprint(), false);
    let expected = [held(&THINGS_BY_NAME), held(&THINGS), held(&THINGS_V2)];
    ensure_eq!(store.held_views("things").await?, expected, "the tables of a view");
    // One that is there is not made by being made again, as one is that was dropped.
    store.drop_view(&expected[0]).await?;
    for table in [THINGS, THINGS_BY_NAME, THINGS_V2] {
        store.create_view(&table).await?;
    }
    let expected = [held(&THINGS), held(&THINGS_BY_NAME), held(&THINGS_V2)];
    ensure_eq!(store.held_views("things").await?, expected, "the tables of a view, one of them made again");
    Ok(())
}

async fn a_dropped_view_is_gone_with_its_checkpoint(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    for table in [THINGS, THINGS_V2] {
        store.create_view(&table).await?;
        write(store, &table, vec![row(1, "one")], 5).await?;
    }
    let held = store.held_views("things").await?;
    let [first, second] = &held[..] else {
        return Err(Broken("two tables were made, and others are held".to_owned()));
    };
    store.drop_view(first).await?;
    ensure_eq!(store.held_views("things").await?, std::slice::from_ref(second), "tables that are left");
    ensure_eq!(store.load_checkpoint(&THINGS.checkpoint_key()).await?, None, "the checkpoint of a dropped table");
    is_invalid(store.scan_rows(&THINGS, &Scan::by(0)).await, "a scan of a dropped table")?;
    ensure_eq!(all(store, &THINGS_V2).await?, [row(1, "one")], "rows of the other table");
    let other = store.load_checkpoint(&THINGS_V2.checkpoint_key()).await?;
    ensure_eq!(other, Some(at(store, 5)), "the checkpoint of the other table");
    // Nothing is left to drop, and it may be made again.
    store.drop_view(first).await?;
    store.create_view(&THINGS).await?;
    ensure_eq!(all(store, &THINGS).await?, Vec::<Row>::new(), "rows of a table that was dropped and made again");
    Ok(())
}

async fn a_view_that_is_served_is_not_dropped(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    write(store, &THINGS, vec![row(1, "one")], 1).await?;
    store.serve_view(&THINGS).await?;
    for held in store.held_views("things").await? {
        is_invalid(store.drop_view(&held).await, "dropping the table that is served")?;
    }
    ensure_eq!(all(store, &THINGS).await?, [row(1, "one")], "rows of the served table");
    store.create_view(&THINGS_V2).await?;
    store.serve_view(&THINGS_V2).await?;
    store.drop_view(&HeldView::new("things", 1, THINGS.fingerprint(), true)).await?;
    ensure_eq!(store.held_views("things").await?.len(), 1, "tables after the older one was dropped");
    Ok(())
}

// Every process of a deploy makes its tables when it starts.
async fn ten_tasks_that_make_one_view_make_it_once(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let tasks = (0..10).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.create_view(&THINGS).await })
    });
    for made in futures::future::join_all(tasks).await {
        made.map_err(|panic| Broken(format!("making a view panicked: {panic}")))??;
    }
    ensure_eq!(store.held_views("things").await?.len(), 1, "tables of a view that was made ten times");
    Ok(())
}

// Readers come while a table is made, and stay while it is dropped.
async fn a_view_that_comes_and_goes_is_there_or_not_held(fixture: &Fixture) -> Checked {
    let Some(store) = &fixture.views else { return Ok(()) };
    let maker = store.clone();
    let making = tokio::spawn(async move {
        let dropped = HeldView::new(THINGS.name, THINGS.version, THINGS.fingerprint(), false);
        for _ in 0..100 {
            maker.create_view(&THINGS).await?;
            let changes = RowChanges::new(vec![row(1, "one")], Vec::new());
            maker.write_rows(&THINGS, &changes, at(&*maker, 1)).await?;
            maker.drop_view(&dropped).await?;
        }
        Ok::<_, StoreError>(())
    });
    let allowed = |rows: Result<Vec<Row>, StoreError>, what: &str| match rows {
        Ok(rows) => {
            ensure!(rows.is_empty() || rows == [row(1, "one")], "{what} found {rows:?}");
            Ok(())
        }
        Err(error) if error.is_invalid() => Ok(()),
        Err(error) => Err(Broken(format!("{what} failed, but not because the table is not held: {error}"))),
    };
    while !making.is_finished() {
        // A store that answers at once never lets the other task run.
        tokio::task::yield_now().await;
        allowed(store.scan_rows(&THINGS, &Scan::by(0)).await, "a scan of a table that comes and goes")?;
        allowed(store.rows(&THINGS, &[ColumnValue::Int(1)]).await, "a look into a table that comes and goes")?;
    }
    making.await.map_err(|panic| Broken(format!("making and dropping a view panicked: {panic}")))??;
    is_invalid(store.rows(&THINGS, &[ColumnValue::Int(1)]).await, "a look into a table that has gone")
}

async fn a_closed_store_refuses_views(fixture: &Fixture) -> Checked {
    let Some(store) = fixture.views.as_deref() else { return Ok(()) };
    store.create_view(&THINGS).await?;
    store.close().await?;
    let refused = [
        ("a scan", store.scan_rows(&THINGS, &Scan::by(0)).await.err()),
        ("a look", store.rows(&THINGS, &[ColumnValue::Int(1)]).await.err()),
        (
            "a write",
            store.write_rows(&THINGS, &RowChanges::new(vec![row(1, "")], Vec::new()), at(store, 1)).await.err(),
        ),
        ("making a table", store.create_view(&THINGS_V2).await.err()),
    ];
    for (what, error) in refused {
        ensure!(
            error.as_ref().is_some_and(StoreError::is_closed),
            "{what} in a closed store was answered with {error:?}"
        );
    }
    Ok(())
}
