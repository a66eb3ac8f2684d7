//! Where a store's recorded times come from.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::event::{now, stored_precision};

/// Where a store's recorded times come from: the system, or a test.
///
/// A store records the greater of its clock and the stream's last time, so even a clock that is set
/// back does no harm.
///
/// ```
/// use eventsource::{Clock, Limits, memory::MemoryStore};
///
/// let noon = "2024-02-29T12:00:00Z".parse().unwrap();
/// let store = MemoryStore::with(Limits::default(), Clock::new(move || noon));
/// # let _ = store;
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// A clock that asks `read`.
    pub fn new(read: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time now, in the microseconds that stores keep.
    pub fn now(&self) -> DateTime<Utc> {
        stored_precision((self.0)())
    }
}

/// The system's clock.
impl Default for Clock {
    fn default() -> Self {
        Self::new(now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}
