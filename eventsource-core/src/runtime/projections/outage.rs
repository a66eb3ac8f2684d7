//! While a sink cannot deliver: said in its status and in the log, and that it is over, too.

use std::time::Duration;

use tokio::time::Instant;

use crate::words::error::StoreError;
use crate::words::event::now;

use super::status::Entry;

/// Between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// A time in which every delivery failed, if there is one.
pub(super) struct Outage {
    status: Entry,
    began: Option<Instant>,
    warn_at: Instant,
}

impl Outage {
    pub(super) fn none(status: Entry) -> Self {
        Self { status, began: None, warn_at: Instant::now() }
    }

    /// A delivery has failed, and will be tried again.
    pub(super) fn goes_on(&mut self, error: &StoreError) {
        let now_is = Instant::now();
        if self.began.is_none() {
            self.status.fails_since(Some(now()));
        }
        let began = *self.began.get_or_insert(now_is);
        if now_is >= self.warn_at {
            tracing::warn!(%error, failing_for = ?now_is - began, "nothing can be delivered: it waits, and tries again");
            self.warn_at = now_is + WARN_EVERY;
        }
    }

    /// A delivery has succeeded.
    pub(super) fn ends(self) {
        if let Some(began) = self.began {
            tracing::info!(failed_for = ?began.elapsed(), "what waited was delivered");
        }
    }
}

/// Also when it is given up, or taken over by somebody else.
impl Drop for Outage {
    fn drop(&mut self) {
        if self.began.is_some() {
            self.status.fails_since(None);
        }
    }
}
