//! What can be chosen when a store is opened.

use std::time::Duration;

use eventsource_core::{Clock, Limits};

/// What can be chosen when a store is opened.
///
/// ```
/// use eventsource::sqlite::{SqliteOptions, Synchronous};
///
/// let options = SqliteOptions::default().synchronous(Synchronous::Normal).readers(8);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(crate) synchronous: Synchronous,
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: u32,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
}

/// When a commit counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk: an acknowledged event survives a power failure. The default.
    #[default]
    Full,
    /// When it is with the operating system: faster, because no append waits for the disk. A power
    /// failure or a crash of the system may lose the last commits, **among them events that a
    /// subscriber has already acted on**. A crash of the program alone loses nothing.
    Normal,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            synchronous: Synchronous::Full,
            busy_timeout: Duration::from_secs(5),
            readers: 4,
            limits: Limits::default(),
            clock: Clock::default(),
        }
    }
}

impl SqliteOptions {
    /// When a commit counts as stored.
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How long to wait for another process that is writing: 5 seconds if not said.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How many connections read at the same time: 4 if not said, 1 at least.
    pub fn readers(mut self, readers: u32) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How much one append may hold.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where recorded times come from: the system's clock if not said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}
