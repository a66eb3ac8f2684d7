//! Tables, rows and checkpoints for the tests of views.

use chrono::{DateTime, Utc};
use eventsource::{
    Checkpoint, Column, ColumnType, ColumnValue, Cursor, EventStore, Position, Row, RowChanges, Scan, StoreError,
    ViewStore, ViewTable,
};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A column of every kind.
pub(crate) const ACCOUNTS: ViewTable = ViewTable::new(
    "accounts",
    1,
    &[
        Column::of::<String>("account"),
        Column::of::<Option<String>>("owner").indexed(),
        Column::of::<i64>("cents").indexed(),
        Column::of::<bool>("open"),
        Column::of::<f64>("rate"),
        Column::of::<Uuid>("tag"),
        Column::of::<DateTime<Utc>>("since"),
        Column::of::<Decimal>("exact"),
        Column::json("extra"),
    ],
    0,
);

/// The same view when its folds meant something else.
pub(crate) const ACCOUNTS_V2: ViewTable = ViewTable::new("accounts", 2, ACCOUNTS.columns, 0);

/// The same view of another shape.
pub(crate) const ACCOUNTS_V3: ViewTable = ViewTable::new(
    "accounts",
    3,
    &[Column::of::<i64>("cents"), Column::of::<String>("account"), Column::of::<Option<String>>("note")],
    1,
);

pub(crate) fn since() -> DateTime<Utc> {
    "2024-02-29T12:00:00.000042Z".parse().unwrap()
}

pub(crate) fn account(id: &str, owner: Option<&str>, cents: i64) -> Row {
    vec![
        id.to_owned().into_column(),
        owner.map(str::to_owned).into_column(),
        cents.into_column(),
        true.into_column(),
        1.5_f64.into_column(),
        Uuid::from_u128(7).into_column(),
        since().into_column(),
        Decimal::new(1250, 2).into_column(),
        ColumnValue::Json(r#"{"a": [1, null]}"#.to_owned()),
    ]
}

pub(crate) fn at(store: &impl EventStore, position: u64) -> Checkpoint {
    Checkpoint::new(Cursor::new(Position(position), Uuid::from_u128(u128::from(position))), store.identity())
}

pub(crate) async fn write(
    store: &impl ViewStore,
    table: &ViewTable,
    rows: Vec<Row>,
    position: u64,
) -> Result<(), StoreError> {
    store.write_rows(table, &RowChanges::new(rows, Vec::new()), at(store, position)).await
}

/// Every row in order of key, and the checkpoint.
pub(crate) async fn state(store: &impl ViewStore, table: &ViewTable) -> (Vec<Row>, Option<Checkpoint>) {
    let mut scan = Scan::by(table.key);
    scan.limit = 10_000;
    let rows = store.scan_rows(table, &scan).await.unwrap();
    (rows, store.load_checkpoint(&table.checkpoint_key()).await.unwrap())
}

/// A value is refused with an error that names table and column, and nothing has changed.
pub(crate) async fn refuses(store: &impl ViewStore, column: usize, value: ColumnValue, why: &str) {
    let before = state(store, &ACCOUNTS).await;
    let mut unfit = account("unfit", None, 1);
    unfit[column] = value;
    let changes = RowChanges::new(vec![account("fit", None, 1), unfit], vec!["kept".to_owned().into_column()]);
    let error = store.write_rows(&ACCOUNTS, &changes, at(store, 1_000)).await.unwrap_err();
    let named = format!("table {}: column {} of the row", ACCOUNTS.table_name(), ACCOUNTS.columns[column].name);
    assert!(error.is_invalid() && error.to_string().contains(&named), "{error}");
    assert!(error.to_string().contains(why), "{error}");
    assert_eq!(state(store, &ACCOUNTS).await, before);
}
