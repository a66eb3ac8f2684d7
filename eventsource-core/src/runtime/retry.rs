//! How often, and after which pauses, something is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// How often a command is tried when others write first or the store stumbles; pauses double, with jitter.
///
/// ```
/// use eventsource::Retry;
///
/// let patient = Retry::attempts(50);
/// let once = Retry::attempts(1);
/// # let _ = (patient, once);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    attempts: usize,
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl Retry {
    /// At most this many attempts, the first among them; 1 at least.
    pub fn attempts(attempts: usize) -> Self {
        Self { attempts: attempts.max(1) }
    }

    /// The one that tries less often.
    pub(crate) fn least(self, other: Self) -> Self {
        Self { attempts: self.attempts.min(other.attempts) }
    }

    /// The pauses of one command; when they are used up, so are the attempts.
    pub(crate) fn start(self) -> Pauses {
        Pauses { retry: self, pauses: None, attempt: 1 }
    }

    fn pauses(self) -> ExponentialBackoff {
        ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(self.attempts - 1)
            .with_jitter()
            .build()
    }
}

impl Default for Retry {
    /// 20 attempts: with 20 writers racing for one stream, each of them comes through.
    fn default() -> Self {
        Self::attempts(20)
    }
}

/// What is left of a command's attempts.
pub(crate) struct Pauses {
    retry: Retry,
    // Made at the first pause: most commands have none.
    pauses: Option<Box<ExponentialBackoff>>,
    attempt: usize,
}

impl Pauses {
    /// Waits before the next attempt, or answers `false` if there is none left.
    pub(crate) async fn pause(&mut self, reason: &(dyn std::fmt::Display + Sync)) -> bool {
        let Some(pause) = self.next(reason) else { return false };
        tokio::time::sleep(pause).await;
        true
    }

    /// The same, but behind the first attempt it does not wait.
    pub(crate) async fn pause_unless_first(&mut self, reason: &(dyn std::fmt::Display + Sync)) -> bool {
        let is_first = self.attempt == 1;
        let Some(pause) = self.next(reason) else { return false };
        if !is_first {
            tokio::time::sleep(pause).await;
        }
        true
    }

    fn next(&mut self, reason: &(dyn std::fmt::Display + Sync)) -> Option<Duration> {
        let retry = self.retry;
        let pause = self.pauses.get_or_insert_with(|| Box::new(retry.pauses())).next()?;
        tracing::debug!(attempt = self.attempt, ?pause, %reason, "trying again");
        self.attempt += 1;
        Some(pause)
    }
}

/// What is left of a reader's patience with a store that cannot be reached.
///
/// It is measured from the first failure on, and begins anew when the store has answered.
pub(crate) struct Patience {
    since: Option<Instant>,
    pauses: ExponentialBackoff,
    until: Instant,
}

const FIRST_PAUSE_OF_READER: Duration = Duration::from_millis(10);
/// By chance, a pause is up to as long again.
const LONGEST_PAUSE_OF_READER: Duration = Duration::from_secs(1);

impl Patience {
    pub(crate) fn new() -> Self {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE_OF_READER)
            .with_max_delay(LONGEST_PAUSE_OF_READER)
            .without_max_times()
            .with_jitter()
            .build();
        Self { since: None, pauses, until: Instant::now() }
    }

    /// Notes a failure; answers `false` if the store has failed for longer than `limit`.
    pub(crate) fn allows(&mut self, limit: Duration, reason: &dyn std::fmt::Display) -> bool {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) >= limit {
            return false;
        }
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE_OF_READER);
        tracing::debug!(failing_for = ?now.duration_since(since), ?pause, %reason, "reading again");
        self.until = now + pause;
        true
    }

    /// Waits for the next attempt; at once if there was no failure.
    pub(crate) async fn pause(&self) {
        if self.since.is_some() {
            tokio::time::sleep_until(self.until).await;
        }
    }

    /// The store has answered. Pauses stay as long as they are: it may fail again at once.
    pub(crate) fn answered(&mut self) {
        self.since = None;
    }
}
