//! Projections that run: whose they are, what they write, what stops them; on each store.

mod custom;
mod owners;
mod serving;
mod sinks;
mod tally;
mod things;
mod trouble;
mod waiting;
