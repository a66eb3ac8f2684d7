//! A rolling deploy, with real programs: two builds at a time on one store, both reading and writing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use eventsource::EventStore;
use eventsource::sqlite::SqliteStore;

use super::programs::program;

/// Commands that each program executes in each stage.
const WORK: i64 = 60;
const STREAMS: i64 = 3;

/// A program that does what it is told.
struct Teller {
    name: &'static str,
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Teller {
    fn start(name: &'static str, store: &Path) -> Self {
        let mut command = Command::new(program(name));
        command.arg(store).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, answers }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn answer(&mut self) -> String {
        self.answers.next().unwrap_or_else(|| panic!("{} has ended", self.name)).unwrap()
    }

    fn asked(&mut self, line: &str) -> String {
        self.tell(line);
        self.answer()
    }

    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "{} ended with an error", self.name);
    }
}

/// Lets two programs work at the same time. Both must then read the same, and all of it.
fn work_together(one: &mut Teller, other: &mut Teller, stages_before: i64) {
    one.tell(&format!("work {WORK}"));
    other.tell(&format!("work {WORK}"));
    assert_eq!((one.answer(), other.answer()), ("done".to_owned(), "done".to_owned()));
    let programs = 2 * (stages_before + 1);
    // Command n deposits n cents, in the streams by turns.
    let sum = |stream| (0..WORK).filter(|n| n % STREAMS == stream).sum::<i64>() * programs;
    let expected = format!("alice {}, bob {}, carol {}, {} events", sum(0), sum(1), sum(2), WORK * programs);
    assert_eq!(one.asked("report"), expected, "{}", one.name);
    assert_eq!(other.asked("report"), expected, "{}", other.name);
}

async fn stored_versions(store: &Path) -> BTreeSet<u32> {
    let store = SqliteStore::open(store).await.unwrap();
    let held = store.held_types().await.unwrap();
    store.close().await.unwrap();
    held.iter().map(|held| held.schema_version).collect()
}

#[tokio::test]
async fn old_and_new_builds_work_on_one_store_through_two_deploys() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("bank.db");
    let mut old = Teller::start("rolling-old", &store);
    assert_eq!(old.asked("report"), "alice 0, bob 0, carol 0, 0 events");

    let mut new = Teller::start("rolling-new", &store);
    work_together(&mut old, &mut new, 0);
    old.stop();
    assert_eq!(stored_versions(&store).await, [2].into(), "the old build could read everything");

    let mut last = Teller::start("rolling-last", &store);
    work_together(&mut new, &mut last, 1);
    new.stop();
    last.stop();
    assert_eq!(stored_versions(&store).await, [2, 3].into());
}
