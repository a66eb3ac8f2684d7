//! Workers that can be killed: a child process, or a runtime of its own inside the test.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, block_in_place};

use super::journal::Journal;
use super::plan::Plan;
use super::worker::{Kind, PATIENCE, Work};

/// Set for the child: its store, its journal, the seed and its number.
const CHILD: &str = "EVENTSOURCE_EVERYTHING_TEST_CHILD";
const APART: &str = "\n";

/// Not a test by itself: what the child process of the tests does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_works_until_it_is_killed_or_stopped() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let [store, journal, seed, number] = told.split(APART).collect::<Vec<_>>().try_into().unwrap();
    let kind = match store.starts_with("postgres") {
        true => Kind::Postgres(store.to_owned()),
        false => Kind::Sqlite(PathBuf::from(store)),
    };
    let journal = Arc::new(Journal::open(journal.as_ref()));
    let plan = Plan { seed: seed.parse().unwrap() };
    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        // It ends with whoever has started this.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = stop.send(());
    });
    Work { plan, number: number.parse().unwrap(), journal }.go_on(kind, stopped).await;
}

pub(super) enum Process {
    Child(Child),
    Inside { runtime: Option<Runtime>, working: JoinHandle<()>, stop: Option<oneshot::Sender<()>> },
}

impl Process {
    /// The first worker is inside, and so is everybody where a store has no other processes.
    pub(super) fn start(work: &Work, kind: &Kind) -> Self {
        match kind {
            Kind::Sqlite(path) if work.number > 0 => Self::child(work, path.to_str().unwrap()),
            Kind::Postgres(url) if work.number > 0 => Self::child(work, url),
            _ => {
                let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
                let (stop, stopped) = oneshot::channel();
                let working = runtime.spawn(work.clone().go_on(kind.clone(), stopped));
                Self::Inside { runtime: Some(runtime), working, stop: Some(stop) }
            }
        }
    }

    fn child(work: &Work, store: &str) -> Self {
        let Work { plan, number, journal } = work;
        let journal = journal.path().to_str().unwrap();
        let told = [store, journal, &plan.seed.to_string(), &number.to_string()].join(APART);
        let child = "everything::process::child_that_works_until_it_is_killed_or_stopped";
        let started = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--nocapture"])
            .env(CHILD, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        Self::Child(started.unwrap())
    }

    /// At once, with whatever is under way.
    pub(super) fn kill(&mut self) {
        match self {
            Self::Child(child) => {
                child.kill().unwrap();
                child.wait().unwrap();
            }
            Self::Inside { runtime, .. } => {
                if let Some(runtime) = runtime.take() {
                    block_in_place(|| runtime.shutdown_timeout(PATIENCE));
                }
            }
        }
    }

    /// It stands still for so long, and then goes on as if nothing had happened.
    pub(super) async fn pause(&mut self, time: Duration) {
        if let Self::Child(child) = self {
            signal(child, "STOP");
            tokio::time::sleep(time).await;
            signal(child, "CONT");
        }
    }

    /// Fails if it has ended by itself.
    pub(super) fn check(&mut self) {
        let is_over = match self {
            Self::Child(child) => child.try_wait().unwrap().is_some(),
            Self::Inside { working, .. } => working.is_finished(),
        };
        assert!(!is_over, "a worker has ended by itself, see above");
    }

    /// In good order.
    pub(super) async fn stop(&mut self) {
        match self {
            Self::Child(child) => {
                drop(child.stdin.take());
                let ended = block_in_place(|| child.wait()).unwrap();
                assert!(ended.success(), "a worker has failed, see above");
            }
            Self::Inside { working, stop, .. } => {
                let _ = stop.take().map(|stop| stop.send(()));
                working.await.unwrap();
                self.kill();
            }
        }
    }
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success(), "{kill} has failed");
}

/// It ends with whoever started it, also if that fails.
impl Drop for Process {
    fn drop(&mut self) {
        match self {
            Self::Child(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Self::Inside { runtime, .. } => {
                if let Some(runtime) = runtime.take() {
                    runtime.shutdown_background();
                }
            }
        }
    }
}
