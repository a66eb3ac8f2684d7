//! How much is done in a second, of late.

use std::time::Duration;

use tokio::time::Instant;

/// So many seconds are looked at, each by itself.
const SECONDS: usize = 10;
/// What was done in less time says nothing yet.
const LEAST: Duration = Duration::from_millis(100);

/// What was done in each of the last ten seconds. It needs no timer: seconds pass when somebody looks.
#[derive(Clone, Debug)]
pub(super) struct Rate {
    began: Instant,
    done: [u64; SECONDS],
    /// The second that is going on, counted from the beginning.
    now: u64,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), done: [0; SECONDS], now: 0 }
    }

    pub(super) fn add(&mut self, count: u64) {
        self.pass();
        self.done[self.now as usize % SECONDS] += count;
    }

    pub(super) fn per_second(&mut self) -> f64 {
        self.pass();
        let passed = self.began.elapsed().max(LEAST);
        // Of the second that goes on, only what has passed of it.
        let looked_at = passed.saturating_sub(Duration::from_secs(self.now.saturating_sub(SECONDS as u64 - 1)));
        self.done.iter().sum::<u64>() as f64 / looked_at.as_secs_f64()
    }

    /// Empties the seconds that have begun since somebody looked last.
    fn pass(&mut self) {
        let now = self.began.elapsed().as_secs();
        for second in (self.now + 1..=now).rev().take(SECONDS) {
            self.done[second as usize % SECONDS] = 0;
        }
        self.now = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_that_of_the_last_ten_seconds() {
        let mut rate = Rate::new();
        assert_eq!(rate.per_second(), 0.0);
        for second in 1..=60_u32 {
            rate.add(500);
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(rate.per_second(), 500.0, "after {second} s");
        }
        tokio::time::advance(Duration::from_millis(4_500)).await;
        assert_eq!(rate.per_second().round(), (500.0_f64 * 5.0 / 9.5).round());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(rate.per_second(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_a_moment_is_no_miracle() {
        let mut rate = Rate::new();
        rate.add(1_000);
        assert_eq!(rate.per_second(), 10_000.0);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(rate.per_second(), 2_000.0);
    }
}
