//! Sharing the write lock with other processes.
//!
//! SQLite's own waiting sleeps up to 100 ms between two looks, so a process that commits one batch
//! after the other keeps a second one out for seconds: the lock is free only for moments. So whoever
//! waits looks every millisecond, and whoever writes without a break leaves one now and then that is
//! longer than that.

use std::time::{Duration, Instant};

use sqlx::Error;

use crate::error::is_busy;

const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Long enough for a look, also when the timers of a busy machine are late.
const BREAK: Duration = Duration::from_millis(4);
/// A break each quarter of a second costs 1.6 %, and only while batches follow each other without a gap.
const WORK: Duration = Duration::from_millis(250);

/// How long one statement still waits for the lock.
pub(crate) struct Patience {
    /// For ever, if the time-out is beyond what the clock can count.
    until: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { until: Instant::now().checked_add(timeout) }
    }

    /// Pauses if the lock is what failed and there is time left; else answers false.
    pub(crate) async fn again(&mut self, error: &Error) -> bool {
        if !is_busy(error) || self.until.is_some_and(|until| Instant::now() >= until) {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        true
    }
}

/// When the writer last let others in.
pub(crate) struct Turn {
    began: Instant,
    ended: Instant,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ended: Instant::now() }
    }

    /// Before a batch: takes the break that is due.
    pub(crate) async fn begin(&mut self) {
        if self.ended.elapsed() > LOOK_EVERY {
            self.began = Instant::now();
        } else if self.began.elapsed() > WORK {
            tokio::time::sleep(BREAK).await;
            self.began = Instant::now();
        }
    }

    /// After a batch.
    pub(crate) fn end(&mut self) {
        self.ended = Instant::now();
    }
}
