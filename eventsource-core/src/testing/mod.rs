//! For tests: decisions without a store, snapshots against replays, and the book that every store passes.
//!
//! | question | answer |
//! |---|---|
//! | does my aggregate decide right? | [`given`] … `when` … `then` |
//! | does my process manager react right? | [`given`] … [`when_reacting`](Given::when_reacting) … `then` |
//! | do my snapshots say what a replay says? | [`snapshots::assert_snapshots_match_replay`] |
//! | does my store keep its promises? | [`conformance::check`] |
//!
//! Behind the feature `testing`, for dev-dependencies.

pub mod conformance;
mod given;
mod kept;
mod reacted;
pub mod snapshots;

pub use given::{Decided, Given, given};
pub use reacted::{Reacted, recorded};
