//! One of everything that a store may hold, and whether a store holds it.

use chrono::{DateTime, Utc};
use eventsource::{
    AppendOutcome, AppendRequest, Ask, Checkpoint, CheckpointKey, Claim, Clock, Column, ColumnType, ColumnValue,
    Cursor, ExpectedVersion, HeldView, Load, LoadRow, Metadata, NewEvent, ParkedAt, ParkedEvent, Position, RawEvent,
    Read, ReadParked, Row, RowChanges, Scan, Snapshot, SnapshotKey, SnapshotMark, StreamId, Version, ViewStore,
    ViewTable,
};
use uuid::Uuid;

/// Deletes the stream `account-carol`, which [`write`] leaves behind for a maintenance.
pub(super) const DELETE: &str = "DELETE FROM events WHERE stream = 'account-carol'";

/// A table of a view, which is found again by its name, version and shape.
const BALANCES: ViewTable = ViewTable::new(
    "balances",
    2,
    &[
        Column::of::<String>("account"),
        Column::of::<Option<i64>>("cents").indexed(),
        Column::of::<DateTime<Utc>>("since"),
        Column::of::<Uuid>("tag"),
        Column::json("extra"),
    ],
    0,
);

fn balance() -> Row {
    vec![
        "ünal-1".to_owned().into_column(),
        Some(5_i64).into_column(),
        noon().now().into_column(),
        id(7).into_column(),
        ColumnValue::Json("[1]".to_owned()),
    ]
}

