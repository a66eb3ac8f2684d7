//! Views at work: projections that run beside the recording, and waiting until they have come as far.

use std::sync::Arc;
use std::time::Duration;

use eventsource::{Position, Projections, Statuses, StoreError, Token, View, ViewReader, ViewStore};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::stop::Stop;

use super::{Balance, DailySummary, FeesOfMonth, Suspect, Transaction};

/// Whoever starts again after being killed waits so long for the views that the killed process still seems to hold.
const LEASE: Duration = Duration::from_secs(1);
/// A store that is out of reach for longer than this is broken, and a view that is behind for longer does not go on.
const PATIENCE: Duration = Duration::from_secs(60);

/// The views, which follow what is recorded until they are stopped.
pub(crate) struct Projecting {
    store: Arc<dyn ViewStore>,
    statuses: Statuses,
    suspicious: bool,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Projecting {
    pub(crate) fn start(store: &Arc<dyn ViewStore>, suspicious: bool) -> Self {
        let mut projections = Projections::new(store)
            .lease(LEASE)
            .patience(PATIENCE)
            .view::<Balance>()
            .view::<Transaction>()
            .view::<DailySummary>()
            .view::<FeesOfMonth>();
        if suspicious {
            projections = projections.view::<Suspect>();
        }
        let statuses = projections.statuses();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(projections.run(async {
            // Dropped without a word means the same.
            let _ = stopped.await;
        }));
        Self { store: store.clone(), statuses, suspicious, stop, task }
    }

    /// Waits until every view has everything in it that the token's command had stored or seen; without one, until
    /// the views are there.
    pub(crate) async fn come_to(&self, token: Option<Token>) -> Result<(), StoreError> {
        let here = self.store.identity();
        let token = &token.unwrap_or(Token::new((here.id, here.epoch), Position(0), None));
        self.reader::<Balance>().wait_for(token, PATIENCE).await?;
        self.reader::<Transaction>().wait_for(token, PATIENCE).await?;
        self.reader::<DailySummary>().wait_for(token, PATIENCE).await?;
        self.reader::<FeesOfMonth>().wait_for(token, PATIENCE).await?;
        if let Some(suspicious) = self.suspicious() {
            suspicious.wait_for(token, PATIENCE).await?;
        }
        Ok(())
    }

    /// The fraud report, if it was asked for.
    pub(crate) fn suspicious(&self) -> Option<ViewReader<Suspect>> {
        self.suspicious.then(|| self.reader())
    }

    pub(crate) fn reader<V: View>(&self) -> ViewReader<V> {
        ViewReader::new(self.store.clone()).with_statuses(&self.statuses)
    }

    /// Ends each view's batch, and leaves the views to whoever comes next.
    pub(crate) async fn stop(self) -> Result<(), Stop> {
        let _ = self.stop.send(());
        self.task.await.map_err(Stop::broken)??;
        Ok(())
    }
}
