//! The crate over real HTTP: a bank that is served on a free port, and clients of it.

mod bank;
mod conditions;
mod keys;
mod problems;
mod tokens;
mod traces;
