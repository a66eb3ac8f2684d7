//! Handles each message of a broker once: its id is noted in the transaction of whoever handles it.
//!
//! A relay publishes at least once, and a broker delivers at least once. So a service gets some messages twice, with the same
//! id. It notes the ids of those that it has handled, **in the transaction in which it handles them**: then both are there or
//! neither is, whatever is killed when. It needs a table for that, in its own database, and nothing else of `eventsource`.
//!
//! ```
//! use eventsource_inbox::Inbox;
//! use sqlx::{Connection, SqliteConnection};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sqlx::Error> {
//! # let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
//! # sqlx::query("CREATE TABLE invoices (cents INTEGER)").execute(&mut connection).await?;
//! let inbox = Inbox::new("billing");
//! inbox.create(&mut connection).await?; // at the start
//!
//! for (id, cents) in [("0198c3a5:1", 500), ("0198c3a6:1", 700), ("0198c3a5:1", 500)] {
//!     let mut transaction = connection.begin().await?;
//!     if inbox.is_new(&mut *transaction, id).await? {
//!         sqlx::query("INSERT INTO invoices VALUES (?)").bind(cents).execute(&mut *transaction).await?;
//!     }
//!     transaction.commit().await?;
//!     // and now the broker may forget it
//! }
//! let invoices: i64 = sqlx::query_scalar("SELECT count(*) FROM invoices").fetch_one(&mut connection).await?;
//! assert_eq!(invoices, 2);
//! # Ok(())
//! # }
//! ```
//!
//! The order is: begin, [`is_new`](Inbox::is_new), the work, commit, and only then the acknowledgement to the broker. Whoever is
//! killed before the commit has done nothing, and gets the message again; whoever is killed behind it gets it again, and passes
//! it over.
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `postgres` | inboxes in PostgreSQL, on a `sqlx::PgConnection` |
//! | `sqlite` | inboxes in SQLite, on a `sqlx::SqliteConnection` |

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

/// What one consumer has handled, by the ids of messages.
///
/// All consumers of a database share the table `eventsource_inbox`, whose key is consumer and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    consumer: String,
}

impl Inbox {
    /// Of a consumer with this name; one with another name handles the same messages once more.
    pub fn new(consumer: impl Into<String>) -> Self {
        Self { consumer: consumer.into() }
    }

    /// Makes the table, if it is not there; any number of processes may do it at a time. Fails if the database does.
    pub async fn create<C: InboxConnection>(&self, connection: &mut C) -> Result<(), sqlx::Error> {
        connection.create_inbox().await
    }

    /// Notes a message, and answers whether it was not noted before. It counts when the transaction of the connection is
    /// committed, and if it is not, the message is new again.
    ///
    /// Where two handle the same message at the same time, one waits until the other has committed, and then it is not new; or
    /// has rolled back, and then it is. PostgreSQL tells that to a transaction above `READ COMMITTED` as a serialization failure,
    /// and SQLite as `SQLITE_BUSY` if it takes longer than the `busy_timeout`: roll back and handle the message again.
    ///
    /// Fails if the database does, or if the id is empty: that would be the id of all messages without one.
    pub async fn is_new<C: InboxConnection>(&self, connection: &mut C, message_id: &str) -> Result<bool, sqlx::Error> {
        if message_id.is_empty() {
            return Err(sqlx::Error::InvalidArgument("a message without an id cannot be told from others".to_owned()));
        }
        connection.note(&self.consumer, message_id).await
    }

    /// Forgets what this consumer has handled longer ago than that, and answers how many messages that were.
    ///
    /// A message that comes once more after that is handled once more. Repetitions come soon after a failure, so it need not
    /// be remembered for longer than the longest outage that the relay and the broker may live through: a month, say.
    pub async fn forget<C: InboxConnection>(&self, connection: &mut C, older: Duration) -> Result<u64, sqlx::Error> {
        let seconds = i64::try_from(older.as_secs()).unwrap_or(i64::MAX).min(LONGEST);
        connection.forget(&self.consumer, seconds).await
    }
}

/// A thousand years: more than that is no time for a database.
const LONGEST: i64 = 1_000 * 366 * 24 * 60 * 60;

/// A connection of sqlx to a database that can keep an inbox: to PostgreSQL or SQLite, by the features of this crate.
pub trait InboxConnection: sealed::Sealed + Send {
    #[doc(hidden)]
    fn create_inbox(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    #[doc(hidden)]
    fn note(&mut self, consumer: &str, message_id: &str) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    #[doc(hidden)]
    fn forget(&mut self, consumer: &str, seconds: i64) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
}

mod sealed {
    pub trait Sealed {}
}
