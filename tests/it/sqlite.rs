//! The SQLite store as a file: whose it is, what protects it, how it is copied and checked.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use chrono::DateTime;
use eventsource::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use eventsource::{
    AppendOutcome, AppendRequest, CheckpointKey, Claim, Clock, EventStore, ExpectedVersion, Metadata, NewEvent,
    Position, Read, StoreError, StreamId,
};
use sqlx::{Connection, Row, SqliteConnection, query};
use uuid::Uuid;

fn event(text: &str) -> NewEvent {
    NewEvent::new("note.written", 1, format!("{{\"text\":\"{text}\"}}").into_bytes())
}

fn note(id: &str) -> StreamId {
    StreamId::new("note", id).unwrap()
}

async fn write(store: &SqliteStore, id: &str, text: &str) -> Position {
    let request = AppendRequest::new(note(id), ExpectedVersion::Any, vec![event(text)]);
    match store.append(request.into()).await.unwrap() {
        AppendOutcome::Stored(appended) => appended.streams[0].positions[0],
        other => panic!("not stored: {other:?}"),
    }
}

async fn texts(store: &SqliteStore) -> Vec<String> {
    let mut texts = Vec::new();
    let visit = &mut |event: &eventsource::RawEvent<'_>| {
        texts.push(String::from_utf8_lossy(event.data).into_owned());
        Ok(())
    };
    store.read(&Read::all(), visit).await.unwrap();
    texts
}

async fn run(store: &SqliteStore, reason: &str, change: &'static str) {
    store.maintenance("anna", reason, async |connection| Ok(query(change).execute(connection).await?)).await.unwrap();
}

async fn shell(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(path.to_str().unwrap()).await.unwrap()
}

#[tokio::test]
async fn what_was_appended_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let identity = store.identity();
    write(&store, "1", "hello").await;
    store.close().await.unwrap();
    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(again.identity(), identity);
    assert_eq!(texts(&again).await, [r#"{"text":"hello"}"#]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = folder.path().join(format!("{round}.db"));
        let opens = (0..8).map(|_| tokio::spawn(SqliteStore::open(path.clone())));
        let mut identities = Vec::new();
        for open in opens.collect::<Vec<_>>() {
            identities.push(open.await.unwrap().unwrap().identity());
        }
        identities.dedup();
        assert_eq!(identities.len(), 1, "two stores were made in one file");
    }
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("notes.db")).await.unwrap();
    store.close().await.unwrap();
    let request = AppendRequest::new(note("1"), ExpectedVersion::Any, vec![event("late")]);
    assert!(store.append(request.into()).await.unwrap_err().is_closed());
    assert!(store.read(&Read::all(), &mut |_| Ok(())).await.unwrap_err().is_closed());
    assert!(store.wait_past(Position(0)).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn appends_under_way_when_the_store_is_dropped_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let appends = (0..50).map(|i| {
        let store = store.clone();
        tokio::spawn(async move { write(&store, &i.to_string(), "kept").await })
    });
    let appends: Vec<_> = appends.collect();
    drop(store);
    for append in appends {
        append.await.unwrap();
    }
    assert_eq!(texts(&SqliteStore::open(&path).await.unwrap()).await.len(), 50);
}

#[tokio::test]
async fn the_writer_commits_with_the_durability_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let full = SqliteStore::open(folder.path().join("full.db")).await.unwrap();
    assert_eq!(full.synchronous().await.unwrap(), Synchronous::Full);
    let options = SqliteOptions::default().synchronous(Synchronous::Normal);
    let normal = SqliteStore::open_with(folder.path().join("normal.db"), options).await.unwrap();
    assert_eq!(normal.synchronous().await.unwrap(), Synchronous::Normal);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bookmarks.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    query("CREATE TABLE bookmarks (url TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.is_incompatible(), "{error}");
    assert!(error.to_string().contains("bookmarks.db"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear Sir or Madam, ".repeat(100)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("letter.txt"), "{error}");
}

#[tokio::test]
async fn a_file_of_a_newer_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    SqliteStore::open(&path).await.unwrap().close().await.unwrap();
    let mut shell = shell(&path).await;
    query("PRAGMA user_version = 99").execute(&mut shell).await.unwrap();
    shell.close().await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.is_incompatible() && error.to_string().contains("format 99"), "{error}");
}

