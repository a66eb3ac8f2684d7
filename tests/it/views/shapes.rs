//! What the derive makes of fields: the table, its columns, and rows that come back.

use chrono::{DateTime, Utc};
use eventsource::__private::ViewBatch;
use eventsource::memory::MemoryStore;
use eventsource::{ColumnKind, Fold, Keys, LiveView, Read, Recorded, View};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::domain::{Opened, happened};

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Level {
    Gold,
    Silver { since: u16 },
}

/// A field of every type that is a column, some with names that mean something elsewhere.
#[derive(View, Clone, Debug, PartialEq)]
#[view(name = "everything", version = 7, events(Opened))]
struct Everything {
    r#type: bool,
    a: i8,
    b: i16,
    c: i32,
    #[view(index)]
    select: i64,
    d: u8,
    e: u16,
    f: u32,
    rate: f64,
    name: String,
    #[view(key)]
    id: Uuid,
    #[view(index)]
    at: DateTime<Utc>,
    sum: Decimal,
    #[view(index)]
    note: Option<String>,
    limit: Option<Decimal>,
    #[view(json)]
    level: Level,
    #[view(json)]
    before: Option<Level>,
    value: Option<i8>,
}

const ID: Uuid = Uuid::from_u128(7);

impl Everything {
    fn example() -> Self {
        Self {
            r#type: true,
            a: -1,
            b: -2,
            c: -3,
            select: i64::MIN,
            d: 1,
            e: 2,
            f: u32::MAX,
            rate: 0.1,
            name: "Zoë".into(),
            id: ID,
            at: DateTime::from_timestamp_nanos(1_234_567_891),
            sum: "1.50".parse().unwrap(),
            note: None,
            limit: Some(Decimal::MAX),
            level: Level::Silver { since: 1999 },
            before: None,
            value: Some(-128),
        }
    }
}

impl Fold<Opened> for Everything {
    fn keys(_: &Recorded<Opened>) -> Keys<Uuid> {
        Keys::one(ID)
    }

    fn fold(_: &Uuid, row: Option<Self>, opened: &Recorded<Opened>) -> Option<Self> {
        match row {
            // What is folded on is what would come back from a store.
            Some(row) if row.at.timestamp_subsec_nanos() == 234_567_000 => {
                Some(Self { before: Some(Level::Gold), ..row })
            }
            Some(row) => Some(row),
            None => Some(Self { note: opened.event.owner.clone(), ..Self::example() }),
        }
    }
}

#[test]
fn every_field_is_a_column_named_like_it() {
    let columns: Vec<_> =
        Everything::TABLE.columns.iter().map(|column| (column.name, column.kind, column.nullable)).collect();
    use ColumnKind::*;
    let expected = [
        ("type", Bool, false),
        ("a", Int, false),
        ("b", Int, false),
        ("c", Int, false),
        ("select", Int, false),
        ("d", Int, false),
        ("e", Int, false),
        ("f", Int, false),
        ("rate", Float, false),
        ("name", Text, false),
        ("id", Uuid, false),
        ("at", Time, false),
        ("sum", Decimal, false),
        ("note", Text, true),
        ("limit", Decimal, true),
        ("level", Json, true),
        ("before", Json, true),
        ("value", Int, true),
    ];
    assert_eq!(columns, expected);
    let indexed: Vec<_> =
        Everything::TABLE.columns.iter().filter(|column| column.indexed).map(|column| column.name).collect();
    assert_eq!(indexed, ["select", "at", "note"]);
    let table = Everything::TABLE;
    assert_eq!((table.name, table.version, table.key), ("everything", 7, 10));
    let places = [Everything::ID.place(), Everything::SELECT.place(), Everything::AT.place(), Everything::NOTE.place()];
    assert_eq!(places, [10, 4, 11, 13]);
}

#[tokio::test]
async fn a_row_of_every_type_comes_back_as_it_is_folded_on() {
    let store = MemoryStore::new();
    for owner in [Some("Alice".to_owned()), None] {
        happened(&store, "alice", &Opened { owner }).await;
    }
    let live = LiveView::<Everything>::new(store.clone(), Read::all()).row(&ID).await.unwrap().unwrap();
    let at = DateTime::from_timestamp_micros(1_234_567).unwrap();
    let example = Everything { note: Some("Alice".into()), at, before: Some(Level::Gold), ..Everything::example() };
    assert_eq!(live, example);
    // And the same with a store between the events.
    let mut events = eventsource::Events::<<Everything as View>::Event>::new(store, Read::all());
    let mut stored = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        let mut batch = ViewBatch::<Everything>::new();
        batch.add(event);
        stored = batch.fold(stored).unwrap().written;
    }
    assert_eq!(Everything::__from_row(stored.remove(0)).unwrap(), example);
}

#[test]
fn the_events_of_a_view_are_the_names_that_are_read() {
    use super::domain::Balance;
    let names = eventsource::stored_names::<<Balance as View>::Event>();
    let expected = ["account.opened", "account.deposited", "money.transferred", "account.closed", "account.looked_at"];
    assert_eq!(names, expected);
    const { assert!(!Balance::KEYED_BY_STREAM) };
}
