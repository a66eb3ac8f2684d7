//! An append that keeps a view inline, beside the same append without it.

use eventsource::postgres::PgOptions;
use eventsource::sqlite::SqliteStore;
use eventsource::{EventStore, Fold, InlineStore, InlineViews, Recorded, Version, View};

use super::Moves;
use crate::domain::{Account, Deposited, Withdrawn};
use crate::measure::{Rounds, Scale, folder, micros_each};
use crate::postgres::server;
use crate::scenarios::{append, stream};

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

pub async fn sqlite(scale: &Scale) -> Rounds {
    let folder = folder();
    let open = async |name: &str| SqliteStore::open(folder.path().join(name)).await.expect("opens");
    beside_each_other(scale, open("kept.db").await, open("plain.db").await).await
}

pub async fn postgres(scale: &Scale) -> Rounds {
    let database = server::database().await;
    let store = async |schema| server::store(&database, PgOptions::default().listen(false).schema(schema)).await;
    beside_each_other(scale, store("kept").await, store("plain").await).await
}

/// Microseconds an append, one after the other.
async fn beside_each_other<S: InlineStore + Clone>(scale: &Scale, kept: S, plain: S) -> Rounds {
    let kept = InlineViews::new(kept).add::<Account, Kept>().start().await.expect("starts");
    let mut rounds = Rounds::default();
    for round in 0..scale.rounds {
        rounds.ours.push(micros(&kept, round, scale.appends).await);
        rounds.raw.push(micros(&plain, round, scale.appends).await);
    }
    rounds
}

async fn micros(store: &dyn EventStore, round: usize, appends: usize) -> f64 {
    let first = (round * appends) as u64;
    let all = async {
        for n in first..first + appends as u64 {
            append(store, stream(n % STREAMS), n / STREAMS, n).await;
        }
    };
    micros_each(appends, all).await
}
