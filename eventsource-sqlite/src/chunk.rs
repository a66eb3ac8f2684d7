//! How many events one statement puts together.

use sqlx::Error;

/// Enough that the hop between threads does not count, few enough that their bytes fit into memory.
const EVENTS: usize = 256;
/// SQLite's code for a value over its limit of 1 GB.
const TOO_BIG: &str = "18";

/// The size of the next chunk. It shrinks when SQLite says that so many events are too big for one value.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    events: usize,
}

impl Chunk {
    pub(crate) fn new() -> Self {
        Self { events: EVENTS }
    }

    /// The number of events to ask for when `wanted` are.
    pub(crate) fn size(self, wanted: usize) -> usize {
        self.events.min(wanted)
    }

    /// Whether it is worth trying again with fewer events.
    pub(crate) fn shrink_after(&mut self, error: &Error) -> bool {
        let code = error.as_database_error().and_then(|error| error.code());
        if self.events == 1 || code.as_deref() != Some(TOO_BIG) {
            return false;
        }
        self.events /= 4;
        true
    }
}
