//! A process that is killed in the middle of its appends.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eventsource::backend::stored_event_count;
use eventsource::sqlite::{SqliteStore, Synchronous};
use eventsource::{
    AppendOutcome, AppendRequest, EventStore, ExpectedVersion, NewEvent, Position, RawEvent, Read, StreamId,
};

/// Set for the child, which then appends to the file that it names until it is killed.
const FILE: &str = "EVENTSOURCE_KILL_TEST_FILE";
const ROUNDS: usize = 20;
/// Events of one append: half of one must never be found.
const TOGETHER: usize = 3;

/// Not a test by itself: what the child process of the test below does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_appends_until_it_is_killed() {
    let Ok(file) = std::env::var(FILE) else { return };
    let store = SqliteStore::open(file).await.unwrap();
    let tasks = (0..8).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..u64::MAX {
                append(&store, task, n).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Appends, and says what was acknowledged in one write, so that a line is whole or absent.
async fn append(store: &SqliteStore, task: u64, n: u64) {
    let count = if n.is_multiple_of(2) { 1 } else { TOGETHER };
    let events: Vec<_> = (0..count).map(|_| NewEvent::new("thing.done", 1, b"{}".to_vec())).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id.to_string()).collect();
    let stream = StreamId::new("thing", &format!("{task}-{}", n % 5)).unwrap();
    let request = AppendRequest::new(stream, ExpectedVersion::Any, events);
    let AppendOutcome::Stored(appended) = store.append(request.into()).await.unwrap() else { panic!("not stored") };
    let acknowledged: Vec<_> =
        appended.streams[0].positions.iter().zip(&ids).map(|(position, id)| format!("{position}={id}")).collect();
    if task < 100 {
        std::io::stderr().write_all(format!("acknowledged {}\n", acknowledged.join(" ")).as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn every_acknowledged_event_survives_a_killed_process_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("killed.db");
    let store = SqliteStore::open(&file).await.unwrap();
    // A kill does not test the disk; that each commit waits for it is a setting, so it is read back.
    assert_eq!(store.synchronous().await.unwrap(), Synchronous::Full);
    store.close().await.unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        // Moments spread over the child's life, from its first appends on.
        acknowledged.extend(killed_after(&file, Duration::from_millis(7 * round as u64 % 60 + 1)));
        let store = SqliteStore::open(&file).await.unwrap();
        let found = found(&store).await;
        for (position, id) in &acknowledged {
            let times = found.iter().filter(|(p, i)| p == position && i == id).count();
            assert_eq!(times, 1, "round {round}: event {id} at {position}");
        }
        let verified = store.verify().await.unwrap();
        assert!(verified.is_sound(), "round {round}: {:?}", verified.problems);
        store.close().await.unwrap();
    }
    assert!(acknowledged.len() > ROUNDS, "only {} events were acknowledged", acknowledged.len());
}

#[tokio::test]
async fn two_processes_on_one_file_see_each_others_events_while_both_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shared.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let mut child = child(&file);
    let mut position = Position(0);
    for n in 0..40 {
        // What this process waits for, the other one writes; what it writes itself comes between.
        position = tokio::time::timeout(Duration::from_secs(20), store.wait_past(position)).await.unwrap().unwrap();
        append(&store, 100, n).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let found = found(&store).await;
    assert!(found.len() > 80, "{} events", found.len());
    assert!(store.verify().await.unwrap().is_sound());
}

fn child(file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_that_appends_until_it_is_killed", "--nocapture"])
        .env(FILE, file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the child, lets it work for a while after its first acknowledgement, kills it, and answers what it had acknowledged.
fn killed_after(file: &Path, life: Duration) -> Vec<(u64, String)> {
    let mut child = child(file);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    // Read along, so that a full pipe does not stop the child.
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = std::iter::once(first).chain(reader.join().unwrap());
    lines.flat_map(|line| parse(&line)).collect()
}

fn parse(line: &str) -> Vec<(u64, String)> {
    let list = line.strip_prefix("acknowledged ").unwrap_or_else(|| panic!("the child said: {line}"));
    let event = |event: &str| {
        let (position, id) = event.split_once('=')?;
        Some((position.parse().ok()?, id.to_owned()))
    };
    list.split(' ').map(|text| event(text).unwrap_or_else(|| panic!("the child said: {line}"))).collect()
}

/// Every event in the store; fails if a part of an append is there without the rest.
async fn found(store: &SqliteStore) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    // Events of one append follow each other, and its first, which has a key, tells how many there are.
    let mut missing = HashMap::<String, u64>::new();
    let mut read = Read::all().limit(5_000);
    loop {
        let visit = &mut |event: &RawEvent<'_>| {
            found.push((event.position.0, event.id.to_string()));
            let missing = missing.entry(event.stream.to_owned()).or_default();
            if event.command_key.is_some() {
                assert_eq!(*missing, 0, "half an append before version {} of {}", event.version, event.stream);
                *missing = stored_event_count(event.meta)?;
            }
            *missing -= 1;
            Ok(())
        };
        let page = store.read(&read, visit).await.unwrap();
        read = read.after(page.next.position);
        if page.at_end {
            break;
        }
    }
    assert!(missing.values().all(|missing| *missing == 0), "half an append at the end: {missing:?}");
    found
}
