//! The PostgreSQL store of eventsource: many processes, one order that no subscriber ever skips in.

mod append;
mod checkpoints;
mod conditions;
mod connect;
mod error;
mod first_result;
mod head;
mod held_types;
mod import;
mod inline;
mod inspect;
mod listen;
mod load;
mod locked;
mod maintenance;
mod migrate;
mod noted_types;
mod options;
mod parking;
mod read;
mod rows;
mod shared;
mod snapshots;
mod sql;
mod status;
mod store;
mod transactions;
mod view_rows;
mod view_sql;
mod view_tables;
mod views;
mod watermark;
mod writer;

pub use options::{Ordering, PgOptions};
pub use status::{OpenAppend, PgStatus};
pub use store::PgStore;