/// The time at which everything is written.
pub(super) fn noon() -> Clock {
    let noon = "2024-02-29T12:00:00.000042Z".parse().unwrap();
    Clock::new(move || noon)
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn account(name: &str) -> StreamId {
    StreamId::new("account", name).unwrap()
}

fn event(number: u128, name: &'static str, version: u32, data: &str) -> NewEvent {
    NewEvent::new(name, version, data.as_bytes().to_vec()).with_id(id(number))
}

/// Everything but a maintenance, which each store has for itself and which comes next.
pub(super) async fn write(store: &impl ViewStore) {
    let noon = "2024-02-29T12:00:00.000042Z".parse().unwrap();
    let metadata = Metadata::default().with_actor("anna").with_correlation_id(id(77)).with_causation_id(id(78));
    let opened = event(1, "account.opened", 1, r#"{"owner":"Ünal"}"#).with_metadata(metadata);
    let occurred =
        event(2, "account.credited", 2, r#"{"cents":5}"#).with_occurred_at("1993-01-01T00:00:00Z".parse().unwrap());
    let first = AppendRequest::new(account("ünal-1"), ExpectedVersion::NoStream, vec![opened, occurred])
        .and(account("bob"), ExpectedVersion::Any, vec![event(3, "account.opened", 1, "{}")])
        .with_command_key("open-1");
    store.append(first.into()).await.unwrap();
    let plain = vec![event(4, "account.credited", 2, r#"{"cents":7}"#)];
    store.append(AppendRequest::new(account("bob"), Version(1), plain).into()).await.unwrap();
    let mark = SnapshotMark::new(account("bob"), SnapshotKey::new("state", 42, 1), (Version(1), Position(3)), noon);
    store.save_snapshot(Snapshot::new(mark, b"{\"cents\":0}".to_vec())).await.unwrap();
    let gone = vec![event(5, "account.credited", 2, r#"{"cents":9}"#)];
    store.append(AppendRequest::new(account("carol"), ExpectedVersion::Any, gone).into()).await.unwrap();
    let checkpoint = Checkpoint::new(Cursor::new(Position(4), id(4)), store.identity()).owner_epoch(3);
    store.save_checkpoint(&CheckpointKey::new("balances").view_version(2).partition(1), checkpoint).await.unwrap();
    store.create_view(&BALANCES).await.unwrap();
    store.write_rows(&BALANCES, &RowChanges::new(vec![balance()], Vec::new()), checkpoint).await.unwrap();
    store.serve_view(&BALANCES).await.unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    let mails = CheckpointKey::new("mails");
    assert!(matches!(store.claim(&mails, id(8), hour).await.unwrap(), Claim::Owned(_)));
    store.park(&mails, 1, &parked(None)).await.unwrap();
    assert_eq!(store.ask_parked(&mails, "account-bob", Some(Position(3)), Ask::Retry).await.unwrap(), 1);
}

fn parked(asked: Option<Ask>) -> [ParkedEvent; 2] {
    let parked = |position, asked| {
        let at = ParkedAt::new("account-bob", Position(position));
        let mut parked = ParkedEvent::new(at, id(position.into()), "no such address: \"ü\"");
        (parked.parked_at, parked.asked) = (noon().now(), asked);
        parked
    };
    [parked(3, asked), parked(4, None)]
}

/// The store holds it all and takes more.
pub(super) async fn assert_holds_everything(store: &impl ViewStore) {
    let mut rows = Vec::new();
    let visit = &mut |event: &RawEvent<'_>| {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        rows.push(format!(
            "{} {} {} {} {} {} {:?} {:?} {:?} {} {} {:?}",
            event.position,
            event.stream,
            event.version,
            event.name,
            event.schema_version,
            text(Some(event.data)).unwrap(),
            text(event.meta),
            event.correlation_id.map(|id| id.as_u128()),
            event.causation_id.map(|id| id.as_u128()),
            event.occurred_at.to_rfc3339(),
            event.recorded_at.to_rfc3339(),
            event.command_key,
        ));
        Ok(())
    };
    store.read(&Read::all(), visit).await.unwrap();
    // The id of the maintenance event is the only thing that differs from file to file, and with it its key.
    let key = rows[4].rfind("Some(").unwrap();
    rows[4].truncate(key);
    let noon = "2024-02-29T12:00:00.000042+00:00";
    let first = id(1);
    assert_eq!(
        rows,
        [
            format!(
                "1 account-ünal-1 1 account.opened 1 {{\"owner\":\"Ünal\"}} \
                 Some(\"{{\\\"$events\\\":2,\\\"actor\\\":\\\"anna\\\"}}\") Some(77) Some(78) {noon} {noon} Some(\"open-1\")"
            ),
            format!(
                "2 account-ünal-1 2 account.credited 2 {{\"cents\":5}} None None None \
                 1993-01-01T00:00:00+00:00 {noon} None"
            ),
            format!("3 account-bob 1 account.opened 1 {{}} None None None {noon} {noon} Some(\"${first}\")"),
            format!("4 account-bob 2 account.credited 2 {{\"cents\":7}} None None None {noon} {noon} None"),
            format!(
                "6 $maintenance-log 1 $maintenance 1 {{\"actor\":\"anna\",\"reason\":\"case 17\"}} None None None \
                 {noon} {noon} "
            ),
        ]
    );

    let load = Load::new(account("bob")).with_snapshot(Some(SnapshotKey::new("state", 42, 1)));
    let mut loaded = Vec::new();
    let visit = &mut |row: LoadRow<'_>| {
        loaded.push(match row {
            LoadRow::Snapshot(snapshot) => format!("snapshot {}", snapshot.version),
            LoadRow::Event(event) => format!("event {}", event.version),
            LoadRow::Bare(event) => format!("bare {}", event.version),
        });
        Ok(())
    };
    store.load(&load, visit).await.unwrap();
    assert_eq!(loaded, ["snapshot 1", "event 2"]);

    let key = CheckpointKey::new("balances").view_version(2).partition(1);
    let checkpoint = store.load_checkpoint(&key).await.unwrap().unwrap();
    assert_eq!((checkpoint.cursor, checkpoint.owner_epoch), (Cursor::new(Position(4), id(4)), 3));
    checkpoint.verify(store).await.unwrap();

    let keys = [balance()[0].clone()];
    assert_eq!(store.rows(&BALANCES, &keys).await.unwrap(), [balance()]);
    assert_eq!(store.scan_rows(&BALANCES, &Scan::by(1)).await.unwrap(), [balance()]);
    let held = HeldView::new("balances", 2, BALANCES.fingerprint(), true);
    assert_eq!(store.held_views("balances").await.unwrap(), [held]);
    assert_eq!(store.load_checkpoint(&BALANCES.checkpoint_key()).await.unwrap(), Some(checkpoint));
    let mails = CheckpointKey::new("mails");
    assert_eq!(store.parked(&mails, &ReadParked::all(10)).await.unwrap(), parked(Some(Ask::Retry)));
    // Its lease ended an hour after it was written.
    let claim = store.claim(&mails, id(9), std::time::Duration::from_secs(1)).await.unwrap();
    assert!(matches!(claim, Claim::Owned(checkpoint) if checkpoint.owner_epoch == 2), "{claim:?}");

    let next = AppendRequest::new(account("bob"), Version(2), vec![event(9, "account.credited", 2, "{}")]);
    assert!(matches!(store.append(next.into()).await.unwrap(), AppendOutcome::Stored(_)));
}
