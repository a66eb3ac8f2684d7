//! The PostgreSQL store beside hand-written sqlx, on a server that the benchmark starts.

mod append;
mod command;
mod hot;
pub mod large;
mod limits;
pub mod raw;
mod read;
pub mod server;

use crate::measure::Scenario;

/// `long`: with those that need ten million rows.
pub fn all(long: bool) -> Vec<Scenario> {
    let mut all = [append::all(), command::all(), hot::all(), read::all(), limits::all()].concat();
    if long {
        all.extend(large::all());
    }
    all
}
