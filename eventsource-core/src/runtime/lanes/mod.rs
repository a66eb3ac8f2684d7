//! Commands of one process on one stream, one after the other: each is decided on what the one before it has decided,
//! and what waits is stored together.
//!
//! An append that holds several decisions is stored as a whole or not at all, and the next one leaves when it is answered. So a
//! decision is never stored unless everything that it was made on is: an expected version alone would not show
//! that, because another process may have written as many events as were expected.

mod cache;
mod known;
mod lane;
mod loading;
mod sending;
mod waiting;

pub use cache::CacheLimits;
pub(crate) use cache::Lanes;
pub(crate) use known::Known;
pub(crate) use lane::{Basis, Lane, Turn};
pub(crate) use loading::Stands;
pub(crate) use sending::Leading;
pub(crate) use waiting::{Answer, Batch, Place};
