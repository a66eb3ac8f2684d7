//! What all connections of a proxy share: the state of the network, and what went over it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Wire {
    delay_nanos: AtomicU64,
    round_trips: AtomicU64,
    stopped: AtomicBool,
    cut: Mutex<bool>,
    changed: Condvar,
}

impl Wire {
    pub(super) fn delay(&self) -> Duration {
        Duration::from_nanos(self.delay_nanos.load(SeqCst))
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        self.delay_nanos.store(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX), SeqCst);
    }

    pub(super) fn set_cut(&self, cut: bool) {
        *self.lock() = cut;
        self.changed.notify_all();
    }

    /// Waits while the wire is cut. False if the connection was closed, before or meanwhile.
    pub(super) fn wait_until_whole(&self, closed: &AtomicBool) -> bool {
        let still_cut = |cut: &mut bool| *cut && !closed.load(SeqCst);
        let waited = self.changed.wait_while(self.lock(), still_cut);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        !closed.load(SeqCst)
    }

    /// For those that wait and have been closed.
    pub(super) fn wake_all(&self) {
        // With the lock, or one that has just looked and not begun to wait would sleep on.
        let _lock = self.lock();
        self.changed.notify_all();
    }

    pub(super) fn count_round_trip(&self) {
        self.round_trips.fetch_add(1, SeqCst);
    }

    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(SeqCst)
    }

    pub(super) fn reset_round_trips(&self) {
        self.round_trips.store(0, SeqCst);
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, SeqCst);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
