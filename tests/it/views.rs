//! Views: what the derive makes, what folds make of events, and how rows are read.

mod batches;
mod domain;
mod live;
mod reading;
mod shapes;
