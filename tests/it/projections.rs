//! Projections that run: whose they are, what they write, what stops them; on each store.

mod compared;
mod custom;
mod filled;
mod killed;
mod left_out;
mod managers;
mod measured;
mod owners;
mod rebuilt;
mod relay;
mod serving;
mod sinks;
mod status;
mod tally;
mod things;
mod trouble;
mod waiting;
