//! Copying one store into another: what arrives, what a run that was cut short leaves, what is refused.

mod history;
mod noticed;

use std::sync::Arc;
use std::time::Duration;

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::{SqliteOptions, SqliteStore};
use eventsource::{
    AppendOutcome, AppendRequest, Clock, EventStore, ExpectedVersion, Import, Limits, NewEvent, Position, Positions,
    RawEvent, Read, StreamId, Version, copy, now,
};
use eventsource_test_cluster::Database;
use futures::FutureExt;
use proptest::prelude::*;
use sqlx::{Connection, Row, SqliteConnection, query};
use tempfile::TempDir;

use history::{History, append, batch, event, rich, stream};

use crate::postgres::patient;

/// Every field of every event, in order.
async fn rows(store: &dyn EventStore) -> Vec<String> {
    rows_with(store, |event| *event).await
}

/// The same, but for the positions.
async fn rows_without_positions(store: &dyn EventStore) -> Vec<String> {
    rows_with(store, |event| RawEvent { position: Position(0), ..*event }).await
}

async fn rows_with(store: &dyn EventStore, shown: for<'r> fn(&RawEvent<'r>) -> RawEvent<'r>) -> Vec<String> {
    let mut rows = Vec::new();
    let mut read = Read::all();
    loop {
        let visit = &mut |event: &RawEvent<'_>| {
            rows.push(format!("{:?}", shown(event)));
            Ok(())
        };
        let page = store.read(&read, visit).await.unwrap();
        read = read.after(page.next.position);
        if page.at_end {
            return rows;
        }
    }
}

