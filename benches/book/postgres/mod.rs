//! The PostgreSQL store beside hand-written sqlx, on a server that the benchmark starts.

mod append;
mod command;
mod hot;
pub mod large;
mod limits;
pub mod raw;
mod raw_bytes;
mod read;
pub mod server;
mod two_processes;

use super::scenario::Scenario;
pub use server::facts;
pub use two_processes::{HOT_PROCESS, hot_process};

/// Numbers of connections of which the best counts, where there are more tasks than a server should have connections.
const BEST_OF: [usize; 3] = [8, 16, 32];

/// `long`: with those that need ten million rows.
pub fn all(long: bool) -> Vec<Scenario> {
    let mut all: Vec<Scenario> =
        [append::all(), command::all(), hot::all(), read::all(), limits::all()].into_iter().flatten().collect();
    if long {
        all.extend(large::all());
    }
    all
}
