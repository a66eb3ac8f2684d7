//! What PostgreSQL says, as errors that say what to do. An address or a password is in none of them.

use std::time::Duration;

use eventsource_core::{Conflict, StoreError};
use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

/// Why statements failed, before anybody has decided what that means.
#[derive(Debug)]
pub(crate) enum Failure {
    Sql(Error),
    Store(StoreError),
    TimedOut(Duration),
    /// A condition does not hold: what was written in its transaction must go.
    Moved(Conflict),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

const UNIQUE_VIOLATION: &str = "23505";
const LOCK_NOT_AVAILABLE: &str = "55P03";

impl Failure {
    /// PostgreSQL's code of the error.
    pub(crate) fn code(&self) -> Option<String> {
        let Self::Sql(error) = self else { return None };
        Some(error.as_database_error()?.code()?.into_owned())
    }

    /// What PostgreSQL adds to its message, such as what depends on what.
    pub(crate) fn detail(&self) -> Option<&str> {
        let Self::Sql(error) = self else { return None };
        error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?.detail()
    }

    /// Another append was faster: its event stands where this one was to stand, or has its command key.
    pub(crate) fn is_lost_race(&self) -> bool {
        let Self::Sql(Error::Database(error)) = self else { return false };
        error.code().as_deref() == Some(UNIQUE_VIOLATION)
            && matches!(error.constraint(), Some("events_stream_version" | "events_stream_command_key"))
    }

    /// PostgreSQL chose this one to give way (serialization failure, deadlock).
    pub(crate) fn must_give_way(&self) -> bool {
        self.code().is_some_and(|code| gives_way(&code))
    }

    /// A lock was not free in time.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.code().as_deref() == Some(LOCK_NOT_AVAILABLE)
    }

    /// The statement may or may not have been carried out, and another connection is needed to find out.
    pub(crate) fn breaks_connection(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::Store(_) | Self::Moved(_) => false,
            Self::Sql(error) => loses_connection(error),
        }
    }

    /// The server cannot be reached, or was lost: the same would happen to any other statement now.
    pub(crate) fn is_unavailable(&self) -> bool {
        self.breaks_connection() || matches!(self, Self::Store(error) if error.is_transient())
    }

    pub(crate) fn explain(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::TimedOut(time) => StoreError::transient(format!("PostgreSQL did not answer a statement in {time:?}")),
            Self::Sql(error) => explain(error),
            Self::Moved(conflict) => StoreError::failed(conflict.to_string()),
        }
    }
}

fn gives_way(code: &str) -> bool {
    matches!(code, "40001" | "40P01")
}

fn loses_connection(error: &Error) -> bool {
    match error {
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // Shut down, crashed, starting; and connection exceptions.
            code.starts_with("57P") || code.starts_with("08")
        }
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether a statement of somebody else's failed for what has nothing to do with it, and may succeed when it is tried again.
pub(crate) fn passes(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let gives_way = code.is_some_and(|code| gives_way(&code) || matches!(&*code, LOCK_NOT_AVAILABLE | "57014"));
    gives_way || loses_connection(error)
}

fn explain(error: Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    let Some(code) = code else {
        return match error {
            Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed => {
                StoreError::transient("the connection to PostgreSQL was lost").with_source(error)
            }
            Error::Tls(_) => StoreError::failed("the encrypted connection to PostgreSQL failed").with_source(error),
            // The text of a configuration error may quote the address, so it is left out.
            Error::Configuration(_) => StoreError::invalid("the address of PostgreSQL is malformed"),
            error => StoreError::failed("a statement for PostgreSQL failed").with_source(error),
        };
    };
    let (make, text): (fn(String) -> StoreError, &str) = match &*code {
        "40001" | "40P01" => (StoreError::transient, "PostgreSQL let another transaction go first"),
        "23505" => (StoreError::transient, "another append was faster"),
        LOCK_NOT_AVAILABLE => (StoreError::transient, "a lock in PostgreSQL did not become free in time"),
        "57014" => (StoreError::transient, "PostgreSQL cancelled the statement"),
        "57P01" | "57P02" | "57P03" => (StoreError::transient, "PostgreSQL is shutting down or starting"),
        "53300" => (StoreError::transient, "PostgreSQL has no connection left; raise max_connections or lower ours"),
        "53100" => (StoreError::failed, "PostgreSQL's disk is full"),
        "25006" => (StoreError::failed, "PostgreSQL is read-only: a standby, or default_transaction_read_only"),
        "28P01" | "28000" => (StoreError::failed, "PostgreSQL did not accept the credentials"),
        "3D000" => (StoreError::failed, "the database does not exist"),
        "42501" => (StoreError::failed, "the role lacks a privilege; see PgStore::grants"),
        "42P01" | "42883" | "3F000" => {
            (StoreError::incompatible, "the schema is not, or not wholly, that of an event store; run PgStore::migrate")
        }
        "26000" | "42P05" => {
            (StoreError::failed, "a pooler has mixed up prepared statements; behind one, PgOptions::pooled is needed")
        }
        "54000" => (StoreError::too_large, "a value is too large for PostgreSQL"),
        code if code.starts_with("08") => (StoreError::transient, "the connection to PostgreSQL was lost"),
        code if code.starts_with("22") => (StoreError::invalid, "PostgreSQL cannot keep a value"),
        _ => (StoreError::failed, "a statement for PostgreSQL failed"),
    };
    make(text.to_owned()).with_source(error)
}
