//! Rows are read by key, in pages, and by indexed columns.

use eventsource::memory::MemoryStore;
use eventsource::{
    Checkpoint, ColumnType, ColumnValue, Cursor, EventStore, Fold, Recorded, Row, RowChanges, View, ViewReader,
    ViewStore,
};

use super::domain::{Balance, Opened};

/// Twenty balances: owners of few names and some without one.
async fn balances() -> (MemoryStore, ViewReader<Balance>) {
    let store = MemoryStore::new();
    store.create_view(&Balance::TABLE).await.unwrap();
    let rows = (0..20_i64).map(|number| -> Row {
        let owner = [None, Some("Alice"), Some("Bob")][number as usize % 3];
        vec![
            format!("account-{number:02}").into_column(),
            owner.map(str::to_owned).into_column(),
            (number * 10).into_column(),
            eventsource::now().into_column(),
            ColumnValue::Json(format!("[\"{number}\"]")),
        ]
    });
    let changes = RowChanges::new(rows.collect(), Vec::new());
    let checkpoint = Checkpoint::new(Cursor::START, store.identity());
    store.write_rows(&Balance::TABLE, &changes, checkpoint).await.unwrap();
    (store.clone(), ViewReader::new(store))
}

fn cents(rows: &[Balance]) -> Vec<i64> {
    rows.iter().map(|row| row.cents).collect()
}

#[tokio::test]
async fn a_row_is_found_by_its_key() {
    let (_, balances) = balances().await;
    let row = balances.get("account-04").await.unwrap().unwrap();
    assert_eq!((row.owner.as_deref(), row.cents, &*row.counterparts), (Some("Alice"), 40, &["4".to_owned()][..]));
    assert_eq!(balances.get(&"account-05".to_owned()).await.unwrap().unwrap().cents, 50);
    assert_eq!(balances.get("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn rows_are_listed_in_pages() {
    let (_, balances) = balances().await;
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut page = balances.list().limit(7).page().await.unwrap();
    loop {
        pages += 1;
        found.extend(cents(&page.rows));
        let Some(next) = page.next else { break };
        page = balances.list().limit(7).after(next).page().await.unwrap();
    }
    assert_eq!((found, pages), ((0..20).map(|number| number * 10).collect(), 3));
}

#[tokio::test]
async fn rows_are_found_by_an_indexed_column() {
    let (_, balances) = balances().await;
    let of = |owner: &str| balances.by(Balance::OWNER).equal_to(owner);
    assert_eq!(cents(&of("Alice").page().await.unwrap().rows), [10, 40, 70, 100, 130, 160, 190]);
    let last = of("Bob").descending().limit(2).page().await.unwrap();
    assert_eq!(cents(&last.rows), [170, 140]);
    let next = of("Bob").descending().limit(2).after(last.next.unwrap()).page().await.unwrap();
    assert_eq!(cents(&next.rows), [110, 80]);
    // Who has no owner comes first, and is never between bounds.
    assert_eq!(balances.by(Balance::OWNER).limit(1).page().await.unwrap().rows[0].owner, None);
    assert_eq!(balances.by(Balance::OWNER).at_most("Z").page().await.unwrap().rows.len(), 13);
}

#[tokio::test]
async fn ranges_hold_their_ends() {
    let (_, balances) = balances().await;
    let between = balances.by(Balance::CENTS).at_least(50).at_most(70).page().await.unwrap();
    assert_eq!(cents(&between.rows), [50, 60, 70]);
    assert_eq!(between.next, None);
    let keys = balances.by(Balance::ACCOUNT).at_least("account-18").page().await.unwrap();
    assert_eq!(cents(&keys.rows), [180, 190]);
    let richest = balances.by(Balance::CENTS).descending().limit(1).page().await.unwrap();
    assert_eq!(cents(&richest.rows), [190]);
}

#[tokio::test]
async fn a_page_of_no_row_or_too_many_is_refused() {
    let (_, balances) = balances().await;
    for limit in [0, 10_001] {
        let error = balances.list().limit(limit).page().await.unwrap_err();
        assert_eq!(error.to_string(), format!("view balances v1: a scan gives 1 to 10000 rows, not {limit}"));
    }
}

#[tokio::test]
async fn a_view_that_never_ran_here_says_so() {
    let balances = ViewReader::<Balance>::new(MemoryStore::new());
    let table = Balance::TABLE.table_name();
    let text = format!("view balances v1: this store does not hold its table {table}; run the view first");
    assert_eq!(balances.get("alice").await.unwrap_err().to_string(), text);
    assert_eq!(balances.list().page().await.unwrap_err().to_string(), text);
}

#[tokio::test]
async fn a_column_that_its_field_cannot_take_is_named() {
    #[derive(View, Debug)]
    #[view(name = "ages", version = 1, events(Opened))]
    struct Age {
        #[view(key = stream)]
        account: String,
        years: u8,
    }

    impl Fold<Opened> for Age {
        fn fold(account: &String, _: Option<Self>, _: &Recorded<Opened>) -> Option<Self> {
            Some(Self { account: account.clone(), years: 0 })
        }
    }

    let store = MemoryStore::new();
    store.create_view(&Age::TABLE).await.unwrap();
    let changes = RowChanges::new(vec![vec!["alice".to_owned().into_column(), 300_i64.into_column()]], Vec::new());
    store.write_rows(&Age::TABLE, &changes, Checkpoint::new(Cursor::START, store.identity())).await.unwrap();
    let error = ViewReader::<Age>::new(store).get("alice").await.unwrap_err();
    assert!(error.is_corrupt());
    let table = Age::TABLE.table_name();
    assert_eq!(
        error.to_string(),
        format!("table {table}: column years is not what its field takes: it holds Int(300)")
    );
}
