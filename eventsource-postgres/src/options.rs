//! What can be chosen when a store is opened.

use std::time::Duration;

use eventsource_core::{Clock, Limits, StoreError};

/// What can be chosen when a store is opened. TLS, credentials and the address belong to the URL.
///
/// ```
/// use std::time::Duration;
/// use eventsource::postgres::PgOptions;
///
/// let options = PgOptions::default().schema("bank").connections(16).statement_timeout(Duration::from_secs(10));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct PgOptions {
    pub(crate) schema: String,
    pub(crate) ordering: Option<Ordering>,
    pub(crate) connections: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) group_commit: bool,
    pub(crate) listen: bool,
    pub(crate) pooled: bool,
    pub(crate) limits: Limits,
    pub(crate) clock: Option<Clock>,
}

/// How positions come to be in an order in which nothing ever appears behind a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ordering {
    /// Appends run beside each other, and readers stay below the oldest one that is open. The default.
    #[default]
    Floor,
    /// One append at a time holds a lock until its commit. It needs nothing but row locks; with one
    /// process it is as fast, with several they wait for each other's commits.
    Serialized,
}

impl Ordering {
    /// The word that the `store` row has for it.
    pub(crate) fn stored(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Serialized => "serialized",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Result<Self, StoreError> {
        match text {
            "floor" => Ok(Self::Floor),
            "serialized" => Ok(Self::Serialized),
            other => Err(StoreError::incompatible(format!(
                "the store has the ordering {other:?}, which this release does not know; use a newer release"
            ))),
        }
    }
}

impl Default for PgOptions {
    fn default() -> Self {
        Self {
            schema: "eventsource".to_owned(),
            ordering: None,
            connections: 8,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_millis(100),
            group_commit: true,
            listen: true,
            pooled: false,
            limits: Limits::default(),
            clock: None,
        }
    }
}

impl PgOptions {
    /// The schema that holds the store's tables: `eventsource` if not said. One database may hold several stores.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// The ordering of a store that [`migrate`](crate::PgStore::migrate) creates: [`Ordering::Floor`] if not said.
    /// A store that is there keeps its own, and one with another than was asked for is refused.
    pub fn ordering(mut self, ordering: Ordering) -> Self {
        self.ordering = Some(ordering);
        self
    }

    /// How many connections serve loads, reads and single writes: 8 if not said, 1 at least. Group commit has three
    /// more, and listening two. They are opened when they are needed.
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long to wait for a connection, a free one or a new one: 10 seconds if not said.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a connection is kept that nobody needs: 60 seconds if not said. It is closed when another one has done
    /// its work, so a store that does nothing keeps what it has.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long to wait for the answer to a statement: 30 seconds if not said. Then its connection is given up.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How long a group commit waits for a stream that an open transaction has locked: 100 ms if not said. Then
    /// the others go on, and the stream's appends wait by themselves, up to the statement time-out.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Whether appends that wait at the same time share a commit: yes if not said.
    pub fn group_commit(mut self, on: bool) -> Self {
        self.group_commit = on;
        self
    }

    /// Whether to hear of other processes' appends by `LISTEN`: yes if not said. Behind a pooler in
    /// transaction mode it cannot work; say no, and waiting readers look by themselves, every 100 ms at least.
    pub fn listen(mut self, on: bool) -> Self {
        self.listen = on;
        self
    }

    /// For a pooler in transaction mode that does not know prepared statements, such as PgBouncer before 1.21 or with
    /// `max_prepared_statements = 0`: no if not said. Each statement is then sent unprepared, in a transaction of
    /// three round trips. It includes `listen(false)`. Statements of your own in the store's transactions need sqlx's
    /// `persistent(false)` then.
    pub fn pooled(mut self, on: bool) -> Self {
        self.pooled = on;
        self.listen &= !on;
        self
    }

    /// How much one append may hold.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where recorded times come from: the server's clock if not said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The recorded time to send, if it is not the server's.
    pub(crate) fn now(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.clock.as_ref().map(Clock::now)
    }
}
