//! Telling other processes of appends, and hearing of theirs.
//!
//! Never inside an append's transaction: a commit with a notification takes a lock that all of them share, and the
//! server's own group commit is lost. One task tells after the commits, for all that came meanwhile.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::query;
use tokio::sync::Notify;

use crate::connect::{Connections, Lease};
use crate::error::Failure;
use crate::head::Head;

/// Between two notifications at least; what comes meanwhile is told by the next.
const TELL_EVERY: Duration = Duration::from_millis(1);
/// Before a lost connection is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells others that events were stored.
#[derive(Clone)]
pub(crate) struct Teller(Arc<Notify>);

impl Teller {
    /// Starts the task that tells; it ends when it is the last to hold the teller.
    pub(crate) fn start(connections: Connections, channel: String) -> Self {
        let stored = Arc::new(Notify::new());
        let weak = Arc::downgrade(&stored);
        tokio::spawn(async move {
            let mut lease: Option<Lease> = None;
            while let Some(stored) = weak.upgrade() {
                // A look now and then whether anybody is left to tell for.
                if tokio::time::timeout(PAUSE, stored.notified()).await.is_err() {
                    continue;
                }
                drop(stored);
                if connections.are_closed() {
                    break;
                }
                if let Err(failure) = tell(&connections, &mut lease, &channel).await {
                    tracing::debug!(error = %failure.explain(), "a notification was not sent; others look by themselves");
                    lease = None;
                }
                tokio::time::sleep(TELL_EVERY).await;
            }
        });
        Self(stored)
    }

    pub(crate) fn tell(&self) {
        self.0.notify_one();
    }
}

async fn tell(connections: &Connections, lease: &mut Option<Lease>, channel: &str) -> Result<(), Failure> {
    let lease = match lease {
        Some(lease) => lease,
        None => lease.insert(connections.own().await?),
    };
    lease
        .run(async |link| {
            query("SELECT pg_notify($1, '')").bind(channel).execute(&mut link.pg).await?;
            Ok(())
        })
        .await
}

/// Starts the task that listens, for as long as somebody holds `head`'s other end.
pub(crate) fn start_listening(connections: &Connections, channel: String, head: Head) -> tokio::task::JoinHandle<()> {
    // sqlx listens on a connection of a pool; this one has no other.
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(connections.connect_options().clone());
    tokio::spawn(async move {
        loop {
            if let Err(error) = hear(&pool, &channel, &head).await {
                tracing::debug!(%error, "listening for other processes' events was interrupted");
            }
            head.set_listening(false);
            tokio::time::sleep(PAUSE).await;
        }
    })
}

async fn hear(pool: &sqlx::PgPool, channel: &str, head: &Head) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    head.set_listening(true);
    // `None`: the connection was lost, and with it maybe notifications. The caller begins anew.
    while listener.try_recv().await?.is_some() {
        head.news();
    }
    Ok(())
}