#[tokio::test]
async fn a_file_that_wants_newer_writers_or_another_ordering_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for change in ["UPDATE store SET min_writer = 2", "UPDATE store SET ordering = 'other'"] {
        let path = folder.path().join(format!("{}.db", change.len()));
        SqliteStore::open(&path).await.unwrap().close().await.unwrap();
        let mut shell = shell(&path).await;
        query(change).execute(&mut shell).await.unwrap();
        shell.close().await.unwrap();
        assert!(SqliteStore::open(&path).await.unwrap_err().is_incompatible(), "{change}");
    }
}

#[tokio::test]
async fn events_cannot_be_changed_deleted_or_replaced_from_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let request = AppendRequest::new(note("1"), ExpectedVersion::NoStream, vec![event("first")]).with_command_key("k");
    store.append(request.into()).await.unwrap();
    let mut shell = shell(&path).await;
    let columns = "position, stream, version, category, event_id, name, schema_version, encoding, data, meta, \
                   correlation_id, causation_id, occurred_at, recorded_at, command_key";
    let as_position = columns.replacen("stream, version", "'note-9', 9", 1).replace("command_key", "NULL");
    let as_version = columns.replacen("position", "position + 9", 1).replace("command_key", "NULL");
    let as_key = columns.replacen("position", "position + 9", 1).replacen("version", "version + 9", 1);
    for change in [
        "UPDATE events SET data = x'7b7d'".to_owned(),
        "UPDATE OR REPLACE events SET position = 5".to_owned(),
        "DELETE FROM events".to_owned(),
        format!("INSERT OR REPLACE INTO events ({columns}) SELECT {as_position} FROM events"),
        format!("INSERT OR REPLACE INTO events ({columns}) SELECT {as_version} FROM events"),
        format!("INSERT OR REPLACE INTO events ({columns}) SELECT {as_key} FROM events"),
        format!("REPLACE INTO events ({columns}) SELECT {columns} FROM events"),
    ] {
        let refused = query(sqlx::AssertSqlSafe(change.clone())).execute(&mut shell).await;
        assert!(refused.unwrap_err().to_string().contains("events are never"), "{change}");
    }
    assert_eq!(texts(&store).await, [r#"{"text":"first"}"#]);
}

#[tokio::test]
async fn maintenance_changes_events_and_records_who_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    write(&store, "1", "secret").await;
    let erase = "UPDATE events SET data = CAST('{\"text\":\"\"}' AS BLOB) WHERE stream = 'note-1'";

    let undone = store.maintenance("anna", "never mind", async |connection| {
        query(erase).execute(connection).await?;
        Err::<(), _>("changed my mind".into())
    });
    let error = undone.await.unwrap_err();
    assert!(error.to_string().contains("changed my mind"), "{error}");
    assert_eq!(texts(&store).await, [r#"{"text":"secret"}"#]);

    run(&store, "right to be forgotten", erase).await;
    let after = texts(&store).await;
    assert_eq!(after, [r#"{"text":""}"#, r#"{"actor":"anna","reason":"right to be forgotten"}"#]);

    let mut shell = shell(&path).await;
    assert!(query(erase).execute(&mut shell).await.is_err(), "the permit ends with its transaction");
}

/// What does not reach its end must leave neither a trace nor a transaction in which later writes would vanish.
#[tokio::test]
async fn maintenance_that_is_cut_short_by_sqlite_by_its_author_or_by_its_caller_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("notes.db")).await.unwrap();
    write(&store, "1", "kept").await;
    let replace = "INSERT OR REPLACE INTO events SELECT * FROM events";

    let rolled_back = store.maintenance("anna", "by SQLite", async |connection| {
        query("DELETE FROM snapshots").execute(&mut *connection).await?;
        Ok(query(replace).execute(connection).await.is_err())
    });
    let error = rolled_back.await.unwrap_err();
    assert!(error.to_string().contains("was ended before its time"), "{error}");

    for end in ["COMMIT", "ROLLBACK"] {
        let ended = store.maintenance("anna", end, async |connection| Ok(query(end).execute(connection).await?));
        let error = ended.await.unwrap_err();
        assert!(error.to_string().contains("was ended before its time"), "{end}: {error}");
    }

    let dropped = store.maintenance("anna", "dropped", async |connection| {
        query("DELETE FROM events").execute(&mut *connection).await?;
        std::future::pending::<Result<(), _>>().await
    });
    assert!(tokio::time::timeout(Duration::from_millis(20), dropped).await.is_err());

    write(&store, "2", "after").await;
    run(&store, "allowed", "UPDATE events SET occurred_at = 1 WHERE stream = 'note-1'").await;
    store.close().await.unwrap();
    let store = SqliteStore::open(folder.path().join("notes.db")).await.unwrap();
    let expected = [r#"{"text":"kept"}"#, r#"{"text":"after"}"#, r#"{"actor":"anna","reason":"allowed"}"#];
    assert_eq!(texts(&store).await, expected);
    assert!(store.verify().await.unwrap().is_sound());
}

#[tokio::test]
async fn a_position_is_never_used_twice_even_after_the_newest_events_were_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("notes.db")).await.unwrap();
    let deleted = write(&store, "1", "gone").await;
    run(&store, "test", "DELETE FROM events").await;
    assert!(write(&store, "2", "one event").await > deleted);
    let two = AppendRequest::new(note("3"), ExpectedVersion::Any, vec![event("a"), event("b")]);
    assert!(matches!(store.append(two.into()).await.unwrap(), AppendOutcome::Stored(_)));
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_others_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let (one, two) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    let waiting = {
        let two = two.clone();
        tokio::spawn(async move { two.wait_past(Position(0)).await })
    };
    tokio::time::sleep(Duration::from_millis(60)).await;
    let position = write(&one, "1", "from one").await;
    let seen = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(seen, position);
    write(&two, "1", "from two").await;
    assert_eq!(texts(&one).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_racing_on_one_file_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let stores = [SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap()];
    let tasks = (0..40).map(|i| {
        let store = stores[i % 2].clone();
        tokio::spawn(async move {
            for n in 0..5 {
                write(&store, &(i % 3).to_string(), &format!("{i}-{n}")).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let mut found = texts(&stores[0]).await;
    assert_eq!(found.len(), 200);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 200);
    assert!(stores[0].verify().await.unwrap().is_sound());
}

#[tokio::test]
async fn a_backup_is_a_whole_store_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("notes.db")).await.unwrap();
    write(&store, "1", "kept").await;
    let copy = folder.path().join("copy.db");
    store.backup_to(&copy).await.unwrap();
    assert!(store.backup_to(&copy).await.unwrap_err().to_string().contains("exists"));
    let restored = SqliteStore::open(&copy).await.unwrap();
    assert_eq!(restored.identity(), store.identity());
    assert_eq!(texts(&restored).await, [r#"{"text":"kept"}"#]);
    restored.begin_epoch().await.unwrap();
    restored.close().await.unwrap();
    assert_eq!(SqliteStore::open(&copy).await.unwrap().identity().epoch, store.identity().epoch + 1);
}

#[tokio::test]
async fn a_store_in_memory_does_the_same_and_is_its_own() {
    let (one, two) = (SqliteStore::in_memory().await.unwrap(), SqliteStore::in_memory().await.unwrap());
    write(&one, "1", "only here").await;
    assert_eq!(texts(&one).await.len(), 1);
    assert_eq!(texts(&two).await.len(), 0);
}

#[tokio::test]
async fn verify_finds_each_kind_of_damage() {
    let folder = tempfile::tempdir().unwrap();
    let damages = [
        ("DELETE FROM events WHERE version = 2", "versions from 1 to 3"),
        ("UPDATE events SET recorded_at = 5 WHERE version = 3", "recorded time"),
        ("UPDATE events SET position = 900 WHERE version = 1", "position"),
        ("UPDATE events SET data = x'ff' WHERE version = 2", "the payload is not JSON"),
        ("UPDATE events SET meta = x'7b' WHERE version = 2", "the metadata is not JSON"),
        ("UPDATE events SET encoding = 7 WHERE version = 2", "encoding 7"),
        ("UPDATE events SET category = 'other'", "malformed"),
    ];
    for (index, (damage, expected)) in damages.into_iter().enumerate() {
        let store = SqliteStore::open(folder.path().join(format!("{index}.db"))).await.unwrap();
        for _ in 0..3 {
            write(&store, "1", "x").await;
        }
        assert!(store.verify().await.unwrap().is_sound());
        run(&store, "damage", damage).await;
        let found = store.verify().await.unwrap();
        assert!(found.problems.iter().any(|problem| problem.to_string().contains(expected)), "{damage}: {found:?}");
    }
}

#[tokio::test]
async fn a_damaged_or_truncated_file_gives_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for i in 0..200 {
        write(&store, &i.to_string(), &"x".repeat(500)).await;
    }
    store.close().await.unwrap();
    let whole = std::fs::read(&path).unwrap();

    let truncated = folder.path().join("truncated.db");
    std::fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    assert_damage_is_named(&truncated).await;

    let scribbled = folder.path().join("scribbled.db");
    let mut bytes = whole.clone();
    bytes[20_000..90_000].fill(0xab);
    std::fs::write(&scribbled, &bytes).unwrap();
    assert_damage_is_named(&scribbled).await;

    let headless = folder.path().join("headless.db");
    let mut bytes = whole;
    bytes[..100].fill(0);
    std::fs::write(&headless, &bytes).unwrap();
    assert_damage_is_named(&headless).await;
}

/// Opening, reading or verifying must say what is wrong with which file; silence is the failure.
async fn assert_damage_is_named(path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let attempt = async {
        let store = SqliteStore::open(path).await?;
        store.read(&Read::all(), &mut |_| Ok(())).await?;
        let found = store.verify().await?;
        assert!(!found.is_sound(), "{name}: nothing was found");
        Ok::<_, StoreError>(())
    };
    if let Err(error) = attempt.await {
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn the_log_view_shows_events_under_the_textbooks_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let time = "2024-02-29T12:30:00.000042Z".parse().unwrap();
    let new = event("hello").with_occurred_at(time).with_metadata(Metadata::default().with_actor("anna"));
    let request = AppendRequest::new(note("a-b"), ExpectedVersion::NoStream, vec![new]);
    store.append(Arc::new(request)).await.unwrap();
    let before_1970 = event("old").with_occurred_at(chrono::DateTime::from_timestamp_micros(-1).unwrap());
    let request = AppendRequest::new(note("old"), ExpectedVersion::NoStream, vec![before_1970]);
    store.append(Arc::new(request)).await.unwrap();
    let mut shell = shell(&path).await;
    let row = query(
        "SELECT aggregate_type, aggregate_id, sequence_number, event_type, event_version, \
         event_data ->> 'text', metadata ->> 'actor', occurred_at FROM event_log WHERE position = 1",
    )
    .fetch_one(&mut shell)
    .await
    .unwrap();
    let (kind, id, number, name): (&str, &str, i64, &str) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!((kind, id, number, name), ("note", "a-b", 1, "note.written"));
    let (version, text, actor, occurred): (i64, &str, &str, &str) = (row.get(4), row.get(5), row.get(6), row.get(7));
    assert_eq!((version, text, actor, occurred), (1, "hello", "anna", "2024-02-29T12:30:00.000042Z"));
    let row = query("SELECT occurred_at FROM event_log WHERE position = 2").fetch_one(&mut shell).await.unwrap();
    assert_eq!(row.get::<&str, _>(0), "1969-12-31T23:59:59.999999Z");
}

#[tokio::test]
async fn the_types_table_knows_what_was_ever_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let store = SqliteStore::open(&path).await.unwrap();
    write(&store, "1", "a").await;
    write(&store, "1", "b").await;
    let newer = NewEvent::new("note.written", 2, b"{}".to_vec());
    let request = AppendRequest::new(note("1"), ExpectedVersion::Any, vec![newer]);
    store.append(request.into()).await.unwrap();
    let mut shell = shell(&path).await;
    let rows = query("SELECT name, schema_version FROM types ORDER BY 2").fetch_all(&mut shell).await.unwrap();
    let types: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(types, [("note.written".to_owned(), 1), ("note.written".to_owned(), 2)]);
}

/// An owner's renewal waits for its own transaction; whoever asks meanwhile must find it renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_waits_for_the_write_lock_counts_from_when_it_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.db");
    let time = Arc::new(AtomicI64::new(0));
    let clock = time.clone();
    let clock = Clock::new(move || DateTime::from_timestamp(clock.load(Relaxed), 0).unwrap());
    let open = async || SqliteStore::open_with(&path, SqliteOptions::default().clock(clock.clone())).await.unwrap();
    let (store, another) = (open().await, open().await);
    let (key, lease) = (CheckpointKey::new("view"), Duration::from_secs(30));
    let (owner, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    store.claim(&key, owner, lease).await.unwrap();

    let mut writing = shell(&path).await;
    query("BEGIN IMMEDIATE").execute(&mut writing).await.unwrap();
    let long_transaction = async {
        // Whoever reads the clock before the lock is free has done so by then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        time.store(100, Relaxed);
        query("COMMIT").execute(&mut writing).await.unwrap();
    };
    let (renewed, ()) = tokio::join!(store.claim(&key, owner, lease), long_transaction);
    assert!(matches!(renewed.unwrap(), Claim::Owned(_)));
    let asked = another.claim(&key, other, lease).await.unwrap();
    let Claim::Held { owner: held_by, until } = asked else { panic!("{asked:?}") };
    assert_eq!((held_by, until.timestamp()), (owner, 130));
}
