//! eventsource through HTTP, with axum.
#![doc = include_str!("../README.md")]

mod command;
mod done;
mod etag;
mod idempotency_key;
mod precondition;
mod problem;
mod query;
mod refusal;
mod trace_parent;

pub use command::CommandHeaders;
pub use done::Done;
pub use etag::ETag;
pub use problem::Problem;
pub use query::{CAUSALITY_TOKEN, QueryHeaders};
pub use refusal::Refusal;
