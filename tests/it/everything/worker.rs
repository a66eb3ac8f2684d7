//! One of two processes: several tasks that do what the plan says, projections and a process manager beside them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsource::memory::MemoryStore;
use eventsource::postgres::PgStore;
use eventsource::sqlite::SqliteStore;
use eventsource::{
    Aggregate, AppendOutcome, AppendRequest, CacheLimits, EventStore, ExecuteError, ExecuteOptions, Executed,
    ExpectedVersion, InlineStore, InlineViews, NewEvent, Projections, Repository, Retry, StoreError, StoreWithViews,
    StreamId, ViewReader,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::domain::{Account, Asked, Kept, Projected, Requested, Sums, Transfer};
use super::journal::{End, Journal, Line, Place};
use super::plan::{Form, Operation, Plan, Raw, WAYS, Way, What};
use super::user::User;

/// Longer than anything takes: only what hangs runs into it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// The same request, when its answer is lost.
const SENT: usize = 3;
/// Enough for whoever loses race after race.
const ATTEMPTS: usize = 200;
pub(super) const LEASE: Duration = Duration::from_secs(1);

/// Where everything is kept.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Memory(MemoryStore),
    Sqlite(PathBuf),
    Postgres(String),
}

/// What a worker is to do, and where it says what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) plan: Plan,
    pub(super) number: u64,
    pub(super) journal: Arc<Journal>,
}

impl Work {
    /// Goes on where a worker that was killed has ended; until it is stopped, so that others find its projections.
    pub(super) async fn go_on(self, kind: Kind, stop: oneshot::Receiver<()>) {
        match kind {
            Kind::Memory(store) => Worker::start(self, store, None).await.work(stop).await,
            Kind::Sqlite(path) => {
                let store = surely("opens", || SqliteStore::open(&path)).await;
                Worker::start(self, store.clone(), None).await.work(stop).await;
                store.close().await.unwrap();
            }
            Kind::Postgres(url) => {
                let options = crate::postgres::patient().group_commit(self.plan.group_commit());
                let store = surely("connects", || PgStore::connect_with(&url, options.clone())).await;
                let user = User::new(url, store.clone());
                Worker::start(self, store.clone(), Some(user)).await.work(stop).await;
                store.close().await.unwrap();
            }
        }
    }
}

/// Does what may be done twice until it is done.
pub(super) async fn surely<T, F>(what: &str, work: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    let began = Instant::now();
    loop {
        match work().await {
            Ok(done) => return done,
            Err(error) if error.is_transient() => {
                assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}: {error}");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => panic!("{what}: {error:?}"),
        }
    }
}

struct Worker<S> {
    work: Work,
    store: S,
    kept: StoreWithViews<S>,
    accounts: HashMap<Way, Repository<Account>>,
    transfers: HashMap<Way, Repository<Transfer>>,
    user: Option<User>,
}

impl<S: InlineStore + Clone> Worker<S> {
    async fn start(work: Work, store: S, user: Option<User>) -> Self {
        let kept = || InlineViews::new(store.clone()).add::<Account, Kept>().start();
        let kept = surely("the inline view starts", kept).await;
        let accounts = WAYS.map(|way| {
            let store: Arc<dyn EventStore> = match way.is_kept() {
                true => Arc::new(kept.clone()),
                false => Arc::new(store.clone()),
            };
            (way, repository(store, way, work.plan))
        });
        let transfers = WAYS.map(|way| (way, repository(Arc::new(store.clone()), way, work.plan)));
        let (accounts, transfers) = (accounts.into(), transfers.into());
        Self { work, store, kept, accounts, transfers, user }
    }