/// An empty store of each kind, and what they need to live.
async fn targets() -> ((TempDir, Database), [(&'static str, Arc<dyn Import>); 3]) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("target.db")).await.unwrap();
    let (database, postgres) = postgres().await;
    let targets: [(_, Arc<dyn Import>); 3] =
        [("memory", Arc::new(MemoryStore::new())), ("SQLite", Arc::new(sqlite)), ("PostgreSQL", Arc::new(postgres))];
    ((folder, database), targets)
}

async fn postgres() -> (Database, PgStore) {
    let database = Database::create().await.unwrap_or_else(|error| panic!("{error}"));
    PgStore::migrate(database.url()).await.unwrap();
    let store = PgStore::connect_with(database.url(), patient().connections(2)).await.unwrap();
    (database, store)
}

#[tokio::test]
async fn a_copy_from_sqlite_to_postgresql_and_back_is_equal_in_every_field() {
    let sqlite = SqliteStore::in_memory().await.unwrap();
    copy(&rich().await, &sqlite).await.unwrap();
    let (_database, postgres) = postgres().await;
    // Numbers that were drawn and given back must not keep an empty target from the source's positions.
    let nothing = postgres.maintenance("anna", "draws a number", async |pg| {
        query("SELECT nextval('eventsource.events_position_seq')").execute(pg).await?;
        Err::<(), _>("undone".into())
    });
    assert!(nothing.await.is_err());
    let there = copy(&sqlite, &postgres).batch(3).await.unwrap();
    assert_eq!(there.positions, Positions::Kept);
    let back = MemoryStore::new();
    copy(&postgres, &back).batch(2).await.unwrap();
    let expected = rows(&sqlite).await;
    assert_eq!(rows(&postgres).await, expected);
    assert_eq!(rows(&back).await, expected);
}

/// What a connection knows of the end is old by then.
#[tokio::test]
async fn a_second_copy_brings_what_another_process_appended_since_the_first() {
    let (database, writer) = postgres().await;
    let source = PgStore::connect_with(database.url(), patient().connections(1)).await.unwrap();
    let target = MemoryStore::new();
    for round in 1..=3 {
        append(&writer, batch(&stream("thing", "1"), 2)).await;
        assert_eq!(copy(&source, &target).await.unwrap().stored, 2, "round {round}");
    }
}

#[tokio::test]
async fn a_copy_from_memory_to_sqlite_and_back_is_equal_in_every_field() {
    let memory = rich().await;
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(folder.path().join("copy.db")).await.unwrap();
    let back = MemoryStore::new();
    let there = copy(&memory, &sqlite).batch(3).await.unwrap();
    copy(&sqlite, &back).batch(2).await.unwrap();
    let expected = rows(&memory).await;
    assert_eq!((there.stored, there.present, there.compared), (expected.len() as u64, 0, expected.len() as u64));
    assert_eq!((there.positions, there.until), (Positions::Kept, Position(expected.len() as u64)));
    assert_eq!(rows(&sqlite).await, expected);
    assert_eq!(rows(&back).await, expected);
    assert!(sqlite.verify().await.unwrap().is_sound());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_random_history_of_many_streams_is_copied_into_any_store(
        history in any::<History>(), others in 0_usize..3, size in 1_usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let source = history.written().await;
            for target in [Arc::new(MemoryStore::new()) as Arc<dyn Import>, Arc::new(SqliteStore::in_memory().await.unwrap())] {
                for n in 0..others {
                    append(&*target, AppendRequest::new(stream("other", &n.to_string()), ExpectedVersion::Any, vec![event("x")])).await;
                }
                let count = rows(&source).await.len() as u64;
                let done = copy(&source, &target).batch(size).await.unwrap();
                prop_assert_eq!((done.stored, done.present, done.compared), (count, 0, count));
                let arrived = rows_without_positions(&target).await;
                prop_assert_eq!(&arrived[others..], &rows_without_positions(&source).await[..]);
                if others == 0 {
                    prop_assert_eq!(rows(&target).await, rows(&source).await);
                }
                let again = copy(&source, &target).batch(size).await.unwrap();
                prop_assert_eq!((again.stored, again.present, again.compared), (0, count, count));
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_copy_that_was_cut_short_goes_on_behind_its_last_event() {
    let source = rich().await;
    let expected = rows_without_positions(&source).await;
    for (others, pages) in (0..2).flat_map(|others| (1..14).map(move |pages| (others, pages))) {
        let (_folder, targets) = targets().await;
        for (name, target) in targets {
            let case = format!("{name}, {others} others, cut short at report {pages}");
            for _ in 0..others {
                append(&*target, batch(&stream("other", "1"), 1)).await;
            }
            let (from, to) = (source.clone(), target.clone());
            let cut = tokio::spawn(async move {
                let mut reports = 0;
                let stop = |_: &_| {
                    reports += 1;
                    assert!(reports < pages, "the copy is cut short here, as the test wants it");
                };
                copy(&from, &to).batch(2).on_progress(stop).await
            });
            assert!(cut.await.unwrap_err().is_panic());
            let left = rows_without_positions(&target).await.split_off(others);
            assert!(left.len().is_multiple_of(2), "{case}: half a batch");
            assert_eq!(left, expected[..left.len()], "{case}");
            let done = copy(&source, &target).batch(3).await.unwrap();
            let (stored, present) = (expected.len() - left.len(), left.len());
            assert_eq!((done.stored, done.present), (stored as u64, present as u64), "{case}");
            assert_eq!(done.compared, expected.len() as u64, "{case}");
            assert_eq!(done.positions == Positions::Kept, others == 0, "{case}");
            assert_eq!(rows_without_positions(&target).await[others..], expected, "{case}");
            if others == 0 {
                assert_eq!(rows(&target).await, rows(&source).await, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_copy_that_is_dropped_at_any_moment_is_resumed_and_loses_and_doubles_nothing() {
    let source = MemoryStore::new();
    for n in 0..40 {
        append(&source, batch(&stream("thing", &(n % 7).to_string()), 10)).await;
    }
    let expected = rows(&source).await;
    let folder = tempfile::tempdir().unwrap();
    let target = SqliteStore::open(folder.path().join("target.db")).await.unwrap();
    let mut drops = 0;
    for round in 0_u64.. {
        // Moments spread over what a run takes, a little later each time so that it comes to an end.
        let moment = Duration::from_micros(round * 137 % 3_000 + round * 300);
        match tokio::time::timeout(moment, copy(&source, &target).batch(7)).await {
            Ok(done) => {
                assert_eq!(done.unwrap().compared, expected.len() as u64);
                break;
            }
            Err(_) => drops += 1,
        }
        let left = rows(&target).await;
        assert_eq!(left, expected[..left.len()], "round {round}");
        assert!(left.len().is_multiple_of(7) || left.len() == expected.len(), "round {round}: half a batch");
    }
    assert!(drops > 10, "only {drops} runs were dropped");
    assert_eq!(rows(&target).await, expected);
    assert!(target.verify().await.unwrap().is_sound());
}

#[tokio::test]
async fn in_a_target_with_other_events_positions_are_new_and_nothing_is_copied_twice() {
    let source = rich().await;
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        append(&*target, batch(&stream("other", "1"), 3)).await;
        let before = rows(&target).await;
        let count = rows(&source).await.len() as u64;
        let done = copy(&source, &target).batch(4).await.unwrap();
        assert_eq!((done.stored, done.present, done.compared), (count, 0, count), "{name}");
        assert_eq!(done.positions, Positions::New, "{name}");
        let after = rows_without_positions(&target).await;
        assert_eq!(rows(&target).await[..3], before, "{name}: what was there has changed");
        assert_eq!(after[3..], rows_without_positions(&source).await, "{name}");

        // Both go on, each with streams of its own.
        append(&*target, batch(&stream("other", "1"), 2)).await;
        append(&source, batch(&stream(&format!("late_{}", name.to_lowercase()), "1"), 2)).await;
        let again = copy(&source, &target).batch(4).await.unwrap();
        assert_eq!((again.stored, again.present, again.compared), (2, count, count + 2), "{name}");
        assert_eq!(copy(&source, &target).await.unwrap().stored, 0, "{name}");
    }
}

#[tokio::test]
async fn a_target_that_went_on_behind_the_copy_needs_nothing_more() {
    let source = rich().await;
    let count = rows(&source).await.len() as u64;
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        copy(&source, &target).await.unwrap();
        append(&*target, batch(&stream("other", "1"), 3)).await;
        let done = copy(&source, &target).batch(2).await.unwrap();
        assert_eq!((done.stored, done.present, done.compared), (0, count, count), "{name}");
        assert_eq!(done.positions, Positions::Kept, "{name}");
    }
}

#[tokio::test]
async fn a_stream_that_differs_is_refused_by_name_before_anything_is_stored() {
    let source = rich().await;
    append(&source, batch(&stream("thing", "both"), 3)).await;
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        append(&*target, batch(&stream("thing", "both"), 1)).await;
        let before = rows(&target).await;
        let error = copy(&source, &target).batch(2).await.unwrap_err();
        assert!(error.to_string().contains("stream thing-both") && error.to_string().contains("version 1"), "{error}");
        assert_eq!(rows(&target).await, before, "{name}");
    }
}

#[tokio::test]
async fn of_a_batch_with_a_conflict_nothing_is_stored() {
    let raw = |stream, id| RawEvent { id: uuid::Uuid::from_u128(id), ..RawEvent::new(stream, "thing.done", 1, b"{}") };
    let events = [raw("thing-only-here", 1), raw("thing-both", 2)];
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        append(&*target, batch(&stream("thing", "both"), 1)).await;
        let refused = target.import(&events, Positions::New).await.unwrap_err();
        assert!(refused.to_string().contains("thing-both"), "{name}: {refused}");
        assert_eq!(rows(&target).await.len(), 1, "{name}");
        // And the store is as usable as before.
        append(&*target, batch(&stream("thing", "both"), 1)).await;
    }
}

#[tokio::test]
async fn a_command_that_was_done_in_the_source_is_recognised_in_the_copy() {
    let source = MemoryStore::new();
    let one = AppendRequest::new(stream("thing", "a"), ExpectedVersion::Any, vec![event("1"), event("2")])
        .and(stream("thing", "b"), ExpectedVersion::Any, vec![event("3"), event("4"), event("5")])
        .with_command_key("command-1");
    let unkeyed = AppendRequest::new(stream("thing", "c"), ExpectedVersion::Any, vec![event("6")]);
    let (_folder, targets) = targets().await;
    for request in [&one, &unkeyed] {
        append(&source, request.clone()).await;
    }
    for (name, target) in targets {
        copy(&source, &target).batch(2).await.unwrap();
        for request in [&one, &unkeyed] {
            let first = source.append(request.clone().into()).await.unwrap();
            let AppendOutcome::AlreadyStored(_) = &first else { panic!("{first:?}") };
            assert_eq!(target.append(request.clone().into()).await.unwrap(), first, "{name}");
        }
        assert_eq!(rows(&target).await.len(), 6, "{name}");
    }
}

#[tokio::test]
async fn appends_after_a_copy_go_on_behind_it() {
    let source = rich().await;
    let newest = Position(rows(&source).await.len() as u64);
    let thing = stream("thing", "1");
    let long_ago = Clock::new(|| "2001-01-01T00:00:00Z".parse().unwrap());
    let memory = MemoryStore::with(Limits::default(), long_ago.clone());
    let sqlite = SqliteStore::in_memory_with(SqliteOptions::default().clock(long_ago)).await.unwrap();
    for target in [Arc::new(memory) as Arc<dyn Import>, Arc::new(sqlite)] {
        // The store looks at the stream, and must not remember after the copy that there was none.
        let early = AppendRequest::new(thing.clone(), ExpectedVersion::StreamExists, vec![event("early")]);
        assert!(matches!(target.append(early.into()).await.unwrap(), AppendOutcome::Conflict(_)));
        let waiter = {
            let target = target.clone();
            tokio::spawn(async move { target.wait_past(Position(0)).await })
        };
        copy(&source, &target).await.unwrap();
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), waiter).await.unwrap().unwrap().unwrap(), newest);

        let (head, recorded_at) = history::last(&*target, &thing).await;
        let request = AppendRequest::new(thing.clone(), ExpectedVersion::Any, vec![event("a"), event("b")]);
        let AppendOutcome::Stored(appended) = target.append(request.into()).await.unwrap() else {
            panic!("not stored")
        };
        let appended = &appended.streams[0];
        assert_eq!(appended.positions, [Position(newest.0 + 1), Position(newest.0 + 2)]);
        assert_eq!(appended.version, Version(head.0 + 2));
        assert_eq!(appended.recorded_at, recorded_at);
        // And by the way of a single statement.
        let next = AppendRequest::new(thing.clone(), appended.version, vec![event("c")]);
        let AppendOutcome::Stored(appended) = target.append(next.into()).await.unwrap() else { panic!("not stored") };
        assert_eq!(appended.streams[0].positions, [Position(newest.0 + 3)]);
    }
}

#[tokio::test]
async fn gaps_between_positions_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let source = SqliteStore::open(folder.path().join("source.db")).await.unwrap();
    append(&source, batch(&stream("thing", "1"), 2)).await;
    append(&source, batch(&stream("gone", "1"), 5)).await;
    append(&source, batch(&stream("thing", "1"), 2)).await;
    let delete = "DELETE FROM events WHERE stream = 'gone-1'";
    source.maintenance("anna", "test", async |c| Ok(query(delete).execute(c).await?)).await.unwrap();
    append(&source, batch(&stream("thing", "2"), 2)).await;

    let expected = rows(&source).await;
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        assert_eq!(copy(&source, &target).batch(2).await.unwrap().until, Position(12), "{name}");
        assert_eq!(rows(&target).await, expected, "{name}");
        // Both answer alike about places in a gap, and by pages.
        for position in (0..14).map(Position) {
            for limit in [1, 2, 100] {
                let read = Read::all().after(position).limit(limit);
                assert_eq!(history::page(&*target, &read).await, history::page(&source, &read).await, "{name}");
                let read = Read::category("thing").until(position).limit(limit);
                assert_eq!(history::page(&*target, &read).await, history::page(&source, &read).await, "{name}");
            }
        }
        for time in [chrono::DateTime::UNIX_EPOCH, now()] {
            assert_eq!(target.position_at(time).await.unwrap(), source.position_at(time).await.unwrap(), "{name}");
        }
        let request = batch(&stream("thing", "3"), 1);
        let AppendOutcome::Stored(appended) = target.append(request.into()).await.unwrap() else {
            panic!("not stored")
        };
        assert_eq!(appended.streams[0].positions, [Position(13)], "{name}");
    }
}

#[tokio::test]
async fn a_stream_with_a_hole_in_its_versions_is_refused_by_name() {
    let source = SqliteStore::in_memory().await.unwrap();
    append(&source, batch(&stream("thing", "whole"), 2)).await;
    append(&source, batch(&stream("thing", "torn"), 4)).await;
    let delete = "DELETE FROM events WHERE stream = 'thing-torn' AND version = 2";
    source.maintenance("anna", "test", async |c| Ok(query(delete).execute(c).await?)).await.unwrap();
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        let error = copy(&source, &target).batch(3).await.unwrap_err().to_string();
        assert!(error.contains("version 3 of stream thing-torn, position 5,"), "{name}: {error}");
        assert_eq!(rows(&target).await.len(), 3, "{name}: whole batches");
    }
}

