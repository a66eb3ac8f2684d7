//! Projections that run: whose they are, what they write, what stops them; on each store.

mod owners;
mod serving;
mod things;
mod trouble;
mod waiting;
