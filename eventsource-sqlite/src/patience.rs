//! Waiting for another process's write lock.
//!
//! SQLite's own waiting sleeps up to 100 ms between two looks, so a process that commits one batch
//! after the other keeps a second one out for seconds: the lock is free only for moments. Looking
//! every few milliseconds finds such a moment soon.

use std::time::{Duration, Instant};

use sqlx::Error;

use crate::error::is_busy;

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(4);

/// How long one statement still waits for the lock.
pub(crate) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { until: Instant::now() + timeout, pause: FIRST_PAUSE }
    }

    /// Pauses if the lock is what failed and there is time left; else answers false.
    pub(crate) async fn again(&mut self, error: &Error) -> bool {
        if !is_busy(error) || Instant::now() >= self.until {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        true
    }
}
