//! The embedded store of eventsource, on SQLite: one file, no server.

mod batch;
mod checkpoints;
mod chunk;
mod connect;
mod error;
mod first_result;
mod frame;
mod heads;
mod held_types;
mod import;
mod inline;
mod insert;
mod load;
mod maintenance;
mod migrate;
mod options;
mod parking;
mod patience;
mod read;
mod readers;
mod snapshots;
mod store;
mod transactions;
mod verify;
mod view_rows;
mod view_sql;
mod view_tables;
mod views;
mod watch;
mod writer;

pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;
pub use verify::{Problem, Verification};
