//! The relay to a real RabbitMQ, which these tests start, kill and start again.

mod conformance;
mod killed;
mod queue;
mod refused;
mod secrets;

use std::time::Duration;

/// Longer than anything takes: only what hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(120);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}
