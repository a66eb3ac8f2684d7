//! Appends and readers that go on whatever happens to the server, and what they were told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use eventsource::postgres::PgStore;
use eventsource::{AppendOutcome, AppendRequest, Appended, EventStore, ExpectedVersion, Position, StoreError, Version};
use tokio::task::JoinHandle;

use super::things::{
    Seen, any, check_order, events, everything, exact, in_time, is_whole, page, request, thing, until,
};

const PAUSE: Duration = Duration::from_millis(10);
/// Between two appends of a task: what is tested is not how fast they are.
const BREATH: Duration = Duration::from_millis(2);
/// So that a reader sees that it is over.
const NAP: Duration = Duration::from_millis(200);

/// What a writer does.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A stream of its own, by version, one to three events at a time.
    Chain,
    /// The stream that all write.
    Hot,
    /// The same with a command key.
    Keyed,
    /// Two streams of its own, by version.
    Pair,
    /// A new stream each time, and no second attempt if the answer is lost.
    New,
    /// The same with the stream that all write beside it.
    NewAndHot,
    /// A stream of its own, on the condition that nothing is in another.
    OnCondition,
}

const KINDS: [Kind; 7] =
    [Kind::Chain, Kind::Hot, Kind::Keyed, Kind::Pair, Kind::New, Kind::NewAndHot, Kind::OnCondition];

/// Writers of each kind and a reader for each store.
pub(super) struct Load {
    state: Arc<State>,
    writers: Vec<JoinHandle<Vec<Sent>>>,
    readers: Vec<JoinHandle<Vec<Seen>>>,
}

#[derive(Default)]
struct State {
    over: AtomicBool,
    acknowledged: AtomicU64,
    failed: AtomicU64,
    /// How far the readers must come, once it is known.
    last: AtomicU64,
}

struct Sent {
    request: Arc<AppendRequest>,
    acknowledged: Option<Appended>,
}

impl Load {
    pub(super) fn start(stores: &[PgStore]) -> Self {
        let state = Arc::new(State::default());
        let mut writers = Vec::new();
        for (number, store) in stores.iter().enumerate() {
            for kind in KINDS {
                let name = format!("{number}-{kind:?}").to_lowercase();
                writers.push(tokio::spawn(write(store.clone(), state.clone(), kind, name)));
            }
        }
        let readers = stores.iter().map(|store| tokio::spawn(follow(store.clone(), state.clone()))).collect();
        Self { state, writers, readers }
    }

    /// Waits until so many more appends are acknowledged.
    pub(super) async fn goes_on(&self, appends: u64) {
        let target = self.state.acknowledged.load(SeqCst) + appends;
        until("appends go on", async || {
            assert!(!self.writers.iter().any(JoinHandle::is_finished), "a writer has failed");
            self.state.acknowledged.load(SeqCst) >= target
        })
        .await;
    }

    /// How many appends have failed so far.
    pub(super) fn failures(&self) -> u64 {
        self.state.failed.load(SeqCst)
    }

    /// Ends it and compares what is stored with what was acknowledged and what was read.
    pub(super) async fn check(self, store: &PgStore) {
        self.state.over.store(true, SeqCst);
        let mut sent = Vec::new();
        for writer in self.writers {
            sent.extend(in_time("a writer ends", writer).await.expect("a writer"));
        }
        let last = everything(store).await.last().expect("something was stored").position;
        self.state.last.store(last.0, SeqCst);
        let mut read = Vec::new();
        for reader in self.readers {
            read.push(in_time("a reader reaches the end", reader).await.expect("a reader"));
        }
        let all = everything(store).await;
        check_order(&all);
        for seen in read {
            let reached = seen.last().expect("something was read").position;
            let there: Vec<_> = all.iter().filter(|event| event.position <= reached).cloned().collect();
            assert!(seen == there, "a reader saw {} events where {} are", seen.len(), there.len());
        }
        let by_id: HashMap<_, _> = all.iter().map(|seen| (seen.id, seen.clone())).collect();
        let mut count = 0;
        for Sent { request, acknowledged } in &sent {
            let whole = is_whole(request, &by_id);
            count += if whole { request.event_count() } else { 0 };
            let Some(appended) = acknowledged else { continue };
            assert!(whole, "acknowledged and lost: {request:?}");
            for (write, place) in request.writes.iter().zip(&appended.streams) {
                let positions: Vec<_> = write.events.iter().map(|event| by_id[&event.id].position).collect();
                assert_eq!(positions, place.positions, "the acknowledged positions of {request:?}");
                assert_eq!(by_id[&write.events[write.events.len() - 1].id].version, place.version);
            }
        }
        assert_eq!(count, all.len(), "what is stored was sent");
    }
}

