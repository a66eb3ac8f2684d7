//! Commands and loads through the repository, on each store.

mod account;
mod at_once;
mod cached;
mod commands;
mod faults;
mod hot;
mod nested;
mod past;
mod snapshots;
mod together;
