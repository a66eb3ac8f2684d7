//! How far projections are behind, asked of the store.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::contract::read::Read;
use crate::contract::store::EventStore;
use crate::words::error::StoreError;
use crate::words::stream::Position;

use super::status::{Activity, Known, ProjectionStatus, Statuses};

/// So many pages that hold no event of the projection are passed over until it counts as behind from there on.
const MOST_PAGES: usize = 16;

/// How far a projection is behind, in whichever process it runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// What this process knows of it, with the position as the store has it.
    pub status: ProjectionStatus,
    /// The newest event that readers of the store see.
    pub head: Position,
    /// Positions from the oldest event that it has not handled up to the head, both counted; 0 if it has handled all.
    ///
    /// So many events wait for it at most: between them lie events of no concern to it, and positions that no event has.
    pub lag: u64,
    /// The age of the oldest event that it has not handled, by the store's clock; zero if it has handled all.
    pub lag_time: Duration,
    /// For how long an append that is still open has held back all readers; see [`StoreHead`](crate::StoreHead).
    /// What lies behind it is seen by nobody and counts nowhere, so a lag of 0 says nothing while this grows.
    pub held_back: Duration,
    /// When it will have come to the head, if it goes on as in the last ten seconds and nothing is added; none where
    /// it does not move, or runs in another process.
    pub left: Option<Duration>,
}

impl Statuses {
    /// How far each is behind, in the order in which they were added; also while somebody else runs them, or nobody.
    ///
    /// It asks the store for its head, and for each projection that is not there at most for its checkpoint and for one
    /// event. Fails if the store does.
    ///
    /// ```
    /// # use eventsource::{DomainEvent, Fold, Projections, Recorded, StoreError, View, memory::MemoryStore};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(DomainEvent, Serialize, Deserialize)]
    /// # #[event(name = "account.opened", version = 1)]
    /// # struct Opened { owner: String }
    /// # #[derive(View)]
    /// # #[view(name = "balances", version = 1, events(Opened))]
    /// # struct Balance { #[view(key = stream)] account: String }
    /// # impl Fold<Opened> for Balance {
    /// #     fn fold(_: &String, row: Option<Self>, _: &Recorded<Opened>) -> Option<Self> { row }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), StoreError> {
    /// # let store = MemoryStore::new();
    /// let statuses = Projections::new(&store).view::<Balance>().statuses();
    /// for progress in statuses.progress().await? {
    ///     println!("{}: {} events behind, since {:?}", progress.status.name, progress.lag, progress.lag_time);
    /// #   assert_eq!(progress.lag, 0);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn progress(&self) -> Result<Vec<Progress>, StoreError> {
        let known = self.known();
        let head = self.store.head().await?;
        let mut all = Vec::with_capacity(known.len());
        for Known { mut status, follows, positions_per_second, meter } in known {
            if !matches!(status.activity, Activity::CatchingUp | Activity::Live) {
                let checkpoint = self.store.load_checkpoint(&follows.key).await?;
                status.position = checkpoint.map(|checkpoint| checkpoint.cursor.position).unwrap_or_default();
            }
            let oldest = match status.position < head.newest {
                true => oldest(&*self.store, follows.read.after(status.position)).await?,
                false => None,
            };
            let lag = oldest.map_or(0, |(position, _)| head.newest.0.max(position.0) - position.0 + 1);
            let since = oldest.and_then(|(_, recorded_at)| recorded_at);
            let progress = Progress {
                head: head.newest,
                lag,
                lag_time: since.and_then(|since| (head.time - since).to_std().ok()).unwrap_or_default(),
                held_back: head.held_back,
                left: left(lag, positions_per_second),
                status,
            };
            meter.progress(&progress);
            all.push(progress);
        }
        Ok(all)
    }
}

/// Where the first event of a read stands, and when it was recorded, if pages were not given up before it was found.
async fn oldest(store: &dyn EventStore, read: Read) -> Result<Option<(Position, Option<DateTime<Utc>>)>, StoreError> {
    let mut read = read.limit(1);
    for _ in 0..MOST_PAGES {
        let mut found = None;
        let page = store
            .read(&read, &mut |event| {
                found = Some((event.position, Some(event.recorded_at)));
                Ok(())
            })
            .await?;
        if found.is_some() || page.at_end {
            return Ok(found);
        }
        read = read.after(page.next.position);
    }
    Ok(Some((Position(read.after.0 + 1), None)))
}

fn left(lag: u64, per_second: f64) -> Option<Duration> {
    match lag {
        0 => Some(Duration::ZERO),
        // Neither by zero, nor into more than a duration holds.
        _ => Duration::try_from_secs_f64(lag as f64 / per_second).ok(),
    }
}

/// What a caller wants to be told.
type Tell = dyn FnMut(&[Progress]) + Send;

/// Who is told of progress, and how often.
pub(super) struct Telling {
    pub(super) every: Duration,
    pub(super) tell: Box<Tell>,
}

impl Telling {
    /// Until it is dropped. While the store is out of reach there is nothing to tell.
    pub(super) async fn go_on(mut self, statuses: Statuses) {
        loop {
            match statuses.progress().await {
                Ok(progress) => (self.tell)(&progress),
                Err(error) => tracing::debug!(%error, "the store does not say how far projections are behind"),
            }
            tokio::time::sleep(self.every).await;
        }
    }
}