    async fn work(self, stop: oneshot::Receiver<()>) {
        let worker = Arc::new(self);
        let Work { plan, number, journal } = worker.work.clone();
        let (end, ended) = oneshot::channel::<()>();
        let projections = Projections::new(&worker.kept).lease(LEASE).batch(plan.batch());
        let projections = tokio::spawn(projections.view::<Projected>().manager::<Transfer>().run(async {
            let _ = ended.await;
        }));
        let known = Arc::new(journal.known());
        let mut tasks = JoinSet::new();
        for task in 0..plan.tasks() {
            tasks.spawn(worker.clone().follow(plan.operations(number, task), known.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            match ended {
                // Killed, as this will be.
                Err(error) if error.is_cancelled() => return,
                ended => ended.unwrap(),
            }
        }
        journal.write(&Line::Done(number));
        let _ = stop.await;
        let _ = end.send(());
        projections.await.unwrap().unwrap();
    }

    async fn follow(self: Arc<Self>, operations: Vec<Operation>, known: Arc<HashMap<String, bool>>) {
        for operation in operations {
            match known.get(&operation.tag) {
                Some(true) => continue,
                // Nobody knows, and nobody can ask.
                Some(false) if !operation.is_keyed => continue,
                Some(false) => {}
                None => self.work.journal.write(&Line::Began(operation.tag.clone())),
            }
            let end = self.answered(&operation).await;
            self.work.journal.write(&Line::Ended(operation.tag, end));
        }
    }

    /// What has a key is repeated until the answer is known.
    async fn answered(&self, operation: &Operation) -> End {
        let began = Instant::now();
        let mut patience = operation.patience;
        loop {
            let end = match patience.take() {
                Some(patience) => tokio::time::timeout(patience, self.once(operation)).await.unwrap_or(End::Unknown),
                None => self.once(operation).await,
            };
            match end {
                End::Unknown if operation.is_keyed => {
                    assert!(began.elapsed() < PATIENCE, "no answer to {operation:?} within {PATIENCE:?}");
                    tokio::time::sleep(PAUSE).await;
                }
                end => return end,
            }
        }
    }

    async fn once(&self, operation: &Operation) -> End {
        let Operation { tag, account, what, is_keyed, way, .. } = operation;
        let id = account.to_string();
        let options = match is_keyed {
            true => ExecuteOptions::new().command_key(tag),
            false => ExecuteOptions::new(),
        };
        let accounts = &self.accounts[way];
        match what {
            What::Ask(ask) => {
                let asked = Asked { ask: ask.clone(), tag: tag.clone() };
                let executed = accounts.handle_with(&id, options, asked).await;
                executed_or(executed, |no| End::Refused(no.0), |account| Some(account.sums))
            }
            What::Transfer { to, cents } => {
                let requested = |_: &Transfer| Requested { from: id.clone(), to: to.to_string(), cents: *cents };
                let executed = self.transfers[way].execute_with(tag, options, requested).await;
                executed_or(executed, |never| match never {}, |_| None)
            }
            What::Raw(raws) => self.raw(raws, tag, *is_keyed, *way).await,
            What::Within { cents, is_committed, hold } => {
                let raw = Raw { account: *account, form: Form::Cents(*cents) };
                match &self.user {
                    Some(user) => user.within(request(&[raw], tag, *is_keyed), tag, *is_committed, *hold).await,
                    None if *is_committed => self.raw(&[raw], tag, *is_keyed, *way).await,
                    None => End::Undone,
                }
            }
            What::Load => looked(accounts.load(&id).await.map(|account| (account.version.0, account.state.sums))),
            What::LoadCached => {
                looked(accounts.load_cached(&id).await.map(|account| (account.version.0, account.state.sums)))
            }
            What::Row => {
                let row = ViewReader::<Kept>::inline(self.kept.clone()).get(id.as_str()).await;
                looked(row.map(|row| match row {
                    None => (0, Sums::default()),
                    Some(Kept { version, cents, facts, trace, .. }) => {
                        (version.0, Sums { is_open: false, cents, facts, trace })
                    }
                }))
            }
        }
    }

    async fn raw(&self, raws: &[Raw], tag: &str, is_keyed: bool, way: Way) -> End {
        let request = Arc::new(request(raws, tag, is_keyed));
        for _ in 0..SENT {
            let appended = match way.is_kept() {
                true => self.kept.append(request.clone()).await,
                false => self.store.append(request.clone()).await,
            };
            match appended {
                Err(error) => assert!(may_pass(&error), "{error:?}"),
                Ok(outcome) => return places(&request, outcome),
            }
        }
        End::Unknown
    }
}

fn repository<A: Aggregate>(store: Arc<dyn EventStore>, way: Way, plan: Plan) -> Repository<A> {
    let repository = Repository::new(store).with_retry(Retry::attempts(ATTEMPTS));
    match way {
        Way::Cached | Way::KeptCached => repository.with_cache(CacheLimits::default().states(plan.cached_states())),
        Way::Directly | Way::KeptDirectly => repository.without_cache(),
    }
}

fn request(raws: &[Raw], tag: &str, is_keyed: bool) -> AppendRequest {
    let mut request = AppendRequest::default();
    for raw in raws {
        let (stream, (name, version, data)) = raw.event(tag);
        let event = NewEvent::new(name, version, data.to_string().into_bytes());
        let stream = StreamId::parse(&stream).unwrap();
        request = match request.writes.is_empty() {
            true => AppendRequest::new(stream, ExpectedVersion::Any, vec![event]),
            false => request.and(stream, ExpectedVersion::Any, vec![event]),
        };
    }
    match is_keyed {
        true => request.with_command_key(tag),
        false => request,
    }
}

pub(super) fn places(request: &AppendRequest, outcome: AppendOutcome) -> End {
    let (AppendOutcome::Stored(appended) | AppendOutcome::AlreadyStored(appended)) = outcome else {
        panic!("an append to any version is {outcome:?}");
    };
    let places = request.writes.iter().zip(appended.streams).map(|(write, place)| Place {
        stream: write.stream.to_string(),
        events: place.positions.len() as u64,
        version: place.version.0,
        position: place.positions.last().unwrap().0,
    });
    End::Stored { places: places.collect(), sums: None }
}

fn executed_or<A: Aggregate, R>(
    executed: Result<Executed<A>, ExecuteError<R>>,
    refused: impl Fn(R) -> End,
    sums: impl Fn(&A) -> Option<Sums>,
) -> End {
    match executed {
        Ok(executed) => match executed.events.last() {
            Some(last) => {
                let events = executed.events.len() as u64;
                assert_eq!((last.version, last.position), (executed.version, executed.position));
                let (version, position) = (executed.version.0, executed.position.0);
                let place = Place { stream: last.stream.to_string(), events, version, position };
                End::Stored { places: vec![place], sums: sums(&executed.state) }
            }
            None => End::Nothing { version: executed.version.0, sums: sums(&executed.state).unwrap_or_default() },
        },
        Err(ExecuteError::Refused(no)) => refused(no),
        Err(ExecuteError::Conflict(conflict)) => panic!("{ATTEMPTS} attempts, and still {conflict}"),
        Err(ExecuteError::Store(error)) => {
            assert!(may_pass(&error), "{error:?}");
            End::Unknown
        }
    }
}

fn looked(seen: Result<(u64, Sums), StoreError>) -> End {
    match seen {
        Ok((version, sums)) => End::Seen { version, sums },
        Err(error) => {
            assert!(may_pass(&error), "{error:?}");
            End::Undone
        }
    }
}

pub(super) fn may_pass(error: &StoreError) -> bool {
    error.is_transient() || error.is_overloaded()
}
