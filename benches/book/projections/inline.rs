//! An append that keeps a view inline, beside the same append without it.

use eventsource::postgres::PgOptions;
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, Fold, InlineStore, InlineViews, Recorded, Version, View};

use super::Moves;
use crate::book::domain::{Account, Deposited, Withdrawn};
use crate::book::postgres::server;
use crate::book::scenario::{Round, Scale};
use crate::book::sides::{Side, Sides};
use crate::book::system::folder;
use crate::book::work::{append, stream};

/// Streams that are appended to in turn.
const STREAMS: u64 = 100;

#[derive(View, Clone)]
#[view(name = "kept_balances", version = 1, events(Deposited, Withdrawn))]
struct Kept {
    #[view(key = stream)]
    account: String,
    #[view(version)]
    version: Version,
    cents: i64,
    count: i64,
}

impl<E: Moves> Fold<E> for Kept {
    fn fold(account: &String, row: Option<Self>, moved: &Recorded<E>) -> Option<Self> {
        let (cents, count) = row.map_or((0, 0), |row| (row.cents, row.count));
        let cents = cents + moved.event.cents();
        Some(Self { account: account.clone(), version: moved.version, cents, count: count + 1 })
    }
}

pub async fn sqlite(scale: Scale) -> Sides {
    let folder = folder();
    let open = async |name: &str| SqliteStore::open(folder.path().join(name)).await.expect("opens");
    beside_each_other(scale, open("kept.db").await, open("plain.db").await).await
}

pub async fn postgres(scale: Scale) -> Sides {
    let database = server::database().await;
    let store = async |schema| server::store(&database, PgOptions::default().listen(false).schema(schema)).await;
    beside_each_other(scale, store("kept").await, store("plain").await).await
}

async fn beside_each_other<S: InlineStore + Clone>(scale: Scale, kept: S, plain: S) -> Sides {
    let kept = InlineViews::new(kept).add::<Account, Kept>().start().await.expect("starts");
    let mut sides = Sides::rates();
    for round in scale.rounds() {
        appends(&mut sides.ours, round, &kept).await;
        appends(&mut sides.raw, round, &plain).await;
    }
    sides
}

/// One after the other, to streams in turns.
async fn appends(side: &mut Side, round: Round, store: &(impl EventStore + Clone)) {
    side.tasks(round, 1, |_, mut laps| {
        let store = store.clone();
        async move {
            for n in laps.by_ref() {
                let stream = stream(format!("{}-{}", round.number, n % STREAMS));
                append(&store, stream, n / STREAMS, n..n + 1).await;
            }
            laps
        }
    })
    .await;
}
