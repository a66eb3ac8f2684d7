//! Subscriptions: what is stored, then what comes, without a seam; on each store.

mod cursors;
mod filters;
mod idle;
mod pace;
mod restored;
mod seam;
mod things;
mod trouble;
