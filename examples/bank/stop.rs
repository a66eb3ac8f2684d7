//! Why the program ends before its end, and with which exit code.

use std::process::ExitCode;

use eventsource::{BoxError, StoreError};

use super::ledger::BadInput;

/// What ends the program early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Exit code 2: the user can mend it.
    #[error(transparent)]
    BadInput(#[from] BadInput),
    /// Exit code 2: an account that was asked for and has no events.
    #[error("account {0} is not in the store")]
    NoSuchAccount(u64),
    /// Exit code 1: it broke.
    #[error(transparent)]
    Broken(BoxError),
}

impl Stop {
    pub(crate) fn broken(error: impl Into<BoxError>) -> Self {
        Self::Broken(error.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadInput(_) | Self::NoSuchAccount(_) => ExitCode::from(2),
            Self::Broken(_) => ExitCode::FAILURE,
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::broken(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::broken(error)
    }
}