impl Kind {
    fn gives_up(self) -> bool {
        matches!(self, Self::New | Self::NewAndHot)
    }

    /// The `n`th request of the writer `name`, whose own streams have so many events.
    fn request(self, name: &str, n: u64, version: u64) -> Arc<AppendRequest> {
        let count = 1 + (n % 3) as usize;
        match self {
            Self::Chain => request(name, exact(version), count),
            Self::Hot => any("hot"),
            Self::Keyed => {
                let request = AppendRequest::new(thing("hot"), ExpectedVersion::Any, events(count));
                request.with_command_key(format!("{name}-{n}")).into()
            }
            Self::Pair => AppendRequest::new(thing(format!("{name}-a")), exact(version), events(count))
                .and(thing(format!("{name}-b")), exact(version), events(count))
                .into(),
            Self::OnCondition => {
                let request = AppendRequest::new(thing(name), exact(version), events(count));
                request.on_condition(thing("empty"), Version(0)).into()
            }
            Self::New => request(format!("{name}-{n}"), ExpectedVersion::NoStream, count),
            Self::NewAndHot => {
                AppendRequest::new(thing(format!("{name}-{n}")), ExpectedVersion::NoStream, events(count))
                    .and(thing("hot"), ExpectedVersion::Any, events(1))
                    .into()
            }
        }
    }
}

async fn write(store: PgStore, state: Arc<State>, kind: Kind, name: String) -> Vec<Sent> {
    let (mut sent, mut version) = (Vec::new(), 0);
    for n in 0.. {
        if state.over.load(SeqCst) {
            break;
        }
        let request = kind.request(&name, n, version);
        let acknowledged = send(&store, &state, kind, &request).await;
        if let Some(appended) = &acknowledged {
            version = appended.streams[0].version.0;
            state.acknowledged.fetch_add(1, SeqCst);
        }
        sent.push(Sent { request, acknowledged });
        tokio::time::sleep(BREATH).await;
    }
    sent
}

async fn send(store: &PgStore, state: &State, kind: Kind, request: &Arc<AppendRequest>) -> Option<Appended> {
    loop {
        match store.append(request.clone()).await {
            Ok(AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended)) => return Some(appended),
            Ok(AppendOutcome::Conflict(conflict)) => panic!("{kind:?}: {conflict} for {request:?}"),
            Err(error) => {
                assert!(error.is_transient(), "{kind:?}: {error}");
                state.failed.fetch_add(1, SeqCst);
                if kind.gives_up() {
                    return None;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Reads on from where it is until it has come to the end that `state` names.
async fn follow(store: PgStore, state: Arc<State>) -> Vec<Seen> {
    let (mut all, mut after) = (Vec::new(), Position(0));
    loop {
        let last = state.last.load(SeqCst);
        if last > 0 && after.0 >= last {
            return all;
        }
        match step(&store, after).await {
            Ok((seen, next)) => {
                assert!(next >= after, "a cursor went back from {after} to {next}");
                all.extend(seen);
                after = next;
            }
            Err(error) => {
                assert!(error.is_transient(), "a reader: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn step(store: &PgStore, after: Position) -> Result<(Vec<Seen>, Position), StoreError> {
    let (seen, next) = page(store, after).await?;
    if seen.is_empty()
        && let Ok(waited) = tokio::time::timeout(NAP, store.wait_past(after)).await
    {
        waited?;
    }
    Ok((seen, next))
}
