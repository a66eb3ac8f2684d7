//! Commands and loads through the repository, on each store.

mod account;
mod commands;
mod faults;
mod hot;
mod nested;
mod past;
mod snapshots;
