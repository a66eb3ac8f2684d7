//! What the statements leave: the same work by the store's own statements, with nothing of the store around them.
//!
//! Each stands beside a scenario of the same name without `limit-`, and has its bound. Where the limit misses it, the
//! store cannot reach it.

mod appends;
mod reads;
mod statements;
mod together;

use super::{raw, raw_bytes, server};
use crate::book::scenario::Scenario;

pub fn all() -> Vec<Scenario> {
    [appends::all(), together::all(), reads::all()].into_iter().flatten().collect()
}
