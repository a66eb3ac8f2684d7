//! Many tasks on two handles, with and without the view, on few streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use eventsource::{AppendOutcome, AppendRequest, EventStore, ExpectedVersion, InlineStore, NewEvent, Version};

use super::things::*;

const TASKS: u64 = 8;
const STREAMS: u64 = 5;
const TIME: Duration = Duration::from_secs(3);
/// On a machine that has other things to do.
const AT_MOST: Duration = Duration::from_secs(60);

/// What became of the appends.
#[derive(Default)]
struct Seen {
    stored: AtomicUsize,
    conflicts: AtomicUsize,
    repeated: AtomicUsize,
    gave_up: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_inline_table_equals_the_rebuilt_one_under_the_race_load() {
    struct Test;
    impl OnEach for Test {
        async fn on<S: InlineStore + Clone>(&self, store: S, another: S) {
            stored(&store, 0, vec![moved(1)]).await;
            let seen = Arc::new(Seen::default());
            let began = Instant::now();
            let mut tasks = tokio::task::JoinSet::new();
            for task in 0..TASKS {
                let handle = if task % 2 == 0 { store.clone() } else { another.clone() };
                let (kept, seen) = (inline(handle.clone()).await, seen.clone());
                tasks.spawn(async move {
                    for round in 0.. {
                        let time = began.elapsed();
                        if time > AT_MOST || time > TIME && seen.was_a_race() {
                            return;
                        }
                        let request = request(task, round);
                        // One of four does not know the view.
                        let appended = match (task + round) % 4 {
                            0 => handle.append(request.into()).await,
                            _ => kept.append(request.into()).await,
                        };
                        seen.note(appended);
                    }
                });
            }
            // Others begin to keep it meanwhile.
            for _ in 0..5 {
                tokio::time::sleep(TIME / 6).await;
                inline(another.clone()).await;
            }
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
            assert!(seen.was_a_race(), "{seen}");
            // What the last appends without the view have left.
            inline(store.clone()).await;
            is_exact(&store).await;
        }
    }
    on_each(Test).await;
}

fn request(task: u64, round: u64) -> AppendRequest {
    let die = (task * 7_919 + round * 104_729) % 1_000_003;
    let (id, other) = (die % STREAMS, (die + 1 + die % (STREAMS - 1)) % STREAMS);
    let events = |cents: u64| -> Vec<NewEvent> {
        match die % 11 {
            0 => vec![closed()],
            1 => vec![closed(), moved(cents as i64)],
            2 => vec![noted()],
            3 => vec![moved(1), noted(), moved(cents as i64)],
            _ => vec![moved(cents as i64)],
        }
    };
    match die % 7 {
        0 => AppendRequest::new(account(id), ExpectedVersion::Any, events(die)).and(
            account(other),
            ExpectedVersion::Any,
            events(die),
        ),
        // Everybody uses it at some time.
        1 => AppendRequest::new(account(id), ExpectedVersion::Any, events(die))
            .with_command_key(format!("{}", round / 4)),
        2 => AppendRequest::new(account(id), Version(round), events(die)),
        3 => AppendRequest::new(account(id), ExpectedVersion::Any, events(die)).on_condition(account(99), Version(0)),
        _ => AppendRequest::new(account(id), ExpectedVersion::Any, events(die)),
    }
}

impl Seen {
    fn note(&self, appended: Result<AppendOutcome, eventsource::StoreError>) {
        let counter = match appended {
            Ok(AppendOutcome::Stored(_)) => &self.stored,
            Ok(AppendOutcome::Conflict(_)) => &self.conflicts,
            Ok(AppendOutcome::AlreadyStored(_)) => &self.repeated,
            // A race that was lost too often.
            Err(error) if error.is_transient() => &self.gave_up,
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        };
        counter.fetch_add(1, Relaxed);
    }

    fn was_a_race(&self) -> bool {
        [&self.stored, &self.conflicts, &self.repeated].iter().all(|count| count.load(Relaxed) > 10)
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [stored, conflicts, repeated, gave_up] =
            [&self.stored, &self.conflicts, &self.repeated, &self.gave_up].map(|count| count.load(Relaxed));
        write!(f, "{stored} stored, {conflicts} conflicts, {repeated} repeated, {gave_up} gave up")
    }
}