#[tokio::test]
async fn an_empty_source_is_copied_as_nothing() {
    let source = MemoryStore::new();
    let (_folder, targets) = targets().await;
    for (name, target) in targets {
        for others in 0..2 {
            let done = copy(&source, &target).await.unwrap();
            assert_eq!((done.stored, done.present, done.compared), (0, 0, 0), "{name}");
            assert_eq!(rows(&target).await.len(), others, "{name}");
            append(&*target, batch(&stream("other", "1"), 1)).await;
        }
    }
}

#[tokio::test]
async fn of_a_source_in_use_everything_up_to_the_beginning_of_the_run_is_copied() {
    let source = rich().await;
    let before = rows(&source).await;
    let target = MemoryStore::new();
    let in_use = source.clone();
    let write = |_: &_| {
        let request = batch(&stream("thing", "live"), 1);
        in_use.append(request.into()).now_or_never().unwrap().unwrap();
    };
    let done = copy(&source, &target).batch(3).on_progress(write).await.unwrap();
    assert_eq!(done.until, Position(before.len() as u64));
    assert_eq!(rows(&target).await, before);
    assert!(copy(&source, &target).await.unwrap().stored > 0);
    assert_eq!(rows(&target).await, rows(&source).await);
}

#[tokio::test]
async fn a_target_that_others_write_to_meanwhile_is_noticed_and_completed_by_another_run() {
    let source = rich().await;
    let count = rows(&source).await.len() as u64;
    let target = MemoryStore::new();
    let in_use = target.clone();
    let mut writes = 0;
    let write = |_: &_| {
        writes += 1;
        if writes == 2 {
            in_use.append(batch(&stream("other", "1"), 1).into()).now_or_never().unwrap().unwrap();
        }
    };
    let error = copy(&source, &target).batch(2).on_progress(write).await.unwrap_err();
    assert!(error.to_string().contains("position 5"), "{error}");
    let done = copy(&source, &target).batch(2).await.unwrap();
    assert_eq!((done.stored, done.present, done.positions), (count - 4, 4, Positions::New));
}

#[tokio::test]
async fn the_types_of_copied_events_are_noted() {
    let source = MemoryStore::new();
    let new = |name: &'static str, version| NewEvent::new(name, version, b"{}".to_vec());
    let events = vec![new("a.done", 1), new("a.done", 3), new("b.done", 1), new("a.done", 1)];
    append(&source, AppendRequest::new(StreamId::new("thing", "1").unwrap(), ExpectedVersion::NoStream, events)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target.db");
    let target = SqliteStore::open(&path).await.unwrap();
    copy(&source, &target).batch(1).await.unwrap();
    let mut shell = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let rows = query("SELECT name, schema_version FROM types ORDER BY 1, 2").fetch_all(&mut shell).await.unwrap();
    let types: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(types, [("a.done".to_owned(), 1), ("a.done".to_owned(), 3), ("b.done".to_owned(), 1)]);
}
