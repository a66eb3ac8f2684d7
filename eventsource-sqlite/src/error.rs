//! What SQLite says, as errors that name the file and what to do.

use eventsource_core::StoreError;
use sqlx::Error;

const BUSY: i64 = 5;
const LOCKED: i64 = 6;
const READ_ONLY: i64 = 8;
const IO_ERROR: i64 = 10;
const CORRUPT: i64 = 11;
const FULL: i64 = 13;
const CANNOT_OPEN: i64 = 14;
const CONSTRAINT: i64 = 19;
const NOT_A_DATABASE: i64 = 26;

/// Says what a failed statement means for the store in `file`.
pub(crate) fn explain(file: &str, error: Error) -> StoreError {
    match &error {
        Error::PoolClosed => return StoreError::closed(),
        Error::PoolTimedOut => {
            return StoreError::transient(format!("{file}: no connection became free in time")).with_source(error);
        }
        Error::WorkerCrashed => {
            return StoreError::transient(format!("{file}: the connection's thread ended")).with_source(error);
        }
        _ => {}
    }
    let Some(code) = primary_code(&error) else {
        return StoreError::failed(format!("{file}: the statement failed")).with_source(error);
    };
    let (make, text): (fn(String) -> StoreError, &str) = match code {
        BUSY | LOCKED => (StoreError::transient, "another process holds the write lock"),
        CORRUPT => (StoreError::corrupt, "the file is damaged; restore it from a backup"),
        NOT_A_DATABASE => (StoreError::corrupt, "the file is not a SQLite database, or its beginning is damaged"),
        READ_ONLY => (StoreError::failed, "the file cannot be written"),
        CANNOT_OPEN => (StoreError::failed, "the file cannot be opened; does its folder exist?"),
        FULL => (StoreError::failed, "the disk is full"),
        IO_ERROR => (StoreError::failed, "the file cannot be read or written; is it truncated, or the disk failing?"),
        _ => (StoreError::failed, "the statement failed"),
    };
    make(format!("{file}: {text}")).with_source(error)
}

/// Whether another connection holds the lock that the statement needs.
pub(crate) fn is_busy(error: &Error) -> bool {
    primary_code(error) == Some(BUSY)
}

/// Whether a constraint or a trigger of the tables refused the rows.
pub(crate) fn is_refused(error: &Error) -> bool {
    primary_code(error) == Some(CONSTRAINT)
}

/// The low byte of SQLite's result code.
fn primary_code(error: &Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i64>().ok().map(|code| code & 0xff)
}
