//! Why a question cannot be answered, and the exit code that says so.

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What is asked for would break what is stored.
    Refused(String),
    /// What was given cannot be used: an argument, a file, a revision.
    Input(String),
    /// Cargo failed and has said why.
    Cargo(String),
}

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Input(_) => 2,
            Self::Cargo(_) => 3,
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Refused(message) | Self::Input(message) | Self::Cargo(message) => message,
        }
    }
}
