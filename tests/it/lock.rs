//! `events.lock`, as a compiler sees it: small packages that are checked by cargo, with one change each.

mod compared;
mod package;
mod readme;
mod reported;
