//! The real binary on packages in a temporary git repository.

mod against;
mod amending;
mod bad_input;
mod golden;
mod locking;
mod repository;
mod selecting;
