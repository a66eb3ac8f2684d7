//! Chance.

use std::time::Duration;

/// A small generator of random numbers (xorshift). Who comes first is decided by the machine, so no seed would
/// bring a race back.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: usize) -> Self {
        Self((seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// From 0 to `sides`, exclusive.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.roll(100) < chance
    }

    /// Sleeps for less than that many milliseconds.
    pub(super) async fn pause(&mut self, milliseconds: u64) {
        let micros = self.roll(milliseconds * 1_000);
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}
