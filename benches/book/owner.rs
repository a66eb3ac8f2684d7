//! By hand, what a repository with a cache and group commit is: states in a sharded map, and a task that writes what waits.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

use eventsource::Apply;
use tokio::sync::{mpsc, oneshot};

use super::by_hand::{RawRow, encode};
use super::domain::{Account, nth};
use super::scenario::Round;
use super::sides::Side;

/// Rows, and whom to tell when they are stored.
pub type Job = (Vec<RawRow>, oneshot::Sender<()>);

/// What a writer takes together, at most.
const BATCH: usize = 512;

/// A task that writes what waits, by what is done to the rows of each and gives the connection back.
pub fn writer<C, F>(
    mut connection: C,
    write: impl Fn(C, Vec<Vec<RawRow>>) -> F + Send + 'static,
) -> mpsc::UnboundedSender<Job>
where
    C: Send + 'static,
    F: Future<Output = C> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::unbounded_channel::<Job>();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while receiver.recv_many(&mut waiting, BATCH).await > 0 {
            let (rows, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
            connection = write(connection, rows).await;
            for answer in answers {
                let _ = answer.send(());
            }
        }
    });
    sender
}

/// Has rows written, and waits for it.
pub async fn append(writer: &mpsc::UnboundedSender<Job>, rows: Vec<RawRow>) {
    let (answer, answered) = oneshot::channel();
    writer.send((rows, answer)).expect("the writer lives");
    answered.await.expect("the writer answers");
}

/// Appends of so many events by the writing task, without a state, by each task to a stream of its own.
pub async fn appends(
    side: &mut Side,
    round: Round,
    writer: &mpsc::UnboundedSender<Job>,
    (label, count): (&str, usize),
    events: u64,
) {
    side.tasks(round, count, |task, mut laps| {
        let (writer, stream) = (writer.clone(), format!("account-{label}-{}-{task}", round.number));
        async move {
            for n in laps.by_ref() {
                append(&writer, RawRow::several(&stream, n * events, events)).await;
            }
            laps
        }
    })
    .await;
}

/// States and versions; whoever holds a shard's lock decides.
type Shard = Mutex<HashMap<String, (Account, i64)>>;

#[derive(Clone)]
pub struct Owner {
    shards: Arc<Vec<Shard>>,
    hasher: RandomState,
    // As long as there are tasks, which wait for their answers.
    writer: mpsc::UnboundedSender<Job>,
}

impl Owner {
    pub fn new(writer: mpsc::UnboundedSender<Job>) -> Self {
        const SHARDS: usize = 64;
        Self { shards: Arc::new((0..SHARDS).map(|_| Shard::default()).collect()), hasher: RandomState::new(), writer }
    }

    /// Decides, encodes, applies and sends in turn, and answers when it is stored.
    pub async fn command(&self, stream: &str, n: u64) {
        let answered = {
            let shard = self.hasher.hash_one(stream) as usize % self.shards.len();
            let mut states = self.shards[shard].lock().expect("a shard");
            if !states.contains_key(stream) {
                states.insert(stream.to_owned(), Default::default());
            }
            let (account, version) = states.get_mut(stream).expect("a state");
            std::hint::black_box(account.cents);
            let event = nth(n);
            let (name, data) = encode(&event);
            account.apply(&event);
            *version += 1;
            let (answer, answered) = oneshot::channel();
            let row = RawRow { stream: stream.to_owned(), version: *version, name, data };
            self.writer.send((vec![row], answer)).expect("the writer lives");
            answered
        };
        answered.await.expect("the writer answers");
    }

    /// Commands of as many tasks, to the streams that `stream` names by task.
    pub async fn commands(&self, side: &mut Side, round: Round, count: usize, stream: impl Fn(usize) -> String) {
        side.tasks(round, count, |task, mut laps| {
            let (owner, stream) = (self.clone(), stream(task));
            async move {
                for n in laps.by_ref() {
                    owner.command(&stream, n).await;
                }
                laps
            }
        })
        .await;
    }
}
