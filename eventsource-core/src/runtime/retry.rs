//! How often, and after which pauses, something is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

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

    /// The pauses of one command; when they are used up, so are the attempts.
    pub(crate) fn start(self) -> Pauses {
        let builder = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(self.attempts - 1)
            .with_jitter();
        Pauses { builder, pauses: None, attempt: 1 }
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
    builder: ExponentialBuilder,
    // Made at the first pause: most commands have none.
    pauses: Option<ExponentialBackoff>,
    attempt: usize,
}

impl Pauses {
    /// Waits before the next attempt, or answers `false` if there is none left.
    pub(crate) async fn pause(&mut self, reason: &(dyn std::fmt::Display + Sync)) -> bool {
        let builder = self.builder;
        let Some(pause) = self.pauses.get_or_insert_with(|| builder.build()).next() else { return false };
        tracing::debug!(attempt = self.attempt, ?pause, %reason, "trying again");
        self.attempt += 1;
        tokio::time::sleep(pause).await;
        true
    }
}
